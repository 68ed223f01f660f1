// HTTP/1.1 over TLS and over a unix socket, within limits. The only home of Boost.Beast and of
// coroutines. May touch: crypto's TLS context. Called by: service.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "service/message.h"

struct ssl_ctx_st;

namespace poolkey::service {

/// Where the server listens: "127.0.0.1:8443", "[::]:8443", or an absolute path of a unix socket.
/// `fd` is a socket that listens already (systemd's), or -1.
struct Endpoint {
  std::string address;
  int fd = -1;
  bool is_unix() const { return address.starts_with('/'); }
};

/// All are per connection but the first two. Times are of wall time in which nothing else counts:
/// a client that sends one octet a second is too slow whatever it sends.
struct ServerLimits {
  std::size_t connections = 4096;
  std::size_t connections_per_address = 2048;
  std::size_t header = 16U << 10;  ///< octets of request line and headers
  std::chrono::seconds handshake{10};
  std::chrono::seconds header_time{10};
  std::chrono::seconds body_time{30};
  std::chrono::seconds write_time{30};
  std::chrono::seconds idle{75};
};

/// What the server counts, for metrics.
struct ServerCounts {
  std::uint64_t connections = 0, handshakes = 0, failed_handshakes = 0, refused = 0;
  std::size_t open = 0;
};

/// The I/O threads read and write; requests are handed over whole, and answered from any thread.
class HttpServer {
 public:
  using Reply = std::function<void(Response)>;
  /// Called on an I/O thread: must not block.
  using Handle = std::function<void(Request, Reply)>;
  /// How many octets of body this head may have; nothing where it may have none, or an answer
  /// instead, after which the connection is closed. Called on an I/O thread.
  using BodyLimit = std::function<std::size_t(const Request& head)>;

  HttpServer(ServerLimits limits, Handle handle, BodyLimit body_limit);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  /// New connections use this context from now on; the server takes a reference.
  void use_tls(ssl_ctx_st* context);
  /// Binds and listens. Throws kUnavailable naming the address.
  void listen(const Endpoint& endpoint);
  /// Where it listens, with the ports that the kernel chose for port 0.
  std::vector<std::string> addresses() const;
  void start(unsigned threads);
  /// Takes no more connections, lets every request that was begun be answered, and ends; what is
  /// not over after `grace` is cut off.
  void stop(std::chrono::seconds grace);
  ServerCounts counts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace poolkey::service
