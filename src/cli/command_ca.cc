// The embedded CA at the origin.
#include "base/file.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "crypto/csr.h"
#include "requests/ca/responder.h"
#include "requests/ca/revocation_list.h"
#include "requests/ca/revoke.h"
#include "requests/ca/rollover.h"
#include "requests/ca/sign.h"

namespace poolkey::cli {
namespace {

using keys::IssuedCertificate;
using keys::IssuedState;

constexpr const char* kNoCrl =
    "warning: the CA was never configured, so the certificate names no CRL, and Lync and Skype for "
    "Business want a CRL distribution point in every certificate; 'poolkey ca configure FILE' "
    "gives the next ones theirs";

/// Where the files for relying parties go.
std::filesystem::path folder_of(const Call& call, const app::App& side,
                                const requests::CaConfig& config) {
  if (call.arguments.has("--out")) return std::filesystem::absolute(call.arguments.one("--out"));
  return config.folder.empty() ? side.home() / "pki" : config.folder;
}

std::string state_of(const IssuedCertificate& one, Time now) {
  if (one.state == IssuedState::kGood && one.not_after < now) return "ended";
  return std::string(keys::name(one.state));
}

json::object issued_json(const IssuedCertificate& one, Time now) {
  json::object out{{"serial", one.serial},
                   {"issuer", one.issuer.str()},
                   {"profile", one.profile},
                   {"subject", one.subject},
                   {"sha256", one.sha256},
                   {"not_before", rfc3339(one.not_before)},
                   {"not_after", rfc3339(one.not_after)},
                   {"state", state_of(one, now)}};
  if (one.state != IssuedState::kGood) {
    out["revoked_at"] = rfc3339(one.revocation.at);
    out["reason"] = std::string(crypto::name(one.revocation.reason));
  }
  return out;
}

json::array texts(const std::vector<std::string>& words) {
  json::array out;
  for (const std::string& word : words) out.emplace_back(word);
  return out;
}

/// Makes the lists that are due, writes the files, and says so. True if some list was refused.
bool bring_lists_up_to_date(Call& call, app::App& side, const requests::CaConfig& config,
                            bool force) {
  bool refused = false;
  json::array lists;
  for (const requests::CrlMade& made : requests::make_crls(side.context(), config, force)) {
    refused = refused || !made.refused.empty();
    call.out.say(made.refused.empty()
                     ? "CRL " + made.number + " of " + made.ca.str() +
                           " is made: " + std::to_string(made.size) + " entries (" + made.why + ")."
                     : "No CRL of " + made.ca.str() + ": " + made.refused);
    lists.emplace_back(json::object{{"ca", made.ca.str()},
                                    {"number", made.number},
                                    {"entries", static_cast<std::int64_t>(made.size)},
                                    {"why", made.why},
                                    {"refused", made.refused}});
  }
  const std::filesystem::path folder = folder_of(call, side, config);
  const std::vector<std::string> files = requests::publish_files(side.database(), folder);
  if (!files.empty()) call.out.say("Written in '" + folder.string() + "': " + listed(files) + ".");
  call.out.result(
      {{"crls", std::move(lists)}, {"folder", folder.string()}, {"files", texts(files)}});
  return refused;
}

int ca_configure(Call& call) {
  const std::string file = call.arguments.one("FILE");
  const requests::CaConfig config = requests::parse_ca_config(read_file(file), file);
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  side.open_token();
  const bool changed = requests::configure_ca(side.context(), config);
  call.out.say(changed ? "The CA is configured; certificates that it issues from now on name "
                         "where their CRL is."
                       : "The CA is configured as it was.");
  call.out.say("Run 'poolkey ca crl' now and then at least every " +
               std::to_string(config.crl_overlap.count() / 2 + 1) +
               " hours (a timer): it makes the CRLs that are due and writes the files that '" +
               config.pointers({KeyName("issuing-ca"), 1}).crl.front() + "' and the like name.");
  std::vector<std::string> profiles;
  for (const requests::CaProfile& profile : config.profiles) profiles.push_back(profile.name);
  call.out.result({{"sha256", config.sha256}, {"changed", changed}, {"profiles", texts(profiles)}});
  return 0;
}

json::array show_hierarchy(Call& call, store::Database& database, const requests::CaConfig& config,
                           Time now) {
  const auto in_force = keys::origin_signer(database, keys::OriginRole::kIssuingCa).key.name;
  std::vector<std::vector<std::string>> rows;
  json::array out;
  for (const requests::CrlState& state : requests::crl_states(database, config, now)) {
    const crypto::Certificate& own = state.ca.certificate;
    const bool issues = state.ca.key.name == in_force;
    const std::string number = state.crl ? state.crl->number() : "none";
    const std::string next = state.crl ? rfc3339(state.crl->next_update().value()) : "";
    rows.push_back({state.ca.key.name.str(), own.subject(), rfc3339(own.not_after()),
                    issues ? "yes" : "", number, next,
                    state.why.empty() ? rfc3339(state.due) : "now: " + state.why});
    out.emplace_back(json::object{{"key", state.ca.key.name.str()},
                                  {"subject", own.subject()},
                                  {"sha256", hex(own.sha256())},
                                  {"not_after", rfc3339(own.not_after())},
                                  {"issues", issues},
                                  {"crl_number", state.crl ? number : ""},
                                  {"crl_next_update", next},
                                  {"crl_due", rfc3339(state.due)},
                                  {"crl_due_now", state.why},
                                  {"crl_overdue", state.overdue}});
  }
  call.out.table({"CA KEY", "SUBJECT", "UNTIL", "ISSUES", "CRL", "ENDS", "NEXT CRL"}, rows);
  return out;
}

json::object show_configuration(Call& call, const requests::CaConfig& config) {
  if (!config.configured()) {
    call.out.say(
        "Not configured: certificates name no CRL, and there are no profiles. 'poolkey ca "
        "configure FILE' changes that (docs/ca.toml is an example).");
    return {};
  }
  call.out.say("Configured by '" + config.file + "' (SHA-256 " + config.sha256 + ").");
  std::vector<std::vector<std::string>> rows;
  json::array profiles;
  for (const requests::CaProfile& p : config.profiles) {
    rows.push_back({p.name, std::to_string(p.max.count()) + " days",
                    std::string(policy::word(p.lint)), listed(p.suffixes),
                    listed(p.key_algorithms)});
    profiles.emplace_back(p.name);
  }
  if (!rows.empty()) call.out.table({"PROFILE", "AT MOST", "LINT", "NAMES IN", "KEYS"}, rows);
  return {{"file", config.file},
          {"sha256", config.sha256},
          {"text", config.text},
          {"profiles", std::move(profiles)}};
}

int ca_show(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  store::Database& database = side.database();
  const Time now = side.context().clock.now();
  const requests::CaConfig config = requests::ca_config(database);
  json::array hierarchy = show_hierarchy(call, database, config, now);
  call.out.say("");
  json::object configuration = show_configuration(call, config);
  keys::register_earlier(database, now);
  json::object counted;
  std::string line;
  for (const auto& [state, count] : keys::count_issued(database, now)) {
    counted[state] = count;
    line += (line.empty() ? "" : ", ") + std::to_string(count) + " " + state;
  }
  call.out.say("Certificates: " + line + ".");
  call.out.result({{"cas", std::move(hierarchy)},
                   {"configuration", std::move(configuration)},
                   {"certificates", std::move(counted)}});
  return 0;
}

int ca_sign(Call& call) {
  const crypto::ParsedCsr csr = crypto::parse_csr(view(read_file(call.arguments.one("FILE"))));
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  const requests::CaConfig config = requests::ca_config(side.database());
  const std::string profile = call.arguments.one("--profile");
  (void)config.profile(profile);  // told before a PIN is asked for
  side.use_token();
  const requests::ForeignCertificate made =
      requests::sign_foreign(side.context(), config, csr, profile);
  keys::checkpoint_origin(side.context());
  call.out.say((made.already ? "Signed before: " : "Signed: ") + made.issued.subject + ", serial " +
               made.issued.serial + ", until " + rfc3339(made.issued.not_after));
  for (const std::string& remark : made.remarks) call.out.say("  note: " + remark);
  json::array findings;
  for (const requests::Finding& f : made.findings) {
    call.out.say("  " + std::string(name(f.severity)) + " " + f.rule + ": " + f.message);
    findings.emplace_back(json::object{
        {"rule", f.rule}, {"severity", std::string(name(f.severity))}, {"message", f.message}});
  }
  if (!config.configured()) call.out.say(kNoCrl);
  std::string chain;
  for (const crypto::Certificate& c : made.chain) chain += c.pem();
  const std::string out = call.arguments.one("--out");
  if (out.empty())
    call.out.product(made.issued.pem);
  else
    write_file(out, made.issued.pem);
  if (call.arguments.has("--chain-out")) write_file(call.arguments.one("--chain-out"), chain);
  call.out.result(issued_json(made.issued, side.context().clock.now()));
  call.out.result({{"certificate", made.issued.pem},
                   {"chain", chain},
                   {"already", made.already},
                   {"notes", texts(made.remarks)},
                   {"findings", std::move(findings)}});
  return 0;
}

int ca_list(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  const Time now = side.context().clock.now();
  const std::string wanted = call.arguments.one("--state");
  if (!wanted.empty() && wanted != "good" && wanted != "held" && wanted != "revoked" &&
      wanted != "ended")
    throw Error(Errc::kInvalidArgument,
                "'" + wanted + "' is no state; there are good, held, revoked and ended");
  keys::register_earlier(side.database(), now);
  std::vector<std::vector<std::string>> rows;
  json::array list;
  for (const IssuedCertificate& one : keys::all_issued(side.database())) {
    const std::string state = state_of(one, now);
    if (!wanted.empty() && state != wanted) continue;
    const bool revoked = one.state != IssuedState::kGood;
    rows.push_back(
        {one.serial, one.issuer.str(), one.profile,
         revoked ? state + " (" + std::string(crypto::name(one.revocation.reason)) + ")" : state,
         rfc3339(one.not_after), one.subject});
    list.emplace_back(issued_json(one, now));
  }
  call.out.table({"SERIAL", "ISSUER", "PROFILE", "STATE", "UNTIL", "SUBJECT"}, rows);
  call.out.result({{"certificates", std::move(list)}});
  return 0;
}

/// What `ca revoke` and `ca unhold` share: the change, and a new CRL at once.
int change_state(Call& call, const std::string& done, const std::string& before,
                 requests::RevocationResult (*change)(keys::Context&, const IssuedCertificate&,
                                                      crypto::RevocationReason),
                 crypto::RevocationReason reason) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  side.use_token();
  const requests::CaConfig config = requests::ca_config(side.database());
  const requests::RevocationResult result = change(
      side.context(),
      requests::issued_certificate(side.context(), call.arguments.one("CERTIFICATE")), reason);
  const IssuedCertificate& one = result.certificate;
  call.out.say((result.already ? before : done) + ": " + one.subject + ", serial " + one.serial +
               ".");
  call.out.result(issued_json(one, side.context().clock.now()));
  call.out.result({{"already", result.already}});
  const bool refused = bring_lists_up_to_date(call, side, config, false);
  keys::checkpoint_origin(side.context());
  return refused ? kExitDifferences : 0;
}

int ca_revoke(Call& call) {
  const crypto::RevocationReason reason =
      crypto::parse_revocation_reason(call.arguments.one("--reason"));
  const bool hold = reason == crypto::RevocationReason::kCertificateHold;
  return change_state(call, hold ? "On hold" : "Revoked for good",
                      hold ? "On hold before" : "Revoked before", requests::revoke, reason);
}

int ca_unhold(Call& call) {
  return change_state(
      call, "Released", "Neither held nor revoked",
      [](keys::Context& context, const IssuedCertificate& one, crypto::RevocationReason) {
        return requests::unhold(context, one);
      },
      crypto::RevocationReason::kRemoveFromCrl);
}

int ca_crl(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  side.use_token();
  const requests::CaConfig config = requests::ca_config(side.database());
  const bool refused = bring_lists_up_to_date(call, side, config, call.arguments.has("--force"));
  keys::checkpoint_origin(side.context());
  for (const requests::CrlState& state :
       requests::crl_states(side.database(), config, side.context().clock.now()))
    if (state.crl)
      call.out.say("CRL " + state.crl->number() + " of " + state.ca.key.name.str() + " ends at " +
                   rfc3339(state.crl->next_update().value()) + "; the next is due from " +
                   rfc3339(state.due) + ".");
  return refused ? kExitDifferences : 0;
}

int ca_ocsp(Call& call) {
  const std::string request = read_file(call.arguments.one("REQUEST"));
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  side.use_token();
  const requests::OcspReply reply =
      requests::answer_ocsp(side.context(), requests::ca_config(side.database()), view(request));
  keys::checkpoint_origin(side.context());
  write_file(call.arguments.one("--out"), ByteView(reply.der));
  json::array answers;
  for (const crypto::OcspAnswer& answer : reply.answers) {
    call.out.say(answer.id.serial + ": " + std::string(name(answer.status)));
    answers.emplace_back(
        json::object{{"serial", answer.id.serial}, {"status", std::string(name(answer.status))}});
  }
  if (reply.refusal)
    call.out.say("Refused (" + std::string(name(*reply.refusal)) + "): " + reply.why);
  call.out.result({{"answers", std::move(answers)},
                   {"refused", reply.refusal ? std::string(name(*reply.refusal)) : ""},
                   {"why", reply.why}});
  return reply.refusal ? kExitDifferences : 0;
}

int ca_rollover(Call& call) {
  const std::string what = call.arguments.one("WHAT");
  if (what != "issuing" && what != "root")
    throw Error(Errc::kInvalidArgument, "'" + what + "' is no CA; write 'issuing' or 'root'");
  std::optional<policy::Policy> policy;
  if (const std::string file = call.arguments.one("--policy"); !file.empty())
    policy = policy::parse_policy(read_file(file), file);
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  side.use_token();
  const requests::CaConfig config = requests::ca_config(side.database());
  keys::register_earlier(side.database(), side.context().clock.now());
  const requests::Rollover done = (what == "root" ? requests::roll_root : requests::roll_issuing)(
      side.context(), config, policy);
  if (done.root) {
    call.out.say("The new root is " + done.root->key.name.str() + ", SHA-256:");
    call.out.say("  " + fingerprint_text(done.root->certificate.sha256()));
    call.out.say(
        "Give it to the relying parties before the old one ends. Those that have only the "
        "old one go on verifying: new chains have the cross-certificate.");
  }
  call.out.say("'" + done.issuing.certificate.subject() + "' (" + done.issuing.key.name.str() +
               ") issues from now on, until " + rfc3339(done.issuing.certificate.not_after()) +
               ". Earlier ones go on signing their CRLs.");
  if (!config.configured()) call.out.say(kNoCrl);
  json::array crosses;
  for (const requests::CrossCertificate& cross : done.crosses)
    crosses.emplace_back(json::object{{"subject", cross.subject.str()},
                                      {"issuer", cross.issuer.str()},
                                      {"certificate", cross.certificate.pem()}});
  call.out.result({{"issuing", done.issuing.key.name.str()},
                   {"issuing_certificate", done.issuing.certificate.pem()},
                   {"root", done.root ? done.root->key.name.str() : ""},
                   {"root_certificate", done.root ? done.root->certificate.pem() : ""},
                   {"cross_certificates", std::move(crosses)}});
  const bool refused = bring_lists_up_to_date(call, side, config, false);
  keys::checkpoint_origin(side.context());
  return refused ? kExitDifferences : 0;
}

}  // namespace

