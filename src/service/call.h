// What a handler gets: the request, who asks, the worker's own view of the origin, and what all
// workers share. May touch: app. Called by: handlers.
#pragma once

#include <optional>
#include <string>

#include "app/app.h"
#include "policy/access.h"
#include "service/message.h"

namespace poolkey::service {

class Shared;

struct Call {
  const Request& request;
  const Fields& parameters;  ///< of the path
  const policy::Principal& principal;
  app::App& side;  ///< this worker's; its context's actor is the principal
  Shared& shared;
  std::string actor{};        ///< the principal, as the audit log has it
  std::string rule{};         ///< of the access policy that lets the call in
  std::string_view schema{};  ///< of the body, in schemas.cc

  /// A parameter of the path; a defect if the template has none of this name.
  const std::string& parameter(std::string_view name) const;
  PoolName pool() const { return PoolName(parameter("pool")); }
  MemberName member() const { return MemberName(parameter("member")); }
  /// Of the query.
  std::optional<std::string> query(std::string_view name) const;
  /// The body as a JSON object, which is as its schema says. Throws BodyError.
  json::object document() const;
  keys::Context& context() const { return side.context(); }
};

/// Asks the access policy once more, about what only the body or the database tells. Throws kDenied
/// after the denial was recorded.
void authorize(Call& call, policy::AccessAction action, const policy::AccessScope& scope);
/// The same without a record: whether an entry of a list is for the caller's eyes.
bool may(const Call& call, policy::AccessAction action, const policy::AccessScope& scope);

/// Counts signatures for the caller. Throws HttpError 429 where a day's are used up.
void spend_signatures(Call& call, std::uint32_t signatures);
void give_back_signatures(Call& call, std::uint32_t signatures);
/// Runs what makes them; where it throws, none were made.
template <class Act>
auto counted(Call& call, std::uint32_t signatures, Act&& act) {
  spend_signatures(call, signatures);
  try {
    return std::forward<Act>(act)();
  } catch (...) {
    give_back_signatures(call, signatures);
    throw;
  }
}

/// The answer to a call that failed: logged with the request's id, and where the token seems lost
/// the service is told to look at it.
Response refusal(Shared& shared, const Request& request, const Error& error);

/// A page of a list: `limit` (1 to 1000, else 100) entries after `after`, and where to go on.
struct Page {
  std::size_t limit;
  std::string after;
};
Page page_of(const Call& call);
/// {"NAME": [...], "next": "..."}: the entries of the page by their ids, which are sorted. With an
/// ETag, and a Link header (RFC 8288) to the next page where there is one.
struct Entry {
  std::string id;
  json::object value;
};
Response list_response(const Call& call, std::string_view name, std::vector<Entry> entries);

}  // namespace poolkey::service
