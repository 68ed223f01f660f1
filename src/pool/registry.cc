#include "pool/registry.h"

#include <array>

#include "base/file.h"
#include "home/oids.h"
#include "pool/recipient.h"
#include "pool/statement.h"

namespace poolkey::pool {
namespace {

constexpr std::string_view kContext = "poolkey registry v1";
constexpr const char* kFile = "registry.cms";
constexpr const char* kSequence = "registry.sequence";

struct Table {
  std::string_view name;
  std::string_view columns;  ///< separated by ", "; "number" and "version" are whole numbers
  std::string_view where;
};

/// Parents before children. The origin's own keys stay what they are, its own; but its root is what
/// all certificates hang from.
constexpr std::string_view kOfPools = "(pool IS NOT NULL OR (key_name = 'root' AND version = 1))";
constexpr std::array kTables{
    Table{"pool", "name, topology_file, topology_text, topology_sha256, created_at", ""},
    Table{"policy_text", "sha256, name, text", ""},
    Table{
        "member",
        "pool, name, token_label, token_serial, identity_spki, transport_spki, fingerprint, state,"
        " suites, not_told, not_enforced, keys_in, enrolled_at",
        ""},
    Table{"key_version",
          "key_name, version, pool, policy_sha256, algorithm, spki, spki_sha256, cka_id, state,"
          " created_at",
          kOfPools},
    Table{"key_force", "key_name, version, since", ""},
    Table{"rollover",
          "id, number, pool, key_name, from_version, to_version, cause, state, details, history,"
          " ended_at",
          ""},
    Table{"exposure",
          "number, pool, member, key_name, version, reason, since, deadline, destruction, ended_at",
          ""},
    Table{"release", "number, pool, suite, created_at, operator", ""},
    Table{"release_key", "number, key_name, version", ""},
    // The newest one of each: what repairs a member.
    Table{"envelope", "number, key_name, version, pool, member, cms, state, queued_at",
          "number = (SELECT MAX(e.number) FROM envelope e WHERE e.key_name = envelope.key_name AND"
          " e.version = envelope.version AND e.pool = envelope.pool AND e.member = "
          "envelope.member)"},
    Table{"request", "id, pool, key_name, version, role, state, subject, sans, csr, created_at",
          ""},
    Table{"certificate",
          "sha256, request_id, key_name, version, serial, not_before, not_after, pem, chain_pem,"
          " state, created_at",
          "(request_id IS NOT NULL OR key_name = 'root')"},
};

std::vector<std::string> columns_of(const Table& table) {
  std::vector<std::string> out;
  std::string_view rest = table.columns;
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    out.emplace_back(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? "" : rest.substr(comma + 1);
    while (rest.starts_with(' ')) rest.remove_prefix(1);
  }
  return out;
}

bool is_number(const std::string& column) { return column == "number" || column == "version"; }

json::object rows_of(store::Database& database) {
  json::object out;
  for (const Table& table : kTables) {
    std::string sql = "SELECT " + std::string(table.columns) + " FROM " + std::string(table.name);
    if (!table.where.empty()) sql += " WHERE " + std::string(table.where);
    json::array rows;
    for (const store::Row& row : database.rows(sql)) {
      json::object one;
      for (const std::string& column : columns_of(table))
        if (row.is_null(column))
          one[column] = nullptr;
        else if (is_number(column))
          one[column] = row.integer(column);
        else
          one[column] = row.text(column);
      rows.emplace_back(std::move(one));
    }
    out[std::string(table.name)] = std::move(rows);
  }
  return out;
}

store::Param param_of(const json::object& row, const std::string& column) {
  const json::value* value = row.if_contains(column);
  if (value != nullptr && value->is_null()) return nullptr;
  if (is_number(column)) return json::integer(row, column, kContext);
  return json::text(row, column, kContext);
}

json::object to_json(const Registry& r) {
  return {{"context", std::string(kContext)},
          {"pool", r.standby.pool.str()},
          {"member", r.standby.member.str()},
          {"token_serial", r.standby.token_serial},
          {"sequence", r.sequence},
          {"made_at", r.made_at},
          {"audit_seq", r.audit_head.seq},
          {"audit_head", r.audit_head.hash},
          {"tables", r.tables}};
}

Registry registry(std::string_view text) {
  const json::value root = json::parse(text, kContext);
  const json::object& o = json::as_object(root, kContext);
  if (json::text(o, "context", kContext) != kContext)
    throw Error(Errc::kCorrupt, "a document that should be '" + std::string(kContext) + "' is '" +
                                    json::text(o, "context", kContext) + "'");
  return {{PoolName(json::text(o, "pool", kContext)), MemberName(json::text(o, "member", kContext)),
           json::text(o, "token_serial", kContext)},
          json::integer(o, "sequence", kContext),
          json::text(o, "made_at", kContext),
          {json::integer(o, "audit_seq", kContext), json::text(o, "audit_head", kContext)},
          json::as_object(o, "tables", kContext)};
}

std::int64_t newest_sequence(store::Database& database, const MemberName& standby) {
  return database
      .row("SELECT MAX(sequence) AS newest FROM statement WHERE pool = :pool AND member = :member",
           {{"pool", standby_pool().str()}, {"member", standby.str()}})
      ->integer("newest");
}

std::filesystem::path held_file(const MemberSide& side) { return side.state_folder / kFile; }

Registry read_registry(MemberSide& side, std::string_view cms, const std::filesystem::path& file) {
  Registry out = registry(verified_content(side, cms, file, home::oid::kRegistry));
  check_addressee(side, out.standby, "'" + file.string() + "'");
  const auto held = keys::setting(side.context.database, kSequence);
  if (held && out.sequence < std::stoll(*held))
    throw Error(Errc::kConflict, "'" + file.string() + "' is registry " +
                                     std::to_string(out.sequence) + ", and this standby has " +
                                     *held + "; an older one is never taken");
  return out;
}

}  // namespace

void inform_standbys(keys::Context& context, const Mailbox& mailbox) {
  const std::vector<Member> all = standbys(context.database);
  if (all.empty()) return;
  // About this head: a run that was interrupted before it made statements of an older state.
  store::Operation operation =
      context.journal.begin("standby inform", standby_pool().str(), context.audit.head().hash);
  const keys::DocumentSigner signer(context);
  post_statements(context, signer, mailbox, standby_pool(), all, operation);
  for (const Member& m : all) {
    const Registry made{address_of(standby_pool(), m), newest_sequence(context.database, m.name),
                        rfc3339(context.clock.now()), context.audit.head(),
                        rows_of(context.database)};
    mailbox.put(mailbox.to_member(standby_pool(), m.name, kFile),
                signer.sign(home::oid::kRegistry, to_json(made)));
  }
  operation.finish();
}

void take_registry(MemberSide& side) {
  const auto file = side.mailbox.to_member(side.pool, side.name, kFile);
  if (!std::filesystem::exists(file)) return;
  const std::string cms = read_file(file);
  const Registry fresh = read_registry(side, cms, file);
  // The number first: a crash in between leaves a file that is too old, which is noticed.
  keys::set_setting(side.context.database, kSequence, std::to_string(fresh.sequence));
  make_private_folder(side.state_folder);
  write_file(held_file(side), cms);
}

Registry held_registry(MemberSide& side) {
  const auto file = held_file(side);
  if (!std::filesystem::exists(file))
    throw Error(Errc::kNotFound,
                "this standby has no registry of its origin yet; run 'poolkey standby receive'");
  return read_registry(side, read_file(file), file);
}

void import_registry(store::Database& database, const Registry& registry) {
  for (const Table& table : kTables) {
    const std::vector<std::string> columns = columns_of(table);
    std::string names, values;
    for (const std::string& column : columns) {
      names += (names.empty() ? "" : ", ") + column;
      values += (values.empty() ? ":" : ", :") + column;
    }
    const std::string sql = "INSERT INTO " + std::string(table.name) + " (" + names + ") VALUES (" +
                            values + ") ON CONFLICT DO NOTHING";
    for (const json::value& row : json::as_array(registry.tables, table.name, kContext)) {
      store::Params params;
      for (const std::string& column : columns)
        params.emplace_back(column, param_of(json::as_object(row, kContext), column));
      database.run(sql, params);
    }
  }
}

}  // namespace poolkey::pool
