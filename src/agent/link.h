// The way to the service: several servers, one connection, and what is wrong with it.
// May touch: http. Called by: agent.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "http/client.h"

namespace poolkey::agent {

/// Whose documents and what is asked about, behind every path.
struct Subject {
  PoolName pool;
  MemberName member;
};

class Link {
 public:
  Link(std::vector<std::string> servers, const Subject& subject, http::Options options,
       const Clock& clock);

  /// The answer of the first server that gives one, beginning with the last that did. `request.url`
  /// is the path below the member's own, such as "/documents". Nothing where none is to be had:
  /// unreachable, not believed, or busy (429, 502, 503, 504); then trouble() says why.
  std::optional<http::Response> ask(http::Request request);

  const std::optional<Error>& trouble() const { return trouble_; }
  /// What the last busy server asked for.
  std::optional<std::chrono::seconds> retry_after() const { return retry_after_; }
  /// The service's clock less ours, by the last answer.
  std::optional<Duration> skew() const { return skew_; }
  /// The same request and answer as an error, for answers that are none.
  Error refusal(const http::Request& request, const http::Response& response) const;

 private:
  std::optional<http::Response> try_one(const http::Request& request);

  std::vector<std::string> servers_;
  std::string path_;
  http::Client client_;
  const Clock& clock_;
  std::size_t current_ = 0;
  std::optional<Error> trouble_;
  std::optional<std::chrono::seconds> retry_after_;
  std::optional<Duration> skew_;
};

}  // namespace poolkey::agent
