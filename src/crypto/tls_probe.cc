#include "crypto/tls_probe.h"

#include <netdb.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include "crypto/openssl.h"

namespace poolkey::crypto {
namespace {

using SslContext = std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, Free<SSL_free>>;
using Addresses = std::unique_ptr<addrinfo, Free<freeaddrinfo>>;

constexpr std::chrono::milliseconds kNap{200};
constexpr std::chrono::seconds kOneTry{5};
constexpr std::size_t kMaxTalk = 64U << 10;  // of a server, before TLS

/// What is said before TLS begins: send, then wait for a line that begins so.
struct Exchange {
  std::string_view send, expect;
};
struct StartTls {
  std::string_view name;
  std::vector<Exchange> talk;
};

const std::vector<StartTls>& protocols() {
  static const auto& all = *new std::vector<StartTls>{
      {"smtp", {{"", "220 "}, {"EHLO poolkey\r\n", "250 "}, {"STARTTLS\r\n", "220 "}}},
      {"imap", {{"", "* OK"}, {"a STARTTLS\r\n", "a OK"}}},
      {"pop3", {{"", "+OK"}, {"STLS\r\n", "+OK"}}},
  };
  return all;
}

[[noreturn]] void unavailable(const Endpoint& e, const std::string& why) {
  throw Error(Errc::kUnavailable, e.host + ":" + e.port + ": " + why);
}

class Socket {
 public:
  Socket(const Endpoint& endpoint, std::chrono::seconds limit) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int error =
            ::getaddrinfo(endpoint.host.c_str(), endpoint.port.c_str(), &hints, &found))
      unavailable(endpoint, ::gai_strerror(error));
    const Addresses addresses(found);
    std::string why = "no address";
    for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
      fd_ = ::socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
      const timeval patience{limit.count(), 0};
      if (fd_ >= 0 && ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
          ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0 &&
          ::connect(fd_, a->ai_addr, a->ai_addrlen) == 0)
        return;
      why = std::strerror(errno);
      close();
    }
    unavailable(endpoint, why);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { close(); }
  int get() const { return fd_; }

  void talk(const Endpoint& endpoint, const std::vector<Exchange>& exchanges) const {
    std::size_t heard = 0;
    for (const Exchange& one : exchanges) {
      if (::send(fd_, one.send.data(), one.send.size(), MSG_NOSIGNAL) !=
          static_cast<ssize_t>(one.send.size()))
        unavailable(endpoint, std::strerror(errno));
      for (std::string line; !line.starts_with(one.expect);) {
        line = read_line(endpoint);
        if ((heard += line.size() + 1) > kMaxTalk)
          unavailable(endpoint, "it talks too much before TLS");
      }
    }
  }

 private:
  /// One octet at a time: what follows may be TLS.
  std::string read_line(const Endpoint& endpoint) const {
    std::string out;
    for (char c = 0; c != '\n' && out.size() < kMaxTalk;) {
      const ssize_t size = ::recv(fd_, &c, 1, 0);
      if (size == 0) unavailable(endpoint, "it closed the connection before TLS");
      if (size < 0)
        unavailable(endpoint, "no answer before TLS: " + std::string(std::strerror(errno)));
      out += c;
    }
    return out;
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  int fd_ = -1;
};

}  // namespace

Endpoint parse_endpoint(std::string_view text, std::string_view starttls) {
  const auto colon = text.rfind(':');
  std::string_view host = text.substr(0, colon == std::string_view::npos ? 0 : colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string_view port = host.empty() ? "" : text.substr(colon + 1);
  if (port.empty() || !std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; }))
    throw Error(Errc::kInvalidArgument,
                "'" + std::string(text) + "' is no endpoint; write HOST:PORT or [ADDRESS]:PORT");
  if (!starttls.empty() &&
      std::ranges::find(protocols(), starttls, &StartTls::name) == protocols().end())
    throw Error(Errc::kInvalidArgument, "STARTTLS is known for smtp, imap and pop3, not for '" +
                                            std::string(starttls) + "'");
  return {std::string(host), std::string(port), std::string(starttls)};
}

Certificate served_certificate(const Endpoint& endpoint, std::chrono::seconds limit) {
  const Socket socket(endpoint, limit);
  for (const StartTls& protocol : protocols())
    if (protocol.name == endpoint.starttls) socket.talk(endpoint, protocol.talk);
  const SslContext context(SSL_CTX_new(TLS_client_method()));
  const Ssl ssl(context ? SSL_new(context.get()) : nullptr);
  // SSL_set_tlsext_host_name() is this with an old-style cast.
  if (!ssl || SSL_set_fd(ssl.get(), socket.get()) != 1 ||
      (!endpoint.server_name.empty() &&
       SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                const_cast<char*>(endpoint.server_name.c_str())) != 1))
    throw_openssl(Errc::kInternal, "OpenSSL could not begin TLS");
  if (SSL_connect(ssl.get()) != 1) {
    const std::string why = drain_errors();
    unavailable(endpoint, "no TLS handshake" + (why.empty() ? "" : ": " + why));
  }
  const X509Ptr leaf(SSL_get1_peer_certificate(ssl.get()));
  if (!leaf) unavailable(endpoint, "it shows no certificate");
  return Certificate::from_der(to_der<i2d_X509>(leaf.get()));
}

Probe await_certificate(const Endpoint& endpoint, const std::vector<Certificate>& wanted,
                        std::chrono::seconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  Probe out;
  while (true) {
    try {
      out.served = served_certificate(endpoint, std::min(limit, kOneTry));
      out.trouble.clear();
    } catch (const Error& error) {
      if (error.code() != Errc::kUnavailable) throw;
      out.trouble = error.what();
    }
    out.as_wanted = out.trouble.empty() && std::ranges::find(wanted, *out.served) != wanted.end();
    if (out.as_wanted || std::chrono::steady_clock::now() + kNap > deadline) return out;
    std::this_thread::sleep_for(kNap);
  }
}

}  // namespace poolkey::crypto
