#include "rollover/repository.h"

#include "base/error.h"

namespace poolkey::rollover {
namespace {

constexpr std::string_view kWhat = "rollover";

struct DateField {
  const char* name;
  std::optional<Time> StoredRoll::*member;
};
constexpr DateField kDates[] = {
    {"wanted", &StoredRoll::wanted},       {"old_not_after", &StoredRoll::old_not_after},
    {"published", &StoredRoll::published}, {"installed", &StoredRoll::installed},
    {"armed", &StoredRoll::armed},         {"effective", &StoredRoll::effective},
    {"switched", &StoredRoll::switched},   {"retired", &StoredRoll::retired},
    {"deadline", &StoredRoll::deadline},
};

json::object details_of(const StoredRoll& roll) {
  json::object out{{"started", rfc3339(roll.started)},
                   {"reason", roll.reason},
                   {"short_overlap", roll.short_overlap},
                   {"erased", roll.erased},
                   {"refused", roll.refused}};
  for (const DateField& date : kDates)
    if (roll.*date.member) out[date.name] = rfc3339(*(roll.*date.member));
  return out;
}

StoredRoll read_roll(const store::Row& row) {
  const KeyName key(row.text("key_name"));
  const json::value parsed = json::parse(row.text("details"), kWhat);
  const json::object& details = json::as_object(parsed, kWhat);
  StoredRoll out{.id = row.text("id"),
                 .pool = PoolName(row.text("pool")),
                 .from = {key, static_cast<std::uint32_t>(row.integer("from_version"))},
                 .to = {key, static_cast<std::uint32_t>(row.integer("to_version"))},
                 .cause = parse_cause(row.text("cause")),
                 .state = parse_state(row.text("state")),
                 .started = parse_rfc3339(std::string(details.at("started").as_string())),
                 .reason = std::string(details.at("reason").as_string()),
                 .short_overlap = details.at("short_overlap").as_bool(),
                 .erased = details.at("erased").as_bool(),
                 .refused = details.at("refused").as_object(),
                 .history = json::parse(row.text("history"), kWhat).as_array()};
  for (const DateField& date : kDates)
    if (const auto* found = details.if_contains(date.name))
      out.*date.member = parse_rfc3339(std::string(found->as_string()));
  if (!row.is_null("ended_at")) out.ended = parse_rfc3339(row.text("ended_at"));
  return out;
}

constexpr std::string_view kColumns =
    "SELECT id, pool, key_name, from_version, to_version, cause, state, details, history, ended_at"
    " FROM rollover";

std::string select(std::string_view rest) {
  std::string out(kColumns);
  out.append(rest);
  return out;
}

store::Params params_of(const StoredRoll& roll) {
  store::Params out{{"id", roll.id},
                    {"state", std::string(name(roll.state))},
                    {"details", json::compact(details_of(roll))},
                    {"history", json::compact(roll.history)}};
  if (roll.ended)
    out.emplace_back("ended", rfc3339(*roll.ended));
  else
    out.emplace_back("ended", nullptr);
  return out;
}

store::Params with_key(store::Params params, const KeyVersion& key) {
  params.emplace_back("name", key.key.str());
  params.emplace_back("version", std::int64_t{key.version});
  return params;
}

}  // namespace

void insert_roll(store::Database& database, const StoredRoll& roll) {
  store::Params params = params_of(roll);
  params.emplace_back("pool", roll.pool.str());
  params.emplace_back("name", roll.from.key.str());
  params.emplace_back("old", std::int64_t{roll.from.version});
  params.emplace_back("new", std::int64_t{roll.to.version});
  params.emplace_back("cause", std::string(name(roll.cause)));
  database.run(
      "INSERT INTO rollover (id, number, pool, key_name, from_version, to_version, cause, state,"
      " details, history, ended_at) VALUES (:id, (SELECT COALESCE(MAX(number), 0) + 1 FROM"
      " rollover), :pool, :name, :old, :new, :cause, :state, :details, :history, :ended)",
      params);
}

void put_roll(store::Database& database, const StoredRoll& roll) {
  database.run(
      "UPDATE rollover SET state = :state, details = :details, history = :history,"
      " ended_at = :ended WHERE id = :id",
      params_of(roll));
}

std::vector<StoredRoll> all_rolls(store::Database& database) {
  std::vector<StoredRoll> out;
  for (const store::Row& row : database.rows(select(" ORDER BY number")))
    out.push_back(read_roll(row));
  return out;
}

StoredRoll find_roll(store::Database& database, const std::string& id) {
  if (const auto row = database.row(select(" WHERE id = :id"), {{"id", id}}))
    return read_roll(*row);
  std::string known;
  for (const StoredRoll& roll : all_rolls(database)) known += (known.empty() ? "" : ", ") + roll.id;
  throw Error(Errc::kNotFound, "there is no rollover '" + id +
                                   "' (rollovers: " + (known.empty() ? "none" : known) + ")");
}

std::optional<StoredRoll> running_roll(store::Database& database, const KeyName& key) {
  const auto row =
      database.row(select(" WHERE key_name = :name AND ended_at IS NULL"), {{"name", key.str()}});
  return row ? std::optional(read_roll(*row)) : std::nullopt;
}

void expose(store::Database& database, const Exposure& e) {
  for (const Exposure& known : exposures(database))
    if (known.pool == e.pool && known.member == e.member && known.key == e.key) return;
  store::Params params =
      with_key({{"pool", e.pool.str()}, {"reason", e.reason}, {"since", rfc3339(e.since)}}, e.key);
  using Value = store::Param;
  params.emplace_back("member", e.member ? Value(e.member->str()) : Value(nullptr));
  params.emplace_back("deadline", e.deadline ? Value(rfc3339(*e.deadline)) : Value(nullptr));
  database.run(
      "INSERT INTO exposure (number, pool, member, key_name, version, reason, since, deadline,"
      " destruction) VALUES ((SELECT COALESCE(MAX(number), 0) + 1 FROM exposure), :pool, :member,"
      " :name, :version, :reason, :since, :deadline, 'unproven')",
      params);
}

std::vector<Exposure> exposures(store::Database& database, bool with_ended) {
  std::vector<Exposure> out;
  constexpr std::string_view kAll =
      "SELECT pool, member, key_name, version, reason, since, deadline, destruction, ended_at FROM"
      " exposure ORDER BY number";
  for (const store::Row& row : database.rows(kAll)) {
    if (!with_ended && !row.is_null("ended_at")) continue;
    Exposure one{
        .pool = PoolName(row.text("pool")),
        .member = {},
        .key = {KeyName(row.text("key_name")), static_cast<std::uint32_t>(row.integer("version"))},
        .reason = row.text("reason"),
        .since = parse_rfc3339(row.text("since")),
        .destruction_proven = row.text("destruction") == "proven"};
    if (!row.is_null("member")) one.member = MemberName(row.text("member"));
    if (!row.is_null("deadline")) one.deadline = parse_rfc3339(row.text("deadline"));
    if (!row.is_null("ended_at")) one.ended = parse_rfc3339(row.text("ended_at"));
    out.push_back(std::move(one));
  }
  return out;
}

bool waits_for_receipts(store::Database& database, const PoolName& pool) {
  return database
             .row(
                 "SELECT (SELECT COUNT(*) FROM rollover WHERE pool = :pool AND ended_at IS NULL)"
                 " + (SELECT COUNT(*) FROM exposure WHERE pool = :of AND member IS NOT NULL AND"
                 " destruction = 'unproven') AS n",
                 {{"pool", pool.str()}, {"of", pool.str()}})
             ->integer("n") > 0;
}

bool is_exposed(store::Database& database, const KeyVersion& key) {
  return database
      .row("SELECT number FROM exposure WHERE key_name = :name AND version = :version",
           with_key({}, key))
      .has_value();
}

void note_destruction(store::Database& database, const PoolName& pool, const MemberName& member,
                      const KeyVersion& key) {
  database.run(
      "UPDATE exposure SET destruction = 'proven' WHERE pool = :pool AND member = :member AND"
      " key_name = :name AND version = :version",
      with_key({{"pool", pool.str()}, {"member", member.str()}}, key));
}

void end_exposures(store::Database& database, const KeyVersion& key, Time now) {
  database.run(
      "UPDATE exposure SET ended_at = :now WHERE ended_at IS NULL AND key_name = :name AND"
      " version = :version",
      with_key({{"now", rfc3339(now)}}, key));
}

}  // namespace poolkey::rollover
