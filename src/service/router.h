// From method and path to a handler: rows of tables, matched by their templates.
// May touch: policy. Called by: the dispatcher; the handlers_* files (one table each); openapi.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "service/call.h"

namespace poolkey::service {

/// Who may call without being anybody.
enum class Access {
  kPublic,  ///< health, the OpenAPI document, certificates and CRLs of the CA
  kCode,    ///< a one-time code, which the handler checks
  kHolder,  ///< a certificate that the CA issued, whatever for; the handler asks the policy as well
  kPolicy,  ///< as the access policy decides
};

/// How a call is answered where it is repeated with its Idempotency-Key.
enum class Repeat {
  kSafe,        ///< GET
  kIdempotent,  ///< the handler gives the same for the same by itself
  kKeyed,       ///< the answer is kept under the key (idempotency.h)
};

/// What a request's body may be.
struct Body {
  std::string_view type{};    ///< "application/json"; empty: none is taken
  std::size_t limit = 0;      ///< octets
  std::string_view schema{};  ///< its name in openapi.cc, for JSON
};

struct Route {
  std::string_view method;  ///< "GET"
  std::string_view path;    ///< "/v1/pools/{pool}/members/{member}"
  Access access = Access::kPolicy;
  policy::AccessAction action{};  ///< of kPolicy
  std::string_view summary;       ///< for the OpenAPI document
  Body body{};
  Repeat repeat = Repeat::kSafe;
  std::string_view query{};   ///< names of the query's parameters, with blanks between them
  std::string_view answer{};  ///< the schema of its 200 or 201; empty: not JSON
  Response (*handle)(Call&) = nullptr;
  /// Instead of `handle`: answers calls that came in at the same time in one go, so that what each
  /// costs alone (a commit, a signature over the log) is shared. One answer for each; what is
  /// thrown is the answer to all.
  std::vector<Response> (*together)(std::span<Call>) = nullptr;
};

/// All routes of the service.
const std::vector<Route>& all_routes();

/// What a target names.
struct Match {
  const Route* route = nullptr;        ///< null: no such path, or another method
  Fields parameters{};                 ///< of the template, decoded
  std::vector<std::string> methods{};  ///< that the path has; empty: no such path
};
/// HEAD is taken for GET. `path` is decoded already.
Match match(std::span<const Route> routes, std::string_view method, std::string_view path);

/// A request's target as path and query, percent-decoded once. Throws kInvalidArgument for what RFC
/// 9110 does not allow, a NUL, or "." and ".." among the segments.
struct Target {
  std::string path;
  Fields query;
};
Target parse_target(std::string_view target);

}  // namespace poolkey::service
