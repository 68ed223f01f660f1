#include "service/idempotency.h"

#include "base/error.h"
#include "crypto/digest.h"

namespace poolkey::service {
namespace {

constexpr std::string_view kHeader = "idempotency-key";
constexpr std::size_t kLongestKey = 128;

std::string headers_text(const Fields& headers) {
  json::array out;
  for (const auto& [name, value] : headers) out.emplace_back(json::array{name, value});
  return json::compact(out);
}

Fields headers_of(const std::string& text) {
  Fields out;
  const json::value document = json::parse(text, "a stored answer");
  for (const json::value& pair : document.as_array())
    out.emplace_back(std::string(pair.at(0).as_string()), std::string(pair.at(1).as_string()));
  return out;
}

Response answer_of(const store::Row& row) {
  Response out;
  out.status = static_cast<unsigned>(row.integer("status"));
  out.content_type = row.text("content_type");
  out.headers = headers_of(row.text("headers"));
  out.headers.emplace_back("idempotency-replayed", "true");
  out.body = to_text(from_base64(row.text("body")));
  return out;
}

store::Params named(const KeyedCall& call) {
  return {{"principal", call.principal}, {"key", call.key}};
}

store::Params with(store::Params params, std::initializer_list<store::Params::value_type> more) {
  params.insert(params.end(), more.begin(), more.end());
  return params;
}

}  // namespace

std::optional<KeyedCall> keyed_call(const policy::Principal& principal, const Request& request) {
  const auto is_key = [](const auto& field) { return field.first == kHeader; };
  const auto given = std::ranges::count_if(request.headers, is_key);
  if (given == 0) return std::nullopt;
  const std::string key(request.header(kHeader));
  const auto odd = [](char c) { return c <= ' ' || c > '~'; };
  if (given > 1 || key.empty() || key.size() > kLongestKey || std::ranges::any_of(key, odd))
    throw Error(Errc::kInvalidArgument,
                "the Idempotency-Key must be 1 to 128 visible ASCII characters, given once");
  // No part but the last holds a line end.
  const std::string asked = request.method + "\n" + request.target + "\n" +
                            std::string(request.header("content-type")) + "\n" + request.body;
  return KeyedCall{principal.str(), key, hex(crypto::sha256(view(asked)))};
}

Idempotency::Found Idempotency::begin(store::Database& database, const KeyedCall& call,
                                      Time now) const {
  const std::int64_t made = database.run(
      "INSERT INTO idempotency (principal, idempotency_key, digest, owner, created_at)"
      " VALUES (:principal, :key, :digest, :owner, :now) ON CONFLICT DO NOTHING",
      with(named(call), {{"digest", call.digest}, {"owner", run_}, {"now", rfc3339(now)}}));
  if (made == 1) return {Begun::kFresh};
  const auto row = database.row(
      "SELECT digest, owner, status, content_type, headers, body FROM idempotency"
      " WHERE principal = :principal AND idempotency_key = :key",
      named(call));
  if (!row) return {Begun::kRunning};  // abandoned in this moment: to be tried again
  if (row->text("digest") != call.digest) return {Begun::kOther};
  if (!row->is_null("status")) return {Begun::kReplay, answer_of(*row)};
  if (row->text("owner") == run_) return {Begun::kRunning};
  const std::int64_t taken = database.run(
      "UPDATE idempotency SET owner = :owner WHERE principal = :principal"
      " AND idempotency_key = :key AND owner = :before AND status IS NULL",
      with(named(call), {{"owner", run_}, {"before", row->text("owner")}}));
  return {taken == 1 ? Begun::kResumed : Begun::kRunning};
}

void Idempotency::finish(store::Database& database, const KeyedCall& call,
                         const Response& answer) const {
  const std::int64_t kept = database.run(
      "UPDATE idempotency SET status = :status, content_type = :type, headers = :headers,"
      " body = :body WHERE principal = :principal AND idempotency_key = :key AND owner = :owner"
      " AND status IS NULL",
      with(named(call), {{"status", std::int64_t{answer.status}},
                         {"type", answer.content_type},
                         {"headers", headers_text(answer.headers)},
                         {"body", base64(view(answer.body))},
                         {"owner", run_}}));
  if (kept == 1) return;
  throw Error(Errc::kConflict,
              "the Idempotency-Key of this call is another run's by now; repeat "
              "the call to learn how it ended");
}

void Idempotency::abandon(store::Database& database, const KeyedCall& call) const {
  database.run(
      "DELETE FROM idempotency WHERE principal = :principal AND idempotency_key = :key"
      " AND owner = :owner AND status IS NULL",
      with(named(call), {{"owner", run_}}));
}

void Idempotency::forget_old(store::Database& database, Time now) {
  database.run("DELETE FROM idempotency WHERE created_at < :before",
               {{"before", rfc3339(now - kAnswersKept)}});
}

}  // namespace poolkey::service
