// Asks a running endpoint which certificate it serves. A library of its own: nothing else needs
// TLS. May touch: OpenSSL's libssl, sockets. Called by: cli, for `member install --probe`.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/certificate.h"

namespace poolkey::crypto {

struct Endpoint {
  std::string host;  ///< name or address; "[::1]" without its brackets
  std::string port;
  std::string starttls{};     ///< "smtp", "imap", "pop3"; empty: TLS from the first octet
  std::string server_name{};  ///< SNI; empty: none
};

/// Reads "HOST:PORT" or "[ADDRESS]:PORT". Throws kInvalidArgument, also for an unknown STARTTLS.
Endpoint parse_endpoint(std::string_view text, std::string_view starttls);

/// The certificate that the endpoint proves to have the key of, by a whole handshake; whether
/// anybody trusts it is not asked. Throws kUnavailable, also where one answer takes longer than
/// `limit`.
Certificate served_certificate(const Endpoint& endpoint, std::chrono::seconds limit);

struct Probe {
  bool as_wanted = false;
  std::optional<Certificate> served{};  ///< the last one
  std::string trouble{};                ///< why there was none, the last time
};
/// Asks until one of `wanted` is served, or the time is over: programs take a moment to reload.
Probe await_certificate(const Endpoint& endpoint, const std::vector<Certificate>& wanted,
                        std::chrono::seconds limit);

}  // namespace poolkey::crypto
