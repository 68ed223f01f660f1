#include "pool/install.h"

#include <algorithm>

#include "home/oids.h"
#include "keys/certificate_object.h"
#include "keys/issued.h"
#include "keys/possession.h"
#include "keys/reference.h"
#include "pool/deliver.h"
#include "pool/pair.h"
#include "pool/registry.h"
#include "pool/safeguard.h"

namespace poolkey::pool {
namespace {

const Statement::Version& version_of(const Statement& statement, const KeyVersion& key) {
  for (const Statement::Version& v : statement.versions)
    if (v.key == key) return v;
  throw Error(Errc::kConflict, "a certificate came for " + key.str() +
                                   ", which this member's statement does not name; nothing was "
                                   "installed");
}

bool is_retired(const Statement& statement, const KeyVersion& key) {
  return std::ranges::any_of(statement.versions, [&](const Statement::Version& v) {
    return v.key == key && !v.retired.empty();
  });
}

policy::Permit install_permit(MemberSide& side, const CertificateDelivery& delivery) {
  policy::Facts facts{.action = policy::Action::kInstall,
                      .key = delivery.key,
                      .pool = side.pool,
                      .member = side.name};
  const crypto::Certificate& certificate = delivery.certificates.front();
  facts.role = policy::parse_word<policy::Role>(delivery.role);
  facts.ca = policy::parse_word<policy::CaKind>(delivery.ca);
  facts.validity = certificate.not_after() - certificate.not_before();
  facts.enrolled = true;
  return keys::permit(side.context, accepted_policy(side, delivery.key), facts);
}

/// The origin's word that the certificate may stand beside the key, whoever installs it.
policy::Permit publish_permit(keys::Context& context, const PoolName& pool,
                              const keys::StoredKey& key, const keys::StoredCertificate& stored,
                              const std::string& role, const std::string& ca) {
  policy::Facts facts{.action = policy::Action::kInstall, .key = key.name, .pool = pool};
  facts.role = policy::parse_word<policy::Role>(role);
  facts.ca = policy::parse_word<policy::CaKind>(ca);
  facts.validity = stored.certificate.not_after() - stored.certificate.not_before();
  facts.safeguarded = safeguarded(context.database, key.name);
  return keys::permit(context, keys::policy_of(context.database, key), facts);
}

Installed install_one(MemberSide& side, CheckedDelivery checked) {
  const Statement::Version& version = checked.version;
  const CertificateDelivery& delivery = checked.delivery;
  const crypto::Certificate& leaf = delivery.certificates.front();
  {
    const hsm::Lease lease = side.context.token->lease();
    if (!keys::find_possessed(*lease, version.public_key, version.id))
      throw Error(Errc::kConflict, "the replica of " + delivery.key.str() + " is not in " +
                                       side.context.token->name().str() +
                                       "; receive it first, then install the certificate");
  }
  policy::Permit allowed = std::move(checked.allowed);
  allowed.require(policy::Action::kInstall, delivery.key.str(), side.name.str());
  Installed out{delivery.key, leaf, false, {}};
  hsm::Token& token = *side.context.token;
  store::Operation operation =
      side.context.journal.begin("member install", delivery.key.str(), hex(leaf.sha256()));
  keys::record(
      side.context, "member install", delivery.key.str(), allowed.rule(), &operation,
      [&]() -> json::object {
        operation.step("chain", [&]() -> std::string {
          for (std::size_t i = delivery.certificates.size(); i-- > 1;) {
            const crypto::Certificate& c = delivery.certificates[i];
            // The pinned root has a label of its own, and NSS keeps each but once.
            if (keys::holds_certificate(token, c)) continue;
            keys::put_certificate(token, c, c.common_name(), c.public_key().spki_sha256());
          }
          return "done";
        });
        out.written = operation.step("certificate", [&]() -> std::string {
          return keys::put_certificate(token, leaf, delivery.key.str(), version.id) ? "written"
                                                                                    : "there";
        }) == "written";
        out.files = operation.step("pair", [&]() -> std::string {
          return put_pair(
                     side.state_folder.parent_path() / "tls", delivery.key, delivery.certificates,
                     keys::key_reference(token.name(), version.public_key, version.id),
                     home::is_in_force(held_statement(side), version, side.context.clock.now()))
              .string();
        });
        return {{"sha256", hex(leaf.sha256())}, {"written", out.written}};
      });
  operation.finish();
  return out;
}

}  // namespace

std::vector<MemberName> publish_certificate(keys::Context& context, const Mailbox& mailbox,
                                            const PoolName& pool, const KeyVersion& key) {
  const auto stored = keys::certificate_of(context.database, key);
  if (!stored)
    throw Error(Errc::kNotFound, key.str() + " has no certificate yet; see 'poolkey request list'");
  if (const auto issued = keys::find_issued(context.database, stored->certificate.serial());
      issued && issued->state != keys::IssuedState::kGood &&
      issued->sha256 == hex(stored->certificate.sha256()))
    throw Error(Errc::kConflict, "the certificate of " + key.str() + " (serial " + issued->serial +
                                     ") was revoked at " + rfc3339(issued->revocation.at) +
                                     "; have a new one issued, then publish that");
  const auto request = context.database.row("SELECT role, ca_kind FROM request WHERE id = :id",
                                            {{"id", stored->request}});
  const std::string role = request ? request->text("role") : "";
  const std::string ca = request ? request->text("ca_kind") : "";
  policy::Permit allowed =
      publish_permit(context, pool, keys::key(context.database, key), *stored, role, ca);
  allowed.require(policy::Action::kInstall, key.str());
  const std::string digest = hex(stored->certificate.sha256());
  store::Operation operation = context.journal.begin("certificate publish", key.str(), digest);
  const keys::DocumentSigner signer(context);
  std::vector<MemberName> out;
  for (const Member& m : members(context.database, pool)) {
    if (!m.enrolled) continue;
    CertificateDelivery delivery{address_of(pool, m), key, role, ca, {stored->certificate}};
    delivery.certificates.insert(delivery.certificates.end(), stored->chain.begin(),
                                 stored->chain.end());
    operation.step("post/" + m.name.str(), [&]() -> std::string {
      keys::record(context, "certificate publish", pool.str() + "/" + m.name.str(), allowed.rule(),
                   &operation, [&]() -> json::object {
                     mailbox.put(
                         mailbox.to_member(pool, m.name, "certificate." + key.str() + ".cms"),
                         signer.sign(home::oid::kCertificateDelivery, to_json(delivery)));
                     return {{"sha256", digest}};
                   });
      return "done";
    });
    out.push_back(m.name);
  }
  inform_standbys(context, mailbox);
  operation.finish();
  return out;
}

CheckedDelivery check_delivery(MemberSide& side, const Statement& held,
                               const std::filesystem::path& file) {
  CertificateDelivery delivery =
      certificate_delivery(verified_document(side, file, home::oid::kCertificateDelivery));
  check_addressee(side, delivery.member, "'" + file.string() + "'");
  const Statement::Version& version = version_of(held, delivery.key);
  if (!(delivery.certificates.front().public_key() == version.public_key))
    throw Error(Errc::kCorrupt, "the certificate for " + delivery.key.str() +
                                    " is for another key; nothing was installed");
  policy::Permit allowed = install_permit(side, delivery);
  return {std::move(delivery), version, std::move(allowed)};
}

std::vector<Installed> install_certificates(MemberSide& side) {
  const auto files = side.mailbox.for_member(side.pool, side.name, "certificate.");
  if (files.empty())
    throw Error(Errc::kNotFound,
                "there is no certificate for this member in the mailbox; run "
                "'poolkey certificate publish' on the origin");
  const Statement statement = held_statement(side);
  std::vector<Installed> out;
  for (const auto& file : files) {
    const auto named = file.stem().string().substr(std::string_view("certificate.").size());
    if (is_retired(statement, parse_key_version(named))) continue;
    out.push_back(install_one(side, check_delivery(side, statement, file)));
  }
  return out;
}

}  // namespace poolkey::pool
