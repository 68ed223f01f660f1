// The embedded CA at the origin: what changes something.
#include <algorithm>

#include "app/view.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "crypto/csr.h"
#include "requests/ca/published.h"
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

json::array texts(const std::vector<std::string>& words) {
  json::array out;
  for (const std::string& word : words) out.emplace_back(word);
  return out;
}

/// Takes over what is published and not known here. Before anything makes a list, so that none
/// takes a revocation back.
void take_over(Call& call, app::App& side, const requests::CaConfig& config) {
  const std::filesystem::path folder = folder_of(call, side, config);
  const std::vector<std::string> taken = requests::take_over_revocations(side.context(), folder);
  if (!taken.empty())
    call.out.say("The CRLs in '" + folder.string() +
                 "' are newer than this origin, which was restored from a backup: " +
                 std::to_string(taken.size()) + " revocations were taken over from them.");
  call.out.result({{"taken_over", texts(taken)}});
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
  const std::string chain = app::pem_of(made.chain);
  const std::string out = call.arguments.one("--out");
  if (out.empty())
    call.out.product(made.issued.pem);
  else
    write_file(out, made.issued.pem);
  if (call.arguments.has("--chain-out")) write_file(call.arguments.one("--chain-out"), chain);
  call.out.result(app::issued_view(made.issued, side.context().clock.now()));
  call.out.result({{"certificate", made.issued.pem},
                   {"chain", chain},
                   {"already", made.already},
                   {"notes", texts(made.remarks)},
                   {"findings", std::move(findings)}});
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
  take_over(call, side, config);
  const requests::RevocationResult result = change(
      side.context(),
      requests::issued_certificate(side.context(), call.arguments.one("CERTIFICATE")), reason);
  const IssuedCertificate& one = result.certificate;
  call.out.say((result.already ? before : done) + ": " + one.subject + ", serial " + one.serial +
               ".");
  call.out.result(app::issued_view(one, side.context().clock.now()));
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

/// Run by a timer: where nothing is due it asks for no PIN and adds nothing to the audit log.
int ca_crl(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  side.open_token();
  const requests::CaConfig config = requests::ca_config(side.database());
  const bool force = call.arguments.has("--force");
  const auto states = [&] {
    return requests::crl_states(side.database(), config, side.context().clock.now());
  };
  take_over(call, side, config);
  const auto before = states();
  const bool due = force || std::ranges::any_of(before, [](const requests::CrlState& state) {
                     return !state.why.empty();
                   });
  if (due) side.log_in(hsm::Role::kUser);
  const bool refused = bring_lists_up_to_date(call, side, config, force);
  if (due) keys::checkpoint_origin(side.context());
  for (const requests::CrlState& state : states())
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
  take_over(call, side, config);
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
      {"ca sign",
       "origin",
       "sign a request from elsewhere; the same request gets the same certificate again",
       {{"FILE", "FILE", "PKCS#10, PEM or DER", true},
        {"--profile", "NAME", "a profile of the CA's configuration", true},
        {"--out", "FILE", "write the PEM here instead of to stdout"},
        {"--chain-out", "FILE", "write issuer, cross-certificates and root (PEM) here"}},
       ca_sign},
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
