#include "service/problem.h"

#include <array>

namespace poolkey::service {
namespace {

struct Row {
  Errc code;
  unsigned status;
};
constexpr std::array kRows{
    Row{Errc::kInvalidArgument, 400}, Row{Errc::kDenied, 403},   Row{Errc::kNotFound, 404},
    Row{Errc::kAlreadyExists, 409},   Row{Errc::kConflict, 409}, Row{Errc::kUnsupported, 501},
    Row{Errc::kUnavailable, 503},     Row{Errc::kTimeout, 503},  Row{Errc::kAuthFailed, 503},
    Row{Errc::kCorrupt, 400},         Row{Errc::kInternal, 500},
};

struct Reason {
  unsigned status;
  std::string_view text;
};
constexpr std::array kReasons{
    Reason{200, "OK"},
    Reason{201, "Created"},
    Reason{202, "Accepted"},
    Reason{204, "No Content"},
    Reason{304, "Not Modified"},
    Reason{400, "Bad Request"},
    Reason{401, "Unauthorized"},
    Reason{403, "Forbidden"},
    Reason{404, "Not Found"},
    Reason{405, "Method Not Allowed"},
    Reason{408, "Request Timeout"},
    Reason{409, "Conflict"},
    Reason{411, "Length Required"},
    Reason{412, "Precondition Failed"},
    Reason{413, "Content Too Large"},
    Reason{415, "Unsupported Media Type"},
    Reason{417, "Expectation Failed"},
    Reason{422, "Unprocessable Content"},
    Reason{428, "Precondition Required"},
    Reason{429, "Too Many Requests"},
    Reason{431, "Request Header Fields Too Large"},
    Reason{500, "Internal Server Error"},
    Reason{501, "Not Implemented"},
    Reason{503, "Service Unavailable"},
};

/// How long a client waits before it comes again, where nothing better is known.
constexpr std::string_view kRetryAfter = "2";

Response document(const std::string& id, unsigned status, std::string_view type,
                  const std::string& detail, const json::object& more = {}) {
  json::object members{{"type", "urn:poolkey:problem:" + std::string(type)},
                       {"title", std::string(reason_of(status))},
                       {"status", status},
                       {"detail", detail},
                       {"request_id", id}};
  members.insert(more.begin(), more.end());
  Response out = json_response(members, status);
  out.content_type = "application/problem+json";
  if (status == 503) out.headers.emplace_back("retry-after", kRetryAfter);
  return out;
}

/// "Content Too Large" is "content-too-large".
std::string type_of(unsigned status) {
  std::string out(reason_of(status));
  for (char& c : out) c = c == ' ' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  return out;
}

}  // namespace

unsigned status_of(Errc code) noexcept {
  for (const Row& row : kRows)
    if (row.code == code) return row.status;
  return 500;
}

std::string_view reason_of(unsigned status) noexcept {
  for (const Reason& reason : kReasons)
    if (reason.status == status) return reason.text;
  return "Unknown";
}

Response problem(const Request& request, const Error& error) {
  if (const auto* body = dynamic_cast<const BodyError*>(&error))
    return document(request.id, body->status(), type_of(body->status()), body->what(),
                    {{"pointer", body->pointer()}});
  if (const auto* http = dynamic_cast<const HttpError*>(&error)) {
    Response out = problem(request.id, http->status(), error.what());
    out.headers.insert(out.headers.end(), http->headers().begin(), http->headers().end());
    return out;
  }
  // A damaged document is the client's; where it is ours it is not for strangers either.
  return document(request.id, status_of(error.code()), name(error.code()),
                  error.code() == Errc::kInternal || error.code() == Errc::kAuthFailed
                      ? "the service failed; its log tells more under this request id"
                      : error.what());
}

Response problem(const std::string& request_id, unsigned status, const std::string& detail) {
  return document(request_id, status, type_of(status), detail);
}

}  // namespace poolkey::service
