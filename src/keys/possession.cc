#include "keys/possession.h"

#include "base/error.h"
#include "crypto/digest.h"
#include "crypto/signature.h"
#include "hsm/sign.h"

namespace poolkey::keys {
namespace {

constexpr std::size_t kChallengeSize = 32;

/// A signature by the object, whichever key it is; `key` says what kind is wanted.
Bytes signature_by(hsm::Session& session, CK_OBJECT_HANDLE object, const crypto::PublicKey& key,
                   ByteView message) {
  const Bytes digest = crypto::sha256(message);
  const std::size_t octets = (static_cast<std::size_t>(key.bits()) + 7) / 8;
  if (key.is_rsa())
    return hsm::sign(session, object, {CKM_RSA_PKCS, nullptr, 0},
                     crypto::digest_info("SHA256", digest), octets);
  if (key.is_ec())
    return crypto::ecdsa_der(
        hsm::sign(session, object, {CKM_ECDSA, nullptr, 0}, digest, 2 * octets));
  throw Error(Errc::kUnsupported, "poolkey does not sign with " + key.algorithm() + " keys");
}

/// True if a public object with this CKA_ID holds the key and has the attributes.
bool public_object_stands(hsm::Session& session, const crypto::PublicKey& key,
                          const hsm::KeyPairSpec& spec) {
  hsm::Template wanted;
  wanted.set(CKA_CLASS, CK_ULONG{CKO_PUBLIC_KEY}).set(CKA_ID, ByteView(spec.id));
  for (const CK_OBJECT_HANDLE object : hsm::find_objects(session, std::move(wanted)))
    if (hsm::public_key_of(session, object) == key)
      return hsm::differences(spec.public_attributes,
                              hsm::read_back(session, object, spec.public_attributes))
          .empty();
  return false;
}

}  // namespace

Bytes sign_with_object(hsm::Session& session, CK_OBJECT_HANDLE object, const crypto::PublicKey& key,
                       ByteView message) {
  Bytes out = signature_by(session, object, key, message);
  if (!key.verify("SHA256", message, out))
    throw Error(Errc::kConflict,
                "the token signed with another key than the one that was meant, as when a handle "
                "is given to another object; the signature was not used. Run it again");
  return out;
}

std::optional<hsm::KeyObject> find_possessed(hsm::Session& session, const crypto::PublicKey& key,
                                             ByteView id) {
  const auto signs = [&](const hsm::KeyObject& object) {
    return possesses(session, object.handle, key);
  };
  if (auto found = hsm::find_private_key(session, key, id); found && signs(*found)) return found;
  if (id.empty()) return std::nullopt;
  const CK_KEY_TYPE type = key.is_rsa() ? CKK_RSA : CKK_EC;
  hsm::Template by_id;
  by_id.set(CKA_ID, id);
  for (hsm::KeyObject& object : hsm::find_private_keys(session, std::move(by_id)))
    if (!object.public_key && object.type == type && signs(object)) return std::move(object);
  return std::nullopt;
}

std::optional<crypto::PublicKey> adopt_pair(hsm::Token& token, const hsm::KeyPairSpec& spec) {
  {
    const hsm::Lease lease = token.lease();
    hsm::Template wanted;
    wanted.set(CKA_ID, ByteView(spec.id));
    const auto found = hsm::find_private_keys(*lease, std::move(wanted));
    if (found.size() == 1 && found.front().public_key &&
        found.front().public_key->algorithm() == spec.algorithm &&
        hsm::differences(spec.private_attributes,
                         hsm::read_back(*lease, found.front().handle, spec.private_attributes),
                         token.module().not_kept())
            .empty() &&
        public_object_stands(*lease, *found.front().public_key, spec))
      return found.front().public_key;
  }
  hsm::destroy_by_id(token, spec.id);
  return std::nullopt;
}

namespace {

bool may_sign(const hsm::KeyPairSpec& spec) {
  for (const NamedAttribute& a : spec.private_attributes)
    if (a.name == "CKA_SIGN") return std::get<bool>(a.value);
  return false;
}

}  // namespace

ObtainedPair obtain_pair(hsm::Token& token, const hsm::KeyPairSpec& spec) {
  auto adopted = adopt_pair(token, spec);
  ObtainedPair out{adopted ? *adopted : hsm::generate_key_pair(token, spec), adopted.has_value()};
  if (!out.key.is_ec() || !may_sign(spec)) return out;
  {
    const hsm::Lease lease = token.lease();
    if (find_possessed(*lease, out.key, spec.id)) return out;
  }
  hsm::destroy_by_id(token, spec.id);
  throw Error(Errc::kConflict, "the private key '" + spec.label + "' in " + token.name().str() +
                                   " does not sign for its public key; both were destroyed. Run "
                                   "it again");
}

bool possesses(hsm::Session& session, CK_OBJECT_HANDLE object, const crypto::PublicKey& key) {
  const Bytes message = crypto::random_bytes(kChallengeSize);
  return key.verify("SHA256", message, signature_by(session, object, key, message));
}

}  // namespace poolkey::keys
