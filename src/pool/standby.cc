#include "pool/standby.h"

#include "hsm/wrap.h"
#include "keys/number.h"
#include "keys/possession.h"
#include "pool/backup.h"
#include "pool/recipient.h"
#include "pool/registry.h"
#include "pool/safeguard.h"

namespace poolkey::pool {
namespace {

constexpr const char* kPromoted = "promoted";
constexpr const char* kVerb = "standby promote";

std::string certificate_setting(const MemberName& standby, const std::string& role) {
  return "standby." + standby.str() + "." + role + ".pem";
}

/// Records, and floors above them, in one transaction.
json::object take_over(MemberSide& side, const Registry& registry) {
  keys::Context& context = side.context;
  store::Transaction transaction(context.database);
  import_registry(context.database, registry);
  context.database.run("UPDATE member SET state = 'left' WHERE pool = :pool AND name = :member",
                       {{"pool", side.pool.str()}, {"member", side.name.str()}});
  json::object floors = keys::raise_floors(context.database, context.clock.now());
  set_elsewhere(context.database,
                keys::origin_signer(context.database, keys::OriginRole::kRoot).key.name);
  keys::set_setting(context.database, kPromoted, side.name.str());
  transaction.commit();
  return floors;
}

void trust_members(keys::Context& context) {
  const hsm::Lease lease = context.token->lease();
  const auto turn = context.token->writing();
  for (const PoolName& pool : pools(context.database))
    for (const Member& m : members(context.database, pool)) {
      if (!m.enrolled || hsm::find_trusted_key(*lease, *m.transport) != CK_INVALID_HANDLE) continue;
      hsm::import_trusted_key(*lease, *m.transport, pool.str() + "/" + m.name.str(),
                              m.transport->spki_sha256());
    }
  context.token->module().sync();
}

/// Notes of each key version of the pools whether this token holds it, and gives those that it does
/// not: members go on with them, but from here they cannot be released again. One that it holds was
/// in two tokens when it was first used, which is what `require_backup` asks.
std::vector<KeyVersion> note_keys(MemberSide& side, const Registry& registry) {
  keys::Context& context = side.context;
  const hsm::Lease lease = context.token->lease();
  std::vector<KeyVersion> out;
  for (const keys::StoredKey& key : keys_for(context.database, standby_pool())) {
    set_inherited(context.database, key.name);
    if (keys::find_possessed(*lease, key.public_key, key.id)) {
      set_safeguard(context.database, key.name, {registry.made_at, "standby " + side.name.str()});
    } else {
      set_elsewhere(context.database, key.name);
      out.push_back(key.name);
    }
  }
  return out;
}

}  // namespace

std::optional<MemberName> promoted(store::Database& database) {
  const auto name = keys::setting(database, kPromoted);
  return name ? std::optional(MemberName(*name)) : std::nullopt;
}

void expect_standby(keys::Context& context, const MemberName& name) {
  if (promoted(context.database))
    throw Error(Errc::kUnsupported,
                "the root's key is gone with the lost origin, so nobody can certify the signers of "
                "a further standby; set up a new origin, and enrol the members with it");
  store::Transaction transaction(context.database);
  context.database.run(
      "INSERT INTO pool (name, topology_file, topology_text, topology_sha256, created_at)"
      " VALUES (:name, '', '', '', :now) ON CONFLICT (name) DO NOTHING",
      {{"name", standby_pool().str()}, {"now", rfc3339(context.clock.now())}});
  context.database.run(
      "INSERT INTO member (pool, name, state) VALUES (:pool, :member, 'expected')"
      " ON CONFLICT (pool, name) DO NOTHING",
      {{"pool", standby_pool().str()}, {"member", name.str()}});
  transaction.commit();
}

std::vector<SignerCertificate> certify_standby(keys::Context& context,
                                               const EnrolmentRequest& request,
                                               const store::Operation& operation) {
  std::vector<SignerCertificate> out;
  for (const SignerKey& signer : request.signers) {
    const std::string name = certificate_setting(request.member.member, signer.role);
    if (const auto stored = keys::setting(context.database, name)) {
      crypto::Certificate made = crypto::Certificate::from_pem(*stored);
      if (made.public_key() == signer.public_key) {
        out.push_back({signer.role, std::move(made)});
        continue;
      }
    }
    crypto::Certificate made = keys::certify_delegate(context, signer.role, signer.public_key,
                                                      request.member.member.str(), operation);
    keys::set_setting(context.database, name, made.pem());
    out.push_back({signer.role, std::move(made)});
  }
  return out;
}

void keep_signer_certificates(keys::Context& context, const Confirmation& confirmation,
                              const crypto::Certificate& root) {
  std::vector<keys::StoredCertificate> checked;
  for (const std::string& role : keys::delegated_roles()) {
    const auto key = keys::find_key(context.database, {KeyName(role), 1});
    if (!key) continue;  // a member has no signers
    const auto found =
        std::find_if(confirmation.certificates.begin(), confirmation.certificates.end(),
                     [&](const SignerCertificate& c) { return c.role == role; });
    if (found == confirmation.certificates.end() ||
        !(found->certificate.public_key() == key->public_key))
      throw Error(Errc::kCorrupt, "the confirmation has no certificate for this standby's " + role +
                                      "; nothing was pinned");
    crypto::verify_chain(found->certificate, {}, root, std::nullopt);
    checked.push_back({found->certificate, {root}, key->name, ""});
  }
  for (const keys::StoredCertificate& certificate : checked)
    keys::insert_certificate(context.database, certificate, context.clock.now());
}

Promotion promote(MemberSide& side, const std::function<void(hsm::Role)>& log_in,
                  const std::function<void()>& become_origin) {
  keys::Context& context = side.context;
  const Registry registry = held_registry(side);
  store::Operation operation = context.journal.begin(kVerb, side.name.str());
  const auto recorded = [&](const char* step, const std::function<json::object()>& act) {
    const std::string detail = operation.step(step, [&] {
      json::object made;
      keys::record(context, kVerb, side.name.str() + "/" + step, "", &operation, [&] {
        made = act();
        return made;
      });
      return json::compact(made);
    });
    return json::parse(detail, step).as_object();
  };
  Promotion out{registry.made_at};
  out.floors = json::as_object(recorded("registry",
                                        [&]() -> json::object {
                                          return {{"floors", take_over(side, registry)},
                                                  {"registry", registry.sequence},
                                                  {"origin_audit_seq", registry.audit_head.seq},
                                                  {"origin_audit_head", registry.audit_head.hash}};
                                        }),
                               "floors", kVerb);
  recorded("trust", [&]() -> json::object {
    log_in(hsm::Role::kSecurityOfficer);
    trust_members(context);
    context.token->logout();
    return {};
  });
  log_in(hsm::Role::kUser);
  const json::object held = recorded("keys", [&]() -> json::object {
    json::array missing;
    for (const KeyVersion& key : note_keys(side, registry)) missing.emplace_back(key.str());
    prove_token(context.database, *context.token, context.token->name().str());
    return {{"missing", std::move(missing)}};
  });
  for (const json::value& key : json::as_array(held, "missing", kVerb))
    out.missing.push_back(parse_key_version(key.get_string().c_str()));
  operation.step("configuration", [&]() -> std::string {
    become_origin();
    return "done";
  });
  operation.finish();
  return out;
}

}  // namespace poolkey::pool
