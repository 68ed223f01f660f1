#include "keys/possession.h"

#include "base/error.h"
#include "crypto/digest.h"
#include "crypto/signature.h"
#include "hsm/sign.h"

namespace poolkey::keys {
namespace {

constexpr std::size_t kChallengeSize = 32;
constexpr std::size_t kMaxSignature = 1024;

}  // namespace

Bytes sign_with_object(hsm::Session& session, CK_OBJECT_HANDLE object, const crypto::PublicKey& key,
                       ByteView message) {
  const Bytes digest = crypto::sha256(message);
  if (key.is_rsa())
    return hsm::sign(session, object, {CKM_RSA_PKCS, nullptr, 0},
                     crypto::digest_info("SHA256", digest), kMaxSignature);
  if (key.is_ec())
    return crypto::ecdsa_der(
        hsm::sign(session, object, {CKM_ECDSA, nullptr, 0}, digest, kMaxSignature));
  throw Error(Errc::kUnsupported, "poolkey does not sign with " + key.algorithm() + " keys");
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
                         hsm::read_back(*lease, found.front().handle, spec.private_attributes))
            .empty())
      return found.front().public_key;
  }
  hsm::destroy_by_id(token, spec.id);
  return std::nullopt;
}

bool possesses(hsm::Session& session, CK_OBJECT_HANDLE object, const crypto::PublicKey& key) {
  const Bytes message = crypto::random_bytes(kChallengeSize);
  return key.verify("SHA256", message, sign_with_object(session, object, key, message));
}

}  // namespace poolkey::keys
