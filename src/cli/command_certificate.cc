// Certificates at the origin.
#include "app/view.h"
#include "base/file.h"
#include "cli/command.h"
#include "keys/origin.h"
#include "pool/install.h"
#include "requests/ca/config.h"
#include "requests/route.h"

namespace poolkey::cli {
namespace {

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
  if (request.ca != requests::kEmbeddedAuthority)
    throw Error(Errc::kInvalidArgument, "the request '" + request.id + "' is for the CA '" +
                                            request.ca +
                                            "', not for poolkey's own: " + app::next_of(request));
  side.use_token();
  const keys::StoredCertificate made =
      requests::submit_request(side.context(), request.id).certificate.value();
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
