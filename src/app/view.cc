#include "app/view.h"

#include "pool/windows.h"

namespace poolkey::app {
namespace {

json::array texts(const std::vector<MemberName>& names) {
  json::array out;
  for (const MemberName& name : names) out.emplace_back(name.str());
  return out;
}

}  // namespace

std::string pem_of(const std::vector<crypto::Certificate>& certificates) {
  std::string out;
  for (const crypto::Certificate& c : certificates) out += c.pem();
  return out;
}

json::array words_view(const std::vector<std::string>& words) {
  json::array out;
  for (const std::string& word : words) out.emplace_back(word);
  return out;
}

json::object key_view(const keys::StoredKey& key) {
  return {{"key", key.name.str()},
          {"name", key.name.key.str()},
          {"version", std::int64_t{key.name.version}},
          {"algorithm", key.public_key.algorithm()},
          {"spki_sha256", hex(key.public_key.spki_sha256())},
          {"policy_sha256", key.policy_sha256},
          {"state", key.state}};
}

json::object observation_view(const pool::Observation& o) {
  json::object out{{"name", o.member.name.str()},
                   {"key", o.key.str()},
                   {"token_serial", o.member.token_serial},
                   {"keys_in", o.member.token.software ? "software" : "token"},
                   {"state", std::string(name(o.holding))},
                   {"proved_at", o.proved_at}};
  if (!o.waiting_for.empty()) out["waiting_for"] = o.waiting_for;
  if (o.receipt) out["certificate_sha256"] = o.receipt->receipt.certificate_sha256;
  json::array strays;
  if (o.receipt)
    for (const std::string& stray : o.receipt->receipt.strays) strays.emplace_back(stray);
  out["strays"] = std::move(strays);
  out["attributes_not_told"] =
      words_view(o.receipt ? o.receipt->receipt.not_told : std::vector<std::string>{});
  out["protections_not_enforced"] = words_view(o.member.token.not_enforced);
  return out;
}

std::string next_of(const requests::StoredRequest& r) {
  return std::string(next_act(r.state, r.route()));
}

json::object request_view(const requests::StoredRequest& r) {
  return {{"request", r.id},
          {"pool", r.pool.str()},
          {"role", std::string(policy::word(r.role))},
          {"server", r.server ? r.server->str() : ""},
          {"key", r.key.str()},
          {"ca", r.ca},
          {"state", std::string(name(r.state))},
          {"subject", r.subject},
          {"sans", words_view(r.sans)},
          {"created", rfc3339(r.created)},
          {"next", next_of(r)}};
}

std::string state_of(const keys::IssuedCertificate& one, Time now) {
  if (one.state == keys::IssuedState::kGood && one.not_after < now) return "ended";
  return std::string(keys::name(one.state));
}

json::object issued_view(const keys::IssuedCertificate& one, Time now) {
  json::object out{{"serial", one.serial},
                   {"issuer", one.issuer.str()},
                   {"profile", one.profile},
                   {"subject", one.subject},
                   {"sha256", one.sha256},
                   {"not_before", rfc3339(one.not_before)},
                   {"not_after", rfc3339(one.not_after)},
                   {"state", state_of(one, now)}};
  if (one.state != keys::IssuedState::kGood) {
    out["revoked_at"] = rfc3339(one.revocation.at);
    out["reason"] = std::string(crypto::name(one.revocation.reason));
  }
  return out;
}

json::object certificate_view(const pool::KnownCertificate& c) {
  const crypto::Certificate& leaf = c.stored.certificate;
  return {{"key", c.stored.key.str()},
          {"role", c.role},
          {"server", c.server},
          {"place", std::string(name(c.place))},
          {"state", c.state},
          {"subject", leaf.subject()},
          {"issuer", leaf.issuer()},
          {"sans", words_view(leaf.dns_sans())},
          {"serial", leaf.serial()},
          {"thumbprint_sha1", pool::thumbprint(leaf)},
          {"thumbprint_sha256", hex(leaf.sha256())},
          {"not_before", rfc3339(leaf.not_before())},
          {"not_after", rfc3339(leaf.not_after())},
          {"installed_on", texts(c.installed)},
          {"not_on", texts(c.missing)},
          {"unknown_on", texts(c.unknown)}};
}

json::object progress_view(const rollover::Progress& now) {
  json::array waits, done;
  for (const rollover::Wait& wait : now.verdict.waits) waits.emplace_back(wait.for_what);
  for (const std::string& one : now.done) done.emplace_back(one);
  json::object out{{"rollover", now.roll.id},
                   {"from", now.roll.from.str()},
                   {"to", now.roll.to.str()},
                   {"cause", std::string(rollover::name(now.roll.cause))},
                   {"state", std::string(rollover::name(now.verdict.state))},
                   {"members_done", static_cast<std::int64_t>(now.verdict.done)},
                   {"members", static_cast<std::int64_t>(now.verdict.of)},
                   {"done", std::move(done)},
                   {"waits", std::move(waits)},
                   {"fault", now.verdict.fault},
                   {"over", now.verdict.over}};
  if (now.roll.effective) out["effective"] = rfc3339(*now.roll.effective);
  if (now.verdict.until) out["until"] = rfc3339(*now.verdict.until);
  if (now.roll.deadline) out["deadline"] = rfc3339(*now.roll.deadline);
  return out;
}

json::object exposure_view(const rollover::Exposure& e) {
  json::object one{{"key", e.key.str()},
                   {"since", rfc3339(e.since)},
                   {"reason", e.reason},
                   {"destruction_proven", e.destruction_proven}};
  if (e.member) one["member"] = e.member->str();
  if (e.deadline) one["deadline"] = rfc3339(*e.deadline);
  return one;
}

json::object finding_view(requests::Profile profile, const requests::Finding& f) {
  return {{"rule", f.rule},
          {"profile", std::string(policy::word(profile))},
          {"severity", std::string(name(f.severity))},
          {"message", f.message},
          {"fix", f.fix},
          {"source", f.source}};
}

json::object created_view(const requests::CreatedRequest& made) {
  json::array findings;
  for (const auto& [profile, finding] : made.findings)
    findings.emplace_back(finding_view(profile, finding));
  return {{"request", made.id},
          {"ca", made.ca},
          {"subject", made.subject},
          {"sans", words_view(made.names.dns_sans())},
          {"findings", std::move(findings)},
          {"csr", crypto::csr_pem(made.csr)}};
}

}  // namespace poolkey::app
