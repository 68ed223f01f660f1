// Wrapping and unwrapping, in the layout of CKM_RSA_AES_KEY_WRAP: an RSA-OAEP part, then a KWP
// part. May touch: base, crypto. Called by: pool (release and delivery), tests.
#pragma once

#include <map>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "crypto/public_key.h"
#include "hsm/profile.h"
#include "hsm/template.h"
#include "hsm/token.h"

namespace poolkey::hsm {

/// True if the module can wrap and unwrap private keys with this hash, by its profile: no call
/// tells. Throws as Module::profile.
bool offers(const Module& module, OaepHash hash);

/// A 256-bit AES wrapping key as a session object of this session, marked CKA_TRUSTED, which only
/// the security officer can do: so the caller is logged in as one. It wraps and does nothing else,
/// can leave only under a trusted key itself, and is never on disk.
CK_OBJECT_HANDLE generate_trusted_wrapping_key(Session& session);

/// A member's transport key as a CKA_TRUSTED public key that only wraps. Called as security
/// officer.
CK_OBJECT_HANDLE import_trusted_key(Session& session, const crypto::PublicKey& key,
                                    const std::string& label, ByteView id);
/// The handle of the trusted token object with exactly this key; CK_INVALID_HANDLE if there is
/// none.
CK_OBJECT_HANDLE find_trusted_key(Session& session, const crypto::PublicKey& key);

/// The public keys that the token trusts for wrapping, by one search: SoftHSM looks at every object
/// in each. The session must outlive it.
class TrustedKeys {
 public:
  explicit TrustedKeys(Session& session);
  /// As find_trusted_key().
  CK_OBJECT_HANDLE find(const crypto::PublicKey& key) const;
  /// Those that are none of `known`.
  std::vector<crypto::PublicKey> besides(const std::vector<crypto::PublicKey>& known) const;

 private:
  Session& session_;
  std::multimap<Bytes, CK_OBJECT_HANDLE>
      objects_;  ///< by SPKI; what is no RSA key has an empty one
};

/// C_WrapKey of `key` with AES-KWP (RFC 5649). SoftHSM 2.6.1 pads the PKCS#8 with up to 7 zeros
/// first, which the length in the wrap counts. Throws kDenied where the HSM refuses.
Bytes wrap_kwp(Session& session, CK_OBJECT_HANDLE wrapping_key, CK_OBJECT_HANDLE key);
/// C_WrapKey of an AES key with RSA-OAEP; as long as the modulus.
Bytes wrap_oaep(Session& session, CK_OBJECT_HANDLE public_key, CK_OBJECT_HANDLE key, OaepHash hash);

/// C_UnwrapKey of the OAEP part with the attributes given.
CK_OBJECT_HANDLE unwrap_oaep(Session& session, CK_OBJECT_HANDLE transport_key, ByteView wrapped,
                             OaepHash hash, Template attributes);
/// C_UnwrapKey of the KWP part.
CK_OBJECT_HANDLE unwrap_kwp(Session& session, CK_OBJECT_HANDLE wrapping_key, ByteView wrapped,
                            Template attributes);

/// What the module wants in the template of unwrap_kwp() beside the standard's attributes: NSS the
/// point of an EC key. By its profile; empty as a rule.
Template unwrap_extra(const Module& module, const crypto::PublicKey& key);

/// What the transport key demands of every key it unwraps (CKA_UNWRAP_TEMPLATE): an AES key that
/// stays sensitive, cannot leave, and decrypts nothing.
Template transport_unwrap_template();
/// The whole template of the wrapping key at the member: what the transport key demands, unwrapping
/// only, a session object, and an unwrap template of its own for the private key, which must stay
/// sensitive and be `extractable` as its policy says (then under trusted keys only).
Template wrapping_key_template(bool extractable);

}  // namespace poolkey::hsm
