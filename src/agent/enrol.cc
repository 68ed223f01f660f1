#include "agent/enrol.h"

#include <algorithm>
#include <thread>

#include "pool/enrol.h"

namespace poolkey::agent {
namespace {

using namespace std::chrono_literals;

constexpr const char* kPath = "/enrolment";
constexpr std::string_view kAnswer = "the service's answer";

constexpr int kMostTries = 20;  // where the service asks to come again later

http::Options options_of(const EnrolmentOrder& order, std::function<bool()> go_on) {
  return {.tls = std::make_shared<crypto::TlsClient>(
              crypto::TlsClientSpec{.pinned_root = order.root_sha256}),
          .go_on = std::move(go_on)};
}

}  // namespace

Enrolment::Enrolment(app::App& side, EnrolmentOrder order, std::function<bool()> go_on)
    : app_(side),
      order_(std::move(order)),
      go_on_(std::move(go_on)),
      side_(side.member()),
      link_(order_.settings.servers, {side_.pool, side_.name}, options_of(order_, go_on_),
            side_.context.clock) {}

http::Request Enrolment::authorized(std::string method) const {
  return {.method = std::move(method),
          .url = kPath,
          .headers = {{"Authorization", "Bearer " + to_text(order_.code.view())}}};
}

http::Response Enrolment::must(const http::Request& request) {
  auto answer = link_.ask(request);
  // Many members may enrol at the same time from one place.
  for (int tries = 0; !answer && link_.retry_after() && tries < kMostTries; ++tries) {
    const auto wait = std::clamp<std::chrono::seconds>(*link_.retry_after(), 1s, 30s);
    for (auto left = wait; left > 0s && go_on_(); left -= 1s) std::this_thread::sleep_for(1s);
    answer = link_.ask(request);
  }
  if (!answer) throw Error(*link_.trouble());
  if (answer->status / 100 != 2 && answer->status != 304) throw link_.refusal(request, *answer);
  return std::move(*answer);
}

Bytes Enrolment::request() {
  const Bytes fingerprint = pool::request_enrolment(side_);
  app_.checkpoint();
  http::Request post = authorized("POST");
  post.headers.emplace_back("Content-Type", "application/json");
  post.body = pool::requested_enrolment(side_);
  (void)must(post);
  return fingerprint;
}

bool Enrolment::finish(std::chrono::seconds wait) {
  const auto until = std::chrono::steady_clock::now() + wait;
  http::Request ask = authorized("GET");
  while (true) {
    const http::Response answer = must(ask);
    if (answer.status == 200) {
      const json::value document = json::parse(answer.body, kAnswer);
      const json::object& members = json::as_object(document, kAnswer);
      if (json::text(members, "state", kAnswer) == "admitted") {
        take(answer.body);
        return true;
      }
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::seconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    ask = authorized("GET");
    ask.wait = std::min(left, order_.settings.wait);
    ask.headers.emplace_back("Prefer", "wait=" + std::to_string(ask.wait.count()));
    ask.headers.emplace_back("If-None-Match", answer.header("etag"));
  }
}

void Enrolment::take(const std::string& answer) {
  const json::value document = json::parse(answer, kAnswer);
  const json::object& members = json::as_object(document, kAnswer);
  side_.mailbox.put(
      side_.mailbox.to_member(side_.pool, side_.name, std::string(pool::kConfirmationFile)),
      from_base64(json::text(members, "confirmation", kAnswer)));
  const crypto::Certificate root = pool::confirm_enrolment(side_, order_.root_sha256);
  app_.checkpoint();
  keep_certificate(app_.home(),
                   checked_certificate(side_, json::text(members, "certificate", kAnswer), root));
  // Last: a home with an agent.toml is enrolled.
  write_settings(app_.home(), order_.settings);
}

std::vector<crypto::Certificate> checked_certificate(pool::MemberSide& side, const std::string& pem,
                                                     const crypto::Certificate& root) {
  std::vector<crypto::Certificate> chain = crypto::Certificate::list_from_pem(pem);
  const crypto::Certificate& leaf = chain.front();
  if (!(leaf.public_key() == pool::own_key(side, pool::OwnRole::kIdentity).public_key) ||
      leaf.common_name() != side.pool.str() + "/" + side.name.str())
    throw Error(Errc::kCorrupt, "the service sent a certificate of '" + leaf.subject() +
                                    "', which is not for this member's identity key");
  crypto::verify_chain(leaf, {chain.begin() + 1, chain.end()}, root, std::nullopt);
  std::erase(chain, root);
  return chain;
}

}  // namespace poolkey::agent
