// Requests and certificates at the origin.
#include "base/file.h"
#include "cli/command.h"
#include "cli/finding.h"
#include "crypto/csr.h"
#include "crypto/der_guard.h"
#include "keys/origin.h"
#include "pool/install.h"
#include "requests/ca/config.h"
#include "requests/certify.h"
#include "requests/create.h"

namespace poolkey::cli {
namespace {

void write_or_print(Call& call, const std::string& text) {
  const std::string out = call.arguments.one("--out");
  if (out.empty())
    call.out.product(text);
  else
    write_file(out, text);
}

int request_create(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  requests::CreateOptions options{PoolName(call.arguments.one("--pool")),
                                  requests::parse_role(call.arguments.one("--role")),
                                  parse_key_version(call.arguments.one("--key"))};
  options.ca = call.arguments.one("--ca");
  options.organization = call.arguments.one("--organization");
  if (call.arguments.has("--server")) options.server = MemberName(call.arguments.one("--server"));
  if (call.arguments.has("--override")) {
    options.override_lint = {{}, call.arguments.one("--reason")};
    for (const std::string& word : call.arguments.all("--override"))
      options.override_lint->profiles.push_back(requests::parse_profile(word));
    if (options.override_lint->reason.empty())
      throw Error(Errc::kInvalidArgument, "--override needs --reason TEXT: the audit log says why");
  }
  side.use_token();
  const requests::CreatedRequest made = requests::create_request(side.context(), options);
  keys::checkpoint_origin(side.context());
  call.out.say("Request " + made.id + ": " + made.subject);
  json::array sans, findings;
  for (const requests::RequestedName& n : made.names.sans) {
    call.out.say("  " + n.name + "  (" + n.rule + ", " + n.source + ")");
    sans.emplace_back(n.name);
  }
  for (const auto& [profile, finding] : made.findings) {
    say_finding(call.out, profile, finding);
    findings.emplace_back(finding_json(profile, finding));
  }
  const std::string pem = crypto::csr_pem(made.csr);
  write_or_print(call, pem);
  call.out.result({{"request", made.id},
                   {"subject", made.subject},
                   {"sans", std::move(sans)},
                   {"findings", std::move(findings)},
                   {"csr", pem}});
  return 0;
}

std::string chain_pem(const keys::StoredCertificate& stored) {
  std::string out;
  for (const crypto::Certificate& c : stored.chain) out += c.pem();
  return out;
}

int certificate_issue(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  const requests::StoredRequest request =
      requests::find_request(side.database(), call.arguments.one("REQUEST"));
  side.use_token();
  const keys::StoredCertificate made = requests::issue_certificate(side.context(), request);
  keys::checkpoint_origin(side.context());
  const crypto::Certificate& certificate = made.certificate;
  call.out.say("Issued and accepted: " + certificate.subject() + ", serial " +
               certificate.serial() + ", until " + rfc3339(certificate.not_after()));
  if (!requests::ca_config(side.database()).configured())
    call.out.say(
        "warning: it names no CRL, and Lync and Skype for Business want a CRL distribution point "
        "in every certificate; 'poolkey ca configure FILE' gives the next ones theirs");
  write_or_print(call, certificate.pem());
  const std::string chain = call.arguments.one("--chain-out");
  if (!chain.empty()) write_file(chain, chain_pem(made));
  json::array sans;
  for (const std::string& san : certificate.dns_sans()) sans.emplace_back(san);
  call.out.result({{"key", made.key.str()},
                   {"serial", certificate.serial()},
                   {"not_after", rfc3339(certificate.not_after())},
                   {"sans", std::move(sans)},
                   {"certificate", certificate.pem()},
                   {"chain", chain_pem(made)}});
  return 0;
}

int certificate_publish(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  const KeyVersion key = parse_key_version(call.arguments.one("KEY"));
  const keys::StoredKey stored = keys::key(side.database(), key);
  if (!stored.pool) throw Error(Errc::kDenied, key.str() + " is the origin's own key");
  side.use_token();
  json::array members;
  for (const MemberName& m :
       pool::publish_certificate(side.context(), side.mailbox(), *stored.pool, key)) {
    call.out.say("The certificate of " + key.str() + " is in the mailbox of '" + m.str() + "'.");
    members.emplace_back(m.str());
  }
  keys::checkpoint_origin(side.context());
  call.out.result({{"key", key.str()}, {"members", std::move(members)}});
  return 0;
}

int root_export(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  const crypto::Certificate root = keys::origin_root(side.database());
  write_or_print(call, root.pem());
  call.out.result({{"root", root.pem()}, {"root_sha256", hex(root.sha256())}});
  return 0;
}

}  // namespace

std::span<const Command> certificate_commands() {
  static const Option kOut{"--out", "FILE", "write the PEM here instead of to stdout"};
  static const auto& commands = *new std::vector<Command>{
      {"request create",
       "origin",
       "build, lint and sign a certificate request from the topology",
       {{"--pool", "POOL", "the pool", true},
        {"--role", "ROLE", "what it is for, as 'request plan' lists them", true},
        {"--key", "KEY@N", "the key version that it is for", true},
        {"--server", "MEMBER", "the server, where each has a certificate of its own"},
        {"--ca", "NAME", "who is to issue it (default: as the topology says)"},
        {"--organization", "NAME", "O in the subject"},
        {"--override", "PROFILE",
         "sign in spite of this lint profile's errors, if policy names you", false, true},
        {"--reason", "TEXT", "why, for the audit log"},
        kOut},
       request_create},
      {"certificate issue",
       "origin",
       "have the embedded CA issue a request, and check the result",
       {{"REQUEST", "ID", "as 'request create' gives it", true},
        kOut,
        {"--chain-out", "FILE", "write the issuer and root (PEM) here"}},
       certificate_issue},
      {"certificate publish",
       "origin",
       "send a key version's certificate to every member",
       {{"KEY", "KEY@N", "the key version", true}},
       certificate_publish},
      {"origin root", "origin", "show the origin's root certificate", {kOut}, root_export},
  };
  return commands;
}

}  // namespace poolkey::cli
