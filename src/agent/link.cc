#include "agent/link.h"

#include <algorithm>
#include <array>

namespace poolkey::agent {
namespace {

// Another server, or another time, may do better.
constexpr std::array kBusy{429L, 502L, 503L, 504L};

}  // namespace

Link::Link(std::vector<std::string> servers, const Subject& subject, http::Options options,
           const Clock& clock)
    : servers_(std::move(servers)),
      path_("/v1/pools/" + subject.pool.str() + "/members/" + subject.member.str()),
      client_(std::move(options)),
      clock_(clock) {
  if (servers_.empty()) throw Error(Errc::kInvalidArgument, "no server is named");
}

std::optional<http::Response> Link::ask(http::Request request) {
  const std::string path = path_ + request.url;
  trouble_.reset();
  retry_after_.reset();
  for (std::size_t tries = 0; tries < servers_.size(); ++tries) {
    request.url = servers_[current_] + path;
    if (auto answer = try_one(request)) return answer;
    current_ = (current_ + 1) % servers_.size();
  }
  return std::nullopt;
}

std::optional<http::Response> Link::try_one(const http::Request& request) {
  try {
    http::Response answer = client_.send(request);
    if (const auto date = http::http_date(answer.header("date"))) skew_ = *date - clock_.now();
    if (std::ranges::find(kBusy, answer.status) == kBusy.end()) return answer;
    retry_after_ = http::retry_after(answer, clock_.now());
    trouble_ = http::problem_of(request, answer);
  } catch (const Error& error) {
    // What is wrong with our own key or memory is not the service's trouble.
    if (error.code() == Errc::kInternal || error.code() == Errc::kInvalidArgument) throw;
    trouble_ = error;
  }
  return std::nullopt;
}

Error Link::refusal(const http::Request& request, const http::Response& response) const {
  http::Request whole = request;
  whole.url = servers_[current_] + path_ + request.url;
  return http::problem_of(whole, response);
}

}  // namespace poolkey::agent