std::span<const Command> ca_commands() {
  static const Option kFolder{"--out", "DIR",
                              "write the files here (default: publication.folder, or HOME/pki)"};
  static const Option kCertificate{"CERTIFICATE", "SERIAL|FILE",
                                   "serial number in hexadecimal, or a file with the certificate",
                                   true};
  static const auto& commands = *new std::vector<Command>{
      {"ca configure",
       "origin",
       "say where CRLs are published, and define profiles for foreign requests",
       {{"FILE", "FILE", "configuration (TOML); docs/ca.toml explains every key", true}},
       ca_configure},
      {"ca show", "origin", "show the CA's keys, CRLs, configuration and counts", {}, ca_show},
      {"ca sign",
       "origin",
       "sign a request from elsewhere; the same request gets the same certificate again",
       {{"FILE", "FILE", "PKCS#10, PEM or DER", true},
        {"--profile", "NAME", "a profile of the CA's configuration", true},
        {"--out", "FILE", "write the PEM here instead of to stdout"},
        {"--chain-out", "FILE", "write issuer, cross-certificates and root (PEM) here"}},
       ca_sign},
      {"ca list",
       "origin",
       "list what the CA has issued",
       {{"--state", "STATE", "only these: good, held, revoked or ended"}},
       ca_list},
      {"ca revoke",
       "origin",
       "revoke a certificate and make a new CRL at once",
       {kCertificate,
        {"--reason", "REASON",
         "unspecified, keyCompromise, cACompromise, affiliationChanged, superseded, "
         "cessationOfOperation, privilegeWithdrawn, or certificateHold, which 'ca unhold' ends",
         true},
        kFolder},
       ca_revoke},
      {"ca unhold",
       "origin",
       "release a certificate that is on hold, and make a new CRL at once",
       {kCertificate, kFolder},
       ca_unhold},
      {"ca crl",
       "origin",
       "make the CRLs that are due, and write them and the CA certificates for publication",
       {kFolder, {"--force", "", "make all of them, due or not"}},
       ca_crl},
      {"ca ocsp",
       "origin",
       "answer an OCSP request; exit 20 if it cannot be answered (the response says why)",
       {{"REQUEST", "FILE", "as a client sent it (DER)", true},
        {"--out", "FILE", "write the response (DER) here", true}},
       ca_ocsp},
      {"ca rollover",
       "origin",
       "make a new issuing CA, or a new root with cross-certificates and an issuing CA under it",
       {{"WHAT", "issuing|root", "which key is replaced", true},
        {"--policy", "FILE", "policy of the new keys (default: the one of the key before)"},
        kFolder},
       ca_rollover},
  };
  return commands;
}

}  // namespace poolkey::cli
