// The audit log, line by line as `poolkey audit export` gives it.
#include <charconv>

#include "service/handlers.h"

namespace poolkey::service {
namespace {

std::int64_t number(const std::string& text) {
  std::int64_t out = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, out);
  if (error != std::errc{} || stop != end || out < 0)
    throw Error(Errc::kInvalidArgument, "'after' is the number of an entry");
  return out;
}

Response lines(Call& call) {
  const Page page = page_of(call);
  const std::int64_t after = page.after.empty() ? 0 : number(page.after);
  const auto entries = call.context().audit.lines(after, page.limit);
  std::string text;
  for (const std::string& line : entries) text += line;
  Response out = tagged_octets(call.request, "application/x-ndjson", std::move(text));
  if (entries.size() == page.limit)
    out.headers.emplace_back(
        "link",
        "</v1/audit?after=" + std::to_string(after + static_cast<std::int64_t>(entries.size())) +
            "&limit=" + std::to_string(page.limit) + ">; rel=\"next\"");
  return out;
}

Response head(Call& call) {
  const audit::Head newest = call.context().audit.head();
  return tagged_response(call.request,
                         json::object{{"seq", newest.seq},
                                      {"hash", newest.hash},
                                      {"unsigned", call.context().audit.unsigned_entries()}});
}

}  // namespace

std::span<const Route> audit_routes() {
  static const auto& routes = *new std::vector<Route>{
      {.method = "GET",
       .path = "/v1/audit",
       .action = policy::AccessAction::kAuditRead,
       .summary = "Entries of the audit log, one {\"entry\",\"hash\"} a line",
       .query = "after limit",
       .handle = lines},
      {.method = "GET",
       .path = "/v1/audit/head",
       .action = policy::AccessAction::kAuditRead,
       .summary = "The number and hash of the newest entry",
       .answer = "AuditHead",
       .handle = head},
  };
  return routes;
}

}  // namespace poolkey::service
