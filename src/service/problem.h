// Failures as HTTP: the table from Errc to status, and problem documents (RFC 9457).
// May touch: base. Called by: the server, the dispatcher and handlers.
#pragma once

#include "base/error.h"
#include "service/message.h"

namespace poolkey::service {

/// The HTTP status that tells a client what to do next.
unsigned status_of(Errc code) noexcept;

/// application/problem+json: type, title, status, detail, and the request's id. What an internal
/// error says stays in the log.
Response problem(const Request& request, const Error& error);
/// For what has no Errc: 405, 408, 413, 415, 429 and such.
Response problem(const std::string& request_id, unsigned status, const std::string& detail);

/// A failure with a status of its own (401, 412, 422, 429), thrown by handlers.
class HttpError : public Error {
 public:
  HttpError(unsigned status, const std::string& sentence, Fields headers = {},
            Errc code = Errc::kInvalidArgument)
      : Error(code, sentence), status_(status), headers_(std::move(headers)) {}
  unsigned status() const noexcept { return status_; }
  const Fields& headers() const noexcept { return headers_; }

 private:
  unsigned status_;
  Fields headers_;
};

/// A body that is not what its call takes: 400, with the place in the document.
class BodyError : public HttpError {
 public:
  /// `pointer` is a JSON pointer (RFC 6901): "/requests/3/profile"; "" is the whole document.
  BodyError(std::string pointer, const std::string& sentence)
      : HttpError(400, sentence), pointer_(std::move(pointer)) {}
  const std::string& pointer() const noexcept { return pointer_; }

 private:
  std::string pointer_;
};

/// "Not Found"
std::string_view reason_of(unsigned status) noexcept;

}  // namespace poolkey::service
