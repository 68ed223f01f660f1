// Whether the service lives, whether it can sign, and what it counts.
#include "service/chores.h"
#include "service/gauges.h"
#include "service/handlers.h"
#include "service/problem.h"

namespace poolkey::service {
namespace {

/// Anybody may ask, so the token is asked once a second at most.
constexpr std::chrono::seconds kReadyFor{1};
constexpr std::chrono::seconds kAsking{2};

Response live(Call& call) {
  const auto up = std::chrono::steady_clock::now() - call.shared.started;
  return json_response(
      json::object{{"status", "live"},
                   {"seconds", std::chrono::duration_cast<std::chrono::seconds>(up).count()}});
}

Response ready(Call& call) {
  static std::timed_mutex mutex;
  static std::chrono::steady_clock::time_point checked{};
  // With a token that hangs, those who ask do not hold every worker.
  const std::unique_lock lock(mutex, kAsking);
  if (!lock.owns_lock()) throw Error(Errc::kUnavailable, "the origin's token does not answer");
  if (std::chrono::steady_clock::now() - checked > kReadyFor) {
    try {
      sign_and_verify(call.context());
    } catch (const Error& error) {
      call.shared.report_token_trouble();
      throw Error(Errc::kUnavailable, "the origin's token does not sign", error.where());
    }
    checked = std::chrono::steady_clock::now();
  }
  return json_response(json::object{{"status", "ready"}});
}

Response metrics(Call& call) {
  refresh_gauges(call);
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8",
          .body = call.shared.metrics().text()};
}

}  // namespace

std::span<const Route> health_routes() {
  static const auto& routes = *new std::vector<Route>{
      {.method = "GET",
       .path = "/v1/health/live",
       .access = Access::kPublic,
       .summary = "The process answers",
       .answer = "Health",
       .handle = live},
      {.method = "GET",
       .path = "/v1/health/ready",
       .access = Access::kPublic,
       .summary = "The origin's token has signed, and the signature verified",
       .answer = "Health",
       .handle = ready},
      {.method = "GET",
       .path = "/v1/metrics",
       .action = policy::AccessAction::kMetricsRead,
       .summary = "What the service counts, in Prometheus' text format",
       .handle = metrics},
  };
  return routes;
}

}  // namespace poolkey::service
