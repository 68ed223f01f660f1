// Pools and their members, as the origin knows them; and what has members prove what they hold.
#include "app/view.h"
#include "keys/origin.h"
#include "pool/agent_report.h"
#include "pool/enrol.h"
#include "pool/prove.h"
#include "pool/recipient.h"
#include "pool/statement.h"
#include "service/handlers.h"

namespace poolkey::service {
namespace {

using policy::AccessAction;

json::object pool_json(Call& call, const PoolName& pool) {
  store::Database& database = call.side.database();
  std::vector<std::string> current;
  for (const KeyVersion& key : pool::in_force(database, pool, call.context().clock.now()))
    current.push_back(key.str());
  std::int64_t enrolled = 0, all = 0;
  for (const pool::Member& m : pool::members(database, pool)) {
    ++all;
    if (m.enrolled) ++enrolled;
  }
  return {{"pool", pool.str()},
          {"members", all},
          {"enrolled", enrolled},
          {"in_force", app::words_view(current)}};
}

Response list_pools(Call& call) {
  std::vector<Entry> entries;
  for (const PoolName& pool : pool::pools(call.side.database()))
    if (may(call, AccessAction::kPoolRead, {.pool = pool.str()}))
      entries.push_back({pool.str(), pool_json(call, pool)});
  return list_response(call, "pools", std::move(entries));
}

Response show_pool(Call& call) {
  const PoolName pool = call.pool();
  json::object out = pool_json(call, pool);
  if (!pool::is_standby(pool)) {
    const pool::Topology topology = pool::topology_of(call.side.database(), pool);
    out["topology"] = json::object{{"file", topology.file}, {"text", topology.text}};
  }
  return tagged_response(call.request, out);
}

json::object member_json(const pool::Member& m) {
  return {{"member", m.name.str()},
          {"enrolled", m.enrolled},
          {"token_label", m.token_label},
          {"token_serial", m.token_serial},
          {"keys_in", m.token.software ? "software" : "token"},
          {"fingerprint", m.fingerprint}};
}

/// What is known of its replicas.
json::array replicas_json(Call& call, const PoolName& pool, const MemberName& member) {
  json::array out;
  for (const pool::Observation& o : pool::survey(call.side.database(), pool))
    if (o.member.name == member) out.emplace_back(app::observation_view(o));
  return out;
}

Response list_members(Call& call) {
  const PoolName pool = call.pool();
  std::vector<Entry> entries;
  for (const pool::Member& m : pool::members(call.side.database(), pool))
    entries.push_back({m.name.str(), member_json(m)});
  return list_response(call, "members", std::move(entries));
}

Response show_member(Call& call) {
  const PoolName pool = call.pool();
  const pool::Member m = pool::member(call.side.database(), pool, call.member());
  json::object out = member_json(m);
  out["pool"] = pool.str();
  out["replicas"] = replicas_json(call, pool, m.name);
  if (const auto report = pool::find_report(call.side.database(), pool, m.name))
    out["report"] = json::object{{"received", rfc3339(report->received)},
                                 {"skew_seconds", std::int64_t{report->skew.count()}},
                                 {"agent", report->agent},
                                 {"note", report->note}};
  return tagged_response(call.request, out);
}

/// Whoever asks to join and was not admitted yet.
Response list_enrolments(Call& call) {
  const PoolName pool = call.pool();
  std::vector<Entry> entries;
  for (const pool::Member& m : pool::members(call.side.database(), pool)) {
    if (m.enrolled) continue;
    try {
      const pool::PendingEnrolment p = pool::pending_enrolment(call.side.mailbox(), pool, m.name);
      entries.push_back({m.name.str(),
                         {{"member", m.name.str()},
                          {"token_label", p.request.token_label},
                          {"fingerprint", hex(p.fingerprint)},
                          {"software", p.request.token.software}}});
    } catch (const Error& error) {
      if (error.code() == Errc::kNotFound) continue;  // has not asked
      entries.push_back({m.name.str(), {{"member", m.name.str()}, {"refused", error.what()}}});
    }
  }
  return list_response(call, "enrolments", std::move(entries));
}

Response challenge(Call& call) {
  json::array asked;
  for (const MemberName& m :
       pool::issue_challenges(call.context(), call.side.mailbox(), call.pool()))
    asked.emplace_back(m.str());
  return json_response(json::object{{"asked", std::move(asked)}}, 202);
}

json::object attestation_json(Call& call, const Bytes& cms) {
  return {{"pool", call.pool().str()},
          {"attestation", base64(cms)},
          {"root_sha256", hex(keys::origin_root(call.side.database()).sha256())}};
}

Response attest(Call& call) {
  return json_response(
      attestation_json(call, pool::attest(call.context(), call.side.mailbox(), call.pool())));
}

Response show_attestation(Call& call) {
  return tagged_response(
      call.request,
      attestation_json(call, pool::newest_attestation(call.side.database(), call.pool())));
}

}  // namespace

std::span<const Route> pool_routes() {
  static const auto& routes = *new std::vector<Route>{
      {.method = "GET",
       .path = "/v1/pools",
       .action = AccessAction::kPoolRead,
       .summary = "The pools that the caller may see",
       .query = "after limit",
       .answer = "PoolList",
       .handle = list_pools},
      {.method = "GET",
       .path = "/v1/pools/{pool}",
       .action = AccessAction::kPoolRead,
       .summary = "A pool, with the topology that defined it",
       .answer = "Pool",
       .handle = show_pool},
      {.method = "GET",
       .path = "/v1/pools/{pool}/members",
       .action = AccessAction::kMemberRead,
       .summary = "The members of a pool",
       .query = "after limit",
       .answer = "MemberList",
       .handle = list_members},
      {.method = "GET",
       .path = "/v1/pools/{pool}/members/{member}",
       .action = AccessAction::kMemberRead,
       .summary = "A member and what is known of its replicas",
       .answer = "Member",
       .handle = show_member},
      {.method = "GET",
       .path = "/v1/pools/{pool}/enrolments",
       .action = AccessAction::kEnrolmentRead,
       .summary = "Members that ask to join, with the fingerprints to compare",
       .query = "after limit",
       .answer = "EnrolmentList",
       .handle = list_enrolments},
      {.method = "POST",
       .path = "/v1/pools/{pool}/challenge",
       .action = AccessAction::kPoolProve,
       .summary = "Asks every member to prove what it holds",
       .repeat = Repeat::kIdempotent,
       .answer = "Asked",
       .handle = challenge},
      {.method = "POST",
       .path = "/v1/pools/{pool}/attestation",
       .action = AccessAction::kPoolProve,
       .summary = "Signs that every member has proven possession, where that is so",
       .repeat = Repeat::kIdempotent,
       .answer = "Attestation",
       .handle = attest},
      {.method = "GET",
       .path = "/v1/pools/{pool}/attestation",
       .action = AccessAction::kAttestationRead,
       .summary = "The newest attestation of the pool (CMS, base64)",
       .answer = "Attestation",
       .handle = show_attestation},
  };
  return routes;
}

}  // namespace poolkey::service
