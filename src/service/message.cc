#include "service/message.h"

#include <sys/stat.h>

#include "crypto/digest.h"

namespace poolkey::service {
namespace {

/// If-None-Match is a list, or "*"; weak tags compare as strong ones here (RFC 9110 13.1.2).
bool names_tag(std::string_view list, std::string_view tag) {
  return list == "*" || list.find(tag) != std::string_view::npos;
}

}  // namespace

std::int64_t folder_time(const std::filesystem::path& folder) {
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0) return 0;
  return std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

Response json_response(const json::value& document, unsigned status) {
  return {.status = status, .body = json::compact(document) + "\n"};
}

Response tagged_octets(const Request& request, std::string content_type, std::string octets) {
  const std::string tag = "\"" + hex(crypto::sha256(view(octets))) + "\"";
  Response out{.content_type = std::move(content_type), .headers = {{"etag", tag}}};
  if (names_tag(request.header("if-none-match"), tag))
    out.status = 304;
  else
    out.body = std::move(octets);
  return out;
}

Response tagged_response(const Request& request, const json::value& document) {
  return tagged_octets(request, "application/json", json::compact(document) + "\n");
}

}  // namespace poolkey::service
