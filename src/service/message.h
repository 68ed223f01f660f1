// One HTTP exchange as values: what was asked, by whom, and what is answered. May touch: base,
// policy. Called by: everything in service.
#pragma once

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"

namespace poolkey::service {

/// Names and values in their order; names of headers in lower case.
using Fields = std::vector<std::pair<std::string, std::string>>;

inline const std::string* find_field(const Fields& fields, std::string_view name) {
  const auto found = std::ranges::find(
      fields, name, [](const auto& field) { return std::string_view(field.first); });
  return found == fields.end() ? nullptr : &found->second;
}

/// How the other side of a connection is known, before anybody has looked it up.
struct Peer {
  /// DER of the client certificate that TLS verified up to our roots; empty: none was shown.
  Bytes certificate{};
  bool certificate_ended = false;        ///< its validity was over; everything else was right
  std::optional<unsigned> local_user{};  ///< uid at the other end of the unix socket
  std::string address{};                 ///< "192.0.2.1:50000", or "unix"
};

/// A request that arrived whole and within its limits.
struct Request {
  std::string id;      ///< of this exchange, in log and answer: 16 hexadecimal digits
  std::string method;  ///< "GET"; HEAD is one
  std::string target;  ///< as sent: "/v1/pools?after=edge"
  std::string path;    ///< decoded once, without query
  Fields query{};
  Fields headers{};
  std::string body{};
  Peer peer{};
  std::chrono::steady_clock::time_point arrived{};

  /// The value, or empty.
  std::string_view header(std::string_view name) const {
    const std::string* value = find_field(headers, name);
    return value == nullptr ? std::string_view{} : std::string_view(*value);
  }
};

struct Response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body{};
  Fields headers{};
  /// Of a 304: the folder in which a change would make another answer, and its folder_time() from
  /// before it was read. Empty: any change of the database may.
  std::filesystem::path watch{};
  std::int64_t watch_time = 0;
};

/// A number that is another one after a file came, went or was replaced in the folder; 0 where
/// there is no such folder.
std::int64_t folder_time(const std::filesystem::path& folder);

/// One JSON document.
Response json_response(const json::value& document, unsigned status = 200);
/// The same with an ETag over its octets; 304 where the request has that one.
Response tagged_response(const Request& request, const json::value& document);
/// Other octets with an ETag.
Response tagged_octets(const Request& request, std::string content_type, std::string octets);

}  // namespace poolkey::service
