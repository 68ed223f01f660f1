#include "service/idempotency.h"

#include "base/error.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "service/problem.h"

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

bool Idempotency::enter(const Id& id) {
  const std::scoped_lock lock(mutex_);
  return running_.insert(id).second;
}

void Idempotency::leave(const Id& id) {
  const std::scoped_lock lock(mutex_);
  running_.erase(id);
}

Idempotency::Found Idempotency::look(store::Database& database, const KeyedCall& call) {
  const auto row = database.row(
      "SELECT digest, owner, status, content_type, headers, body FROM idempotency"
      " WHERE principal = :principal AND idempotency_key = :key",
      named(call));
  if (!row) return {Begun::kRunning};  // to be entered or abandoned in this moment
  if (row->text("digest") != call.digest) return {Begun::kOther};
  if (!row->is_null("status")) return {Begun::kReplay, answer_of(*row)};
  return {Begun::kRunning};
}

Idempotency::Found Idempotency::take(store::Database& database, const KeyedCall& call, Time now) {
  const std::int64_t made = database.run(
      "INSERT INTO idempotency (principal, idempotency_key, digest, owner, created_at)"
      " VALUES (:principal, :key, :digest, :owner, :now) ON CONFLICT DO NOTHING",
      with(named(call), {{"digest", call.digest}, {"owner", run_}, {"now", rfc3339(now)}}));
  if (made == 1) return {Begun::kFresh};
  Found found = look(database, call);
  if (found.begun != Begun::kRunning) return found;
  // Nobody of this run has it, so it is what a crash or a full disk has left.
  const std::int64_t taken = database.run(
      "UPDATE idempotency SET owner = :owner WHERE principal = :principal"
      " AND idempotency_key = :key AND status IS NULL",
      with(named(call), {{"owner", run_}}));
  return {taken == 1 ? Begun::kResumed : Begun::kRunning};
}

Idempotency::Found Idempotency::begin(store::Database& database, const KeyedCall& call, Time now) {
  const Id id{call.principal, call.key};
  if (!enter(id)) return look(database, call);
  try {
    Found found = take(database, call, now);
    if (found.begun != Begun::kFresh && found.begun != Begun::kResumed) leave(id);
    return found;
  } catch (...) {
    leave(id);
    throw;
  }
}

void Idempotency::finish(store::Database& database, const KeyedCall& call, const Response& answer) {
  const Leaving afterwards{*this, {call.principal, call.key}};
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

void Idempotency::abandon(store::Database& database, const KeyedCall& call) {
  const Leaving afterwards{*this, {call.principal, call.key}};
  database.run(
      "DELETE FROM idempotency WHERE principal = :principal AND idempotency_key = :key"
      " AND owner = :owner AND status IS NULL",
      with(named(call), {{"owner", run_}}));
}

Response Idempotency::once(store::Database& database, const KeyedCall& call, Time now,
                           const std::function<Response()>& act,
                           const std::function<void()>& replayed) {
  Found found = begin(database, call, now);
  if (found.begun == Begun::kOther)
    throw HttpError(422, "this Idempotency-Key was used for another call; take a new one");
  if (found.begun == Begun::kRunning)
    throw HttpError(409, "the first call with this Idempotency-Key is not over",
                    {{"retry-after", "1"}}, Errc::kConflict);
  if (found.begun == Begun::kReplay) {
    replayed();
    return std::move(found.answer);
  }
  try {
    Response answer = act();
    if (answer.status < 300)
      finish(database, call, answer);
    else
      abandon(database, call);
    return answer;
  } catch (...) {
    try {
      abandon(database, call);
    } catch (const Error& error) {  // the repetition takes it over
      log("service").error("an Idempotency-Key is left begun: {}", error.what());
    }
    throw;
  }
}

void Idempotency::forget_old(store::Database& database, Time now) {
  database.run("DELETE FROM idempotency WHERE created_at < :before",
               {{"before", rfc3339(now - kAnswersKept)}});
}

}  // namespace poolkey::service
