// Certificates of pools, looked at: who has which, and the certificates themselves.
#include "app/view.h"
#include "base/file.h"
#include "cli/command.h"
#include "pool/certificates.h"
#include "pool/recipient.h"
#include "pool/windows.h"

namespace poolkey::cli {
namespace {

std::vector<std::string> texts(const std::vector<MemberName>& names) {
  std::vector<std::string> out;
  for (const MemberName& name : names) out.push_back(name.str());
  return out;
}

/// "edge1, edge2; not edge3; unknown edge4"
std::string holders(const pool::KnownCertificate& c) {
  std::string out = listed(texts(c.installed));
  const auto add = [&](const char* word, const std::vector<MemberName>& names) {
    if (!names.empty()) out += (out.empty() ? "" : "; ") + std::string(word) + listed(texts(names));
  };
  add("not ", c.missing);
  add("unknown ", c.unknown);
  return out;
}

/// What each member has beside each key, as it said last; with the place of that certificate, which
/// is "another" where it is none of ours.
json::array members_json(store::Database& database, const PoolName& pool,
                         const std::vector<pool::KnownCertificate>& known) {
  json::array out;
  for (const pool::Observation& o : pool::survey(database, pool)) {
    const std::string digest = o.receipt ? o.receipt->receipt.certificate_sha256 : "";
    std::string place = o.receipt ? (digest.empty() ? "none" : "another") : "unknown";
    for (const pool::KnownCertificate& c : known)
      if (hex(c.stored.certificate.sha256()) == digest) place = name(c.place);
    out.emplace_back(json::object{{"member", o.member.name.str()},
                                  {"key", o.key.str()},
                                  {"certificate_sha256", digest},
                                  {"place", place},
                                  {"keys_in", o.member.token.software ? "software" : "token"}});
  }
  return out;
}

int certificate_list(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  store::Database& database = side.database();
  const std::string wanted = call.arguments.one("--pool");
  if (!wanted.empty()) (void)pool::topology_of(database, PoolName(wanted));
  json::array pools;
  for (const PoolName& pool : pool::pools(database)) {
    if (pool::is_standby(pool) || (!wanted.empty() && pool.str() != wanted)) continue;
    const std::vector<pool::KnownCertificate> known =
        pool::known_certificates(database, pool, side.context().clock.now());
    std::vector<std::vector<std::string>> rows;
    json::array certificates;
    for (const pool::KnownCertificate& c : known) {
      const crypto::Certificate& leaf = c.stored.certificate;
      const std::string bad = c.state.empty() || c.state == "good" ? "" : ", " + c.state;
      rows.push_back({c.stored.key.str(), c.role + (c.server.empty() ? "" : " of " + c.server),
                      std::string(name(c.place)) + bad, rfc3339(leaf.not_after()),
                      pool::thumbprint(leaf), holders(c)});
      certificates.emplace_back(app::certificate_view(c));
    }
    call.out.say("Pool '" + pool.str() + "'");
    call.out.table({"KEY", "ROLE", "PLACE", "UNTIL", "THUMBPRINT (SHA-1)", "INSTALLED ON"}, rows);
    pools.emplace_back(json::object{{"pool", pool.str()},
                                    {"certificates", std::move(certificates)},
                                    {"members", members_json(database, pool, known)}});
  }
  call.out.result({{"pools", std::move(pools)}});
  return 0;
}

pool::KnownCertificate wanted_certificate(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  return pool::find_certificate(side.database(), call.arguments.one("CERTIFICATE"),
                                side.context().clock.now());
}

int certificate_show(Call& call) {
  const pool::KnownCertificate c = wanted_certificate(call);
  const crypto::Certificate& leaf = c.stored.certificate;
  const auto say = [&](const std::string& what, const std::string& value) {
    call.out.say(what + std::string(16 - what.size(), ' ') + value);
  };
  say("Key", c.stored.key.str() + " of pool '" + c.pool.str() + "', " + std::string(name(c.place)));
  say("Role", c.role + (c.server.empty() ? "" : " of " + c.server));
  say("Subject", leaf.subject());
  say("Names", listed(leaf.dns_sans()));
  say("Issuer", leaf.issuer());
  say("Serial", leaf.serial());
  say("From", rfc3339(leaf.not_before()));
  say("Until", rfc3339(leaf.not_after()));
  say("Thumbprint", pool::thumbprint(leaf));
  say("SHA-256", fingerprint_text(leaf.sha256()));
  if (!c.state.empty()) say("State", c.state);
  say("Installed on", holders(c));
  for (const crypto::Certificate& above : c.stored.chain) say("Chain", above.subject());
  json::object out = app::certificate_view(c);
  out["pool"] = c.pool.str();
  json::array chain;
  for (const crypto::Certificate& above : c.stored.chain)
    chain.emplace_back(
        json::object{{"subject", above.subject()}, {"thumbprint_sha256", hex(above.sha256())}});
  out["chain"] = std::move(chain);
  call.out.result(std::move(out));
  return 0;
}

int certificate_export(Call& call) {
  const pool::KnownCertificate c = wanted_certificate(call);
  std::string pem = c.stored.certificate.pem();
  if (call.arguments.has("--chain"))
    for (const crypto::Certificate& above : c.stored.chain) pem += above.pem();
  write_or_print(call, pem);
  call.out.result({{"key", c.stored.key.str()},
                   {"thumbprint_sha256", hex(c.stored.certificate.sha256())},
                   {"certificate", pem}});
  return 0;
}

}  // namespace

std::span<const Command> certificate_view_commands() {
  static const Option kCertificate{
      "CERTIFICATE", "THUMBPRINT|KEY@N",
      "8 or more digits of its SHA-1 or SHA-256, or a key version for its newest", true};
  static const auto& commands = *new std::vector<Command>{
      {"certificate list",
       "origin",
       "show each pool's certificates, which is in force, and who has which",
       {{"--pool", "POOL", "this pool only"}},
       certificate_list},
      {"certificate show", "origin", "show one certificate", {kCertificate}, certificate_show},
      {"certificate export",
       "origin",
       "write one certificate as PEM",
       {kCertificate,
        {"--out", "FILE", "write the PEM here instead of to stdout"},
        {"--chain", "", "with its issuers, the root last"}},
       certificate_export},
  };
  return commands;
}

}  // namespace poolkey::cli
