#include "keys/generate.h"

#include "crypto/digest.h"
#include "hsm/key_pair.h"
#include "keys/number.h"
#include "keys/origin.h"
#include "keys/possession.h"
#include "policy/attributes.h"

namespace poolkey::keys {
namespace {

constexpr std::size_t kIdSize = 16;

void refuse_taken_label(Context& context, const hsm::KeyPairSpec& spec) {
  const hsm::Lease lease = context.token->lease();
  hsm::Template wanted;
  wanted.set(CKA_LABEL, spec.label);
  for (const hsm::KeyObject& found : hsm::find_private_keys(*lease, std::move(wanted)))
    if (found.id != spec.id)
      throw Error(Errc::kAlreadyExists, context.token->name().str() +
                                            " already holds another key with the label '" +
                                            spec.label + "'; remove it, or use another key name");
}

}  // namespace

StoredKey generate(Context& context, const KeyName& name, const std::optional<PoolName>& pool,
                   const policy::Policy& policy) {
  store::Operation operation = context.journal.begin("key generate", name.str());
  const KeyVersion version = parse_key_version(operation.step("version", [&] {
    const auto next =
        next_number(context.database, Counter::kVersion, newest_version(context.database, name));
    return KeyVersion{name, static_cast<std::uint32_t>(next)}.str();
  }));
  // What was begun under one policy for one pool is not finished under another.
  const std::string terms =
      hex(crypto::sha256(view(policy.text()))) + " " + (pool ? pool->str() : "");
  if (operation.step("terms", [&] { return terms; }) != terms)
    throw Error(Errc::kConflict, "the generation of " + version.str() +
                                     " was interrupted under another policy or for another pool; "
                                     "run it again as it was begun");
  policy::Permit allowed = permit(context, policy,
                                  {.action = policy::Action::kGenerate,
                                   .key = version,
                                   .pool = pool,
                                   .algorithm = policy.algorithm_name(),
                                   .wrap_with_trusted = wrap_with_trusted(*context.token)});
  allowed.require(policy::Action::kGenerate, version.str());

  hsm::KeyPairSpec spec;
  spec.algorithm = policy.algorithm_name();
  spec.private_attributes = policy::origin_private(policy);
  spec.public_attributes = policy::origin_public(policy);
  spec.label = version.str();
  spec.id = from_hex(operation.step("id", [] { return hex(crypto::random_bytes(kIdSize)); }));

  const std::string spki = operation.step("generate", [&] {
    refuse_taken_label(context, spec);
    std::string made;
    record(context, "key generate", version.str(), allowed.rule(), &operation,
           [&]() -> json::object {
             const auto [key, adopted] = obtain_pair(*context.token, spec);
             made = base64(key.spki_der());
             return {{"algorithm", key.algorithm()},
                     {"spki_sha256", hex(key.spki_sha256())},
                     {"policy_sha256", hex(crypto::sha256(view(policy.text())))},
                     {"policy", policy.text()},
                     {"adopted", adopted}};
           });
    return made;
  });

  operation.step("record", [&]() -> std::string {
    if (find_key(context.database, version)) return "already";
    insert_key(context.database, {version, pool, store_policy(context.database, policy),
                                  crypto::PublicKey::from_spki_der(from_base64(spki)), spec.id,
                                  "generated", context.clock.now()});
    return "done";
  });
  // Before the end: a run that cannot leave its record is run again, and then finds this version
  // and makes no other. The origin's own keys come before there is one to sign the record.
  if (pool)
    operation.step("checkpoint", [&]() -> std::string {
      checkpoint_origin(context);
      return "done";
    });
  operation.finish();
  return key(context.database, version);
}

}  // namespace poolkey::keys
