#include "requests/repository.h"

#include <algorithm>
#include <array>
#include <memory>

#include "base/parallel.h"
#include "crypto/digest.h"
#include "crypto/memo.h"
#include "pool/repository.h"

namespace poolkey::requests {
namespace {

constexpr std::string_view kColumns =
    "id, pool, key_name, version, role, server, ca, ca_kind, state, subject, sans, csr, created_at,"
    " details, history";

constexpr std::size_t kWorth = 64;    ///< rows
constexpr unsigned kMostWriters = 4;  // threads, as in create.cc

constexpr std::array<std::string_view, 3> kReceivedKinds{"certificate", "ca", "crl"};

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

StoredRequest from_row(const store::Row& row) {
  StoredRequest out{
      .id = row.text("id"),
      .pool = PoolName(row.text("pool")),
      .key = {KeyName(row.text("key_name")), static_cast<std::uint32_t>(row.integer("version"))},
      .role = parse_role(row.text("role")),
      .server = std::nullopt,
      .ca = row.text("ca"),
      .ca_kind = policy::parse_word<CaKind>(row.text("ca_kind")).value_or(CaKind::kPublic),
      .state = parse_state(row.text("state")),
      .subject = row.text("subject"),
      .sans = words(row.text("sans")),
      .csr = from_base64(row.optional_text("csr").value_or("")),
      .created = parse_rfc3339(row.text("created_at")),
      .details = json::as_object(json::parse(row.text("details"), "request"), "request"),
      .history = json::parse(row.text("history"), "request").as_array()};
  if (const auto server = row.optional_text("server")) out.server = MemberName(*server);
  return out;
}

std::vector<StoredRequest> select(store::Database& database, const std::string& where,
                                  const store::Params& params) {
  std::vector<StoredRequest> out;
  for (const store::Row& row : database.rows(
           "SELECT " + std::string(kColumns) + " FROM request" + where + " ORDER BY id", params))
    out.push_back(from_row(row));
  return out;
}

store::Param or_null(const std::string& text) {
  return text.empty() ? store::Param(nullptr) : store::Param(text);
}

constexpr std::string_view kPut =
    "INSERT INTO request (id, pool, key_name, version, role, server, ca, ca_kind, state, subject,"
    " sans, csr, created_at, details, history) VALUES (:id, :pool, :name, :version, :role,"
    " :server, :ca, :kind, :state, :subject, :sans, :csr, :created, :details, :history)"
    " ON CONFLICT (id) DO UPDATE SET state = excluded.state, subject = excluded.subject,"
    " sans = excluded.sans, csr = excluded.csr, created_at = excluded.created_at,"
    " details = excluded.details, history = excluded.history";

store::Params values_of(const StoredRequest& r) {
  return {{"id", r.id},
          {"pool", r.pool.str()},
          {"name", r.key.key.str()},
          {"version", std::int64_t{r.key.version}},
          {"role", std::string(policy::word(r.role))},
          {"server", or_null(r.server ? r.server->str() : "")},
          {"ca", r.ca},
          {"kind", std::string(policy::word(r.ca_kind))},
          {"state", std::string(name(r.state))},
          {"subject", r.subject},
          {"sans", pool::joined(r.sans)},
          {"csr", or_null(base64(r.csr))},
          {"created", rfc3339(r.created)},
          {"details", json::compact(r.details)},
          {"history", json::compact(r.history)}};
}

}  // namespace

Topology topology_of(store::Database& database, const PoolName& pool) {
  static crypto::Memo<std::shared_ptr<const Topology>> known(64);
  const pool::Topology stored = pool::topology_of(database, pool);
  const std::string named = stored.file + "\n" + stored.text;
  return *known.get(view(named), [&] {
    return std::make_shared<const Topology>(parse_topology(stored.text, stored.file));
  });
}

std::string request_id(const PoolName& pool, Role role, const std::optional<MemberName>& server,
                       const KeyVersion& key, const std::string& ca) {
  return pool.str() + "." + std::string(policy::word(role)) + "." +
         (server ? server->str() + "." : "") + key.str() + "." + ca;
}

Route StoredRequest::route() const {
  if (ca == kEmbeddedAuthority) return Route::kEmbedded;
  const json::value* word = details.if_contains("route");
  return word != nullptr && word->as_string() == name(Route::kEst) ? Route::kEst : Route::kFile;
}

std::optional<StoredRequest> look_up_request(store::Database& database, const std::string& id) {
  std::vector<StoredRequest> found = select(database, " WHERE id = :id", {{"id", id}});
  return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

std::map<std::string, StoredRequest> look_up_requests(store::Database& database,
                                                      const std::vector<std::string>& ids) {
  constexpr std::size_t kAtOnce = 500;  // parameters of one statement
  std::map<std::string, StoredRequest> out;
  for (std::size_t first = 0; first < ids.size(); first += kAtOnce) {
    std::string where = " WHERE id IN (";
    store::Params params;
    for (std::size_t i = first; i < std::min(first + kAtOnce, ids.size()); ++i) {
      const std::string name = "i" + std::to_string(i);
      where += (i == first ? ":" : ", :") + name;
      params.emplace_back(name, ids[i]);
    }
    for (StoredRequest& r : select(database, where + ")", params)) out.emplace(r.id, std::move(r));
  }
  return out;
}

StoredRequest find_request(store::Database& database, const std::string& id) {
  if (auto found = look_up_request(database, id)) return std::move(*found);
  std::string known;
  for (const store::Row& row : database.rows("SELECT id FROM request ORDER BY id"))
    known += (known.empty() ? "" : ", ") + row.text("id");
  throw Error(Errc::kNotFound, "there is no request '" + id +
                                   "' (requests: " + (known.empty() ? "none" : known) + ")");
}

std::vector<StoredRequest> all_requests(store::Database& database,
                                        const std::optional<PoolName>& pool) {
  if (!pool) return select(database, "", {});
  return select(database, " WHERE pool = :pool", {{"pool", pool->str()}});
}

std::vector<StoredRequest> requests_of_key(store::Database& database, const KeyVersion& key) {
  return select(database, " WHERE key_name = :name AND version = :version",
                {{"name", key.key.str()}, {"version", std::int64_t{key.version}}});
}

void advance(StoredRequest& request, State to, const keys::Context& context,
             const std::string& note) {
  advance(request, to, context.clock.now(), context.actor, note);
}

void advance(StoredRequest& request, State to, Time at, const std::string& by,
             const std::string& note) {
  // The first state follows nothing.
  if (!request.history.empty() && !may_follow(request.state, to))
    throw Error(Errc::kConflict, "the request '" + request.id + "' is " +
                                     std::string(name(request.state)) + ", and cannot become " +
                                     std::string(name(to)));
  request.state = to;
  json::object step{{"state", std::string(name(to))}, {"at", rfc3339(at)}, {"by", by}};
  if (!note.empty()) step["note"] = note;
  request.history.emplace_back(std::move(step));
}

void put_request(store::Database& database, const StoredRequest& request) {
  database.run(kPut, values_of(request));
}

void put_requests(store::Database& database, store::Transaction& /*held*/,
                  std::span<const StoredRequest* const> requests) {
  // JSON and base64 take longer than SQLite does.
  std::vector<store::Params> rows(requests.size());
  for_each_index(
      requests.size(), kMostWriters, [&](std::size_t i) { rows[i] = values_of(*requests[i]); },
      kWorth);
  database.run_each(kPut, rows);
}

bool put_received(store::Database& database, const Received& item, const std::string& file,
                  Time now) {
  const auto stored =
      database.row("SELECT request_id FROM received WHERE sha256 = :sha", {{"sha", item.sha256}});
  if (stored && stored->optional_text("request_id").value_or("") == item.request) return false;
  database.run(
      "INSERT INTO received (sha256, kind, request_id, der, file, received_at) VALUES (:sha, :kind,"
      " :request, :der, :file, :now) ON CONFLICT (sha256) DO UPDATE SET"
      " request_id = excluded.request_id",
      {{"sha", item.sha256},
       {"kind", std::string(kReceivedKinds[static_cast<std::size_t>(item.kind)])},
       {"request", or_null(item.request)},
       {"der", base64(item.der)},
       {"file", file},
       {"now", rfc3339(now)}});
  return true;
}

std::vector<Received> received(store::Database& database, Received::Kind kind) {
  std::vector<Received> out;
  for (const store::Row& row :
       database.rows("SELECT sha256, request_id, der, received_at FROM received WHERE kind = :kind"
                     " ORDER BY received_at, sha256",
                     {{"kind", std::string(kReceivedKinds[static_cast<std::size_t>(kind)])}}))
    out.push_back({row.text("sha256"), kind, row.optional_text("request_id").value_or(""),
                   from_base64(row.text("der")), row.text("received_at")});
  return out;
}

std::vector<crypto::Certificate> answers(store::Database& database, const std::string& request) {
  std::vector<crypto::Certificate> out;
  for (const Received& item : received(database, Received::Kind::kCertificate))
    if (item.request == request) out.push_back(crypto::Certificate::from_der(item.der));
  return out;
}

}  // namespace poolkey::requests
