// HTTP as a client: the one home of libcurl. May touch: base, crypto, libcurl (in the .cc).
// Called by: agent, requests (the EST route), cli (the service's socket).
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "crypto/tls_client.h"

namespace poolkey::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method = "GET";
  std::string url{};  ///< https; http only through a unix socket
  Headers headers{};
  std::string body{};
  /// How long the server may hold the answer back on top of the limits: a long poll.
  std::chrono::seconds wait{0};
};

struct Response {
  long status = 0;
  Headers headers{};  ///< names in lower case, as they came
  std::string body{};

  /// The first header of this name, given in lower case; empty: there is none.
  std::string header(std::string_view name) const;
};

struct Options {
  std::shared_ptr<crypto::TlsClient> tls{};  ///< null only with a unix socket
  std::filesystem::path unix_socket{};       ///< empty: TCP, by the proxies of the environment
  std::chrono::milliseconds connect{std::chrono::seconds(10)};
  std::chrono::milliseconds total{std::chrono::seconds(60)};
  std::chrono::seconds stalled{20};  ///< without one octet in either direction
  std::size_t largest = 16U << 20;   ///< octets of an answer's body
  /// Called about once a second of a transfer, which ends where it gives false.
  std::function<bool()> go_on{};
};

/// One connection that is kept and used again. One thread at a time. A request whose kept
/// connection turns out to be closed is sent once more, so requests must bear that.
class Client {
 public:
  explicit Client(Options options);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  /// The answer, whatever its status; redirects are not followed. Throws kUnavailable (not reached,
  /// connection lost, stopped), kTimeout, kDenied (TLS: who is not believed, and why),
  /// kInvalidArgument (URL or header), kCorrupt (no HTTP, or too large).
  Response send(const Request& request);
  /// The same for an answer with status 2xx or 304; throws problem_of() of any other.
  Response must(const Request& request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// An answer of status 400 and above as our error: its kind from the problem document (RFC 9457)
/// where the service named it, else by the status; its sentence from the problem's detail.
Error problem_of(const Request& request, const Response& response);

/// The code that poolkey::name() calls so, as problem documents and the service's answers have it;
/// nothing for another word.
std::optional<Errc> errc_named(std::string_view word);

/// A date as HTTP writes it (RFC 9110 5.6.7).
std::optional<Time> http_date(const std::string& text);
/// What Retry-After asks for, as seconds from `now`; at most a day.
std::optional<std::chrono::seconds> retry_after(const Response& response, Time now);

}  // namespace poolkey::http
