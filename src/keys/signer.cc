#include "keys/signer.h"

#include "hsm/uri.h"

namespace poolkey::keys {

crypto::EvpPkey signing_key(Context& context, policy::Permit permit, policy::Usage usage,
                            const StoredKey& key) {
  permit.require_signature(usage, key.name.str());
  crypto::EvpPkey loaded = context.load_key(hsm::private_key_uri(context.token->name(), key.id));
  if (!(crypto::PublicKey::from_evp(loaded.get()) == key.public_key))
    throw Error(Errc::kConflict, context.token->name().str() + " has another key where " +
                                     key.name.str() + " should be; nothing was signed");
  return loaded;
}

crypto::EvpPkey signing_key(Context& context, policy::Usage usage, const StoredKey& key) {
  const policy::Policy policy = policy_of(context.database, key);
  return signing_key(context,
                     permit(context, policy,
                            {.action = policy::Action::kSign,
                             .key = key.name,
                             .algorithm = key.public_key.algorithm(),
                             .key_age = context.clock.now() - key.created,
                             .usage = usage}),
                     usage, key);
}

}  // namespace poolkey::keys
