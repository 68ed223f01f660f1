#include "service/call.h"

#include <charconv>

#include "base/error.h"
#include "base/log.h"
#include "service/problem.h"
#include "service/schema.h"
#include "service/shared.h"

namespace poolkey::service {
namespace {

constexpr std::size_t kDefaultPage = 100;
constexpr std::size_t kLargestPage = 1000;

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kDigits[octet >> 4];
      out += kDigits[octet & 15];
    }
  }
  return out;
}

/// What an HSM that was restarted, or lost its sessions, makes an operation fail with.
bool is_token_trouble(const Error& error) {
  return error.ckr().has_value() && is_retryable(error.code());
}

}  // namespace

const std::string& Call::parameter(std::string_view name) const {
  const std::string* value = find_field(parameters, name);
  if (value == nullptr)
    throw Error(Errc::kInternal, "a route has no parameter '" + std::string(name) + "'");
  return *value;
}

std::optional<std::string> Call::query(std::string_view name) const {
  const std::string* value = find_field(request.query, name);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

json::object Call::document() const { return read_body(request.body, schema).as_object(); }

void authorize(Call& call, policy::AccessAction action, const policy::AccessScope& scope) {
  const policy::AccessDecision decision =
      policy::decide(*call.shared.access(), call.principal, action, scope);
  if (decision.allowed) {
    call.rule = decision.rule;
    return;
  }
  audit::Scope record(call.context().audit, {.actor = call.actor,
                                             .verb = "access " + std::string(policy::word(action)),
                                             .subject = call.request.path});
  record.deny(decision.rule, {{"reason", decision.sentence}});
  throw Error(Errc::kDenied, decision.sentence);
}

bool may(const Call& call, policy::AccessAction action, const policy::AccessScope& scope) {
  return policy::decide(*call.shared.access(), call.principal, action, scope).allowed;
}

void spend_signatures(Call& call, std::uint32_t signatures) {
  const auto wait =
      call.shared.quotas().spend(call.side.database(), call.principal,
                                 policy::limits_of(*call.shared.access(), call.principal),
                                 signatures, call.context().clock.now());
  if (wait)
    throw HttpError(429, "the signatures that the access policy allows for a day are used up",
                    {{"retry-after", std::to_string(wait->count())}}, Errc::kUnavailable);
}

void give_back_signatures(Call& call, std::uint32_t signatures) {
  call.shared.quotas().give_back(call.principal, signatures, call.context().clock.now());
}

Response refusal(Shared& shared, const Request& request, const Error& error) {
  const bool ours = status_of(error.code()) >= 500;
  log("service").log(ours ? LogLevel::kError : LogLevel::kInfo, "request={} method={} error={} {}",
                     request.id, request.method, name(error.code()), error.what());
  if (is_token_trouble(error)) shared.report_token_trouble();
  return problem(request, error);
}

Page page_of(const Call& call) {
  Page page{kDefaultPage, call.query("after").value_or("")};
  if (const auto limit = call.query("limit")) {
    const char* end = limit->data() + limit->size();
    const auto [stop, error] = std::from_chars(limit->data(), end, page.limit);
    if (error != std::errc{} || stop != end || page.limit == 0 || page.limit > kLargestPage)
      throw Error(Errc::kInvalidArgument, "'limit' is a number from 1 to 1000");
  }
  return page;
}

Response list_response(const Call& call, std::string_view name, std::vector<Entry> entries) {
  const Page page = page_of(call);
  std::ranges::sort(entries, {}, &Entry::id);
  json::array list;
  std::string last;
  bool more = false;
  for (Entry& entry : entries) {
    if (!page.after.empty() && entry.id <= page.after) continue;
    more = list.size() == page.limit;
    if (more) break;
    last = entry.id;
    list.emplace_back(std::move(entry.value));
  }
  json::object out{{name, std::move(list)}};
  if (more) out["next"] = last;
  Response response = tagged_response(call.request, out);
  if (more)
    response.headers.emplace_back("link",
                                  "<" + call.request.path + "?after=" + percent_encoded(last) +
                                      "&limit=" + std::to_string(page.limit) + ">; rel=\"next\"");
  return response;
}

}  // namespace poolkey::service
