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

bool possesses(hsm::Session& session, CK_OBJECT_HANDLE object, const crypto::PublicKey& key) {
  const Bytes message = crypto::random_bytes(kChallengeSize);
  return key.verify("SHA256", message, sign_with_object(session, object, key, message));
}

}  // namespace poolkey::keys
