#include "pool/agent_report.h"

namespace poolkey::pool {

void keep_report(store::Database& database, const PoolName& pool, const MemberName& member,
                 const AgentReport& report) {
  database.run(
      "INSERT INTO report (pool, member, received_at, skew_seconds, agent, note)"
      " VALUES (:pool, :member, :at, :skew, :agent, :note)"
      " ON CONFLICT (pool, member) DO UPDATE SET received_at = excluded.received_at,"
      " skew_seconds = excluded.skew_seconds, agent = excluded.agent, note = excluded.note",
      {{"pool", pool.str()},
       {"member", member.str()},
       {"at", rfc3339(report.received)},
       {"skew", std::int64_t{report.skew.count()}},
       {"agent", report.agent},
       {"note", report.note}});
}

std::optional<AgentReport> find_report(store::Database& database, const PoolName& pool,
                                       const MemberName& member) {
  const auto row = database.row(
      "SELECT received_at, skew_seconds, agent, note FROM report WHERE pool = :pool AND"
      " member = :member",
      {{"pool", pool.str()}, {"member", member.str()}});
  if (!row) return std::nullopt;
  return AgentReport{parse_rfc3339(row->text("received_at")),
                     Duration(row->integer("skew_seconds")), row->text("agent"), row->text("note")};
}

}  // namespace poolkey::pool
