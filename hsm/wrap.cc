#include "hsm/wrap.h"

#include <set>

#include "hsm/object.h"
#include "hsm/output.h"
#include "hsm/rv.h"

namespace poolkey::hsm {
namespace {

/// Larger than any wrapped key: RSA-4096 as PKCS#8 takes 2376 octets. The length query is not
/// used, because it costs a whole wrap on SoftHSM and NSS answers too small.
constexpr std::size_t kMaxWrapped = 8192;

constexpr CK_ULONG kAesKeyBytes = 32;

CK_MECHANISM_TYPE kwp_of(const Session& session) {
  if (const auto kwp = session.module().profile().kwp()) return *kwp;
  throw Error(Errc::kUnsupported,
              "this token cannot wrap or unwrap private keys, as poolkey doctor found; another one "
              "is needed for pool keys");
}

CK_RSA_PKCS_OAEP_PARAMS oaep_parameters(OaepHash hash) {
  CK_RSA_PKCS_OAEP_PARAMS out{};
  out.hashAlg = hash == OaepHash::kSha1 ? CKM_SHA_1 : CKM_SHA256;
  out.mgf = hash == OaepHash::kSha1 ? CKG_MGF1_SHA1 : CKG_MGF1_SHA256;
  out.source = CKZ_DATA_SPECIFIED;
  return out;
}

Bytes wrap(Session& session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE wrapping_key,
           CK_OBJECT_HANDLE key, const std::string& doing) {
  Output out(kMaxWrapped);
  check(session.fn().C_WrapKey(session.handle(), &mechanism, wrapping_key, key, out.data(),
                               out.size()),
        doing);
  return out.take(doing);
}

CK_OBJECT_HANDLE unwrap(Session& session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE key,
                        ByteView wrapped, Template attributes, const std::string& doing) {
  attributes.leave_out(session.module().not_kept());
  CK_OBJECT_HANDLE out = CK_INVALID_HANDLE;
  Bytes blob(wrapped.begin(), wrapped.end());
  check(session.fn().C_UnwrapKey(session.handle(), &mechanism, key, blob.data(),
                                 static_cast<CK_ULONG>(blob.size()), attributes.data(),
                                 attributes.count(), &out),
        doing);
  return out;
}

Template aes_key() {
  Template t;
  t.set(CKA_CLASS, CK_ULONG{CKO_SECRET_KEY}).set(CKA_KEY_TYPE, CK_ULONG{CKK_AES});
  return t;
}

}  // namespace

bool offers(const Module& module, OaepHash hash) {
  const Profile& profile = module.profile();
  return profile.kwp().has_value() && profile.oaep(hash);
}

CK_OBJECT_HANDLE generate_trusted_wrapping_key(Session& session) {
  Template t;
  t.set(CKA_TOKEN, false)
      .set(CKA_PRIVATE, false)  // a security officer cannot make private objects
      .set(CKA_TRUSTED, true)
      .set(CKA_SENSITIVE, true)
      .set(CKA_EXTRACTABLE, true)  // under a member's trusted key, and under nothing else:
      .set(CKA_WRAP_WITH_TRUSTED, true)
      .set(CKA_WRAP, true)
      .set(CKA_UNWRAP, false)
      .set(CKA_ENCRYPT, false)
      .set(CKA_DECRYPT, false)
      .set(CKA_SIGN, false)
      .set(CKA_VERIFY, false)
      .set(CKA_DERIVE, false)
      .set(CKA_ALLOWED_MECHANISMS, std::vector{kwp_of(session)})
      .set(CKA_VALUE_LEN, kAesKeyBytes)
      .set(CKA_COPYABLE, false)
      .set(CKA_MODIFIABLE, false);
  t.leave_out(session.module().not_kept());
  CK_MECHANISM mechanism{CKM_AES_KEY_GEN, nullptr, 0};
  CK_OBJECT_HANDLE out = CK_INVALID_HANDLE;
  check(session.fn().C_GenerateKey(session.handle(), &mechanism, t.data(), t.count(), &out),
        "generate the release's trusted wrapping key");
  return out;
}

CK_OBJECT_HANDLE import_trusted_key(Session& session, const crypto::PublicKey& key,
                                    const std::string& label, ByteView id) {
  check_transport_key(key);
  Template t;
  t.set(CKA_CLASS, CK_ULONG{CKO_PUBLIC_KEY})
      .set(CKA_KEY_TYPE, CK_ULONG{CKK_RSA})
      .set(CKA_TOKEN, true)
      .set(CKA_PRIVATE, false)
      .set(CKA_TRUSTED, true)
      .set(CKA_LABEL, label)
      .set(CKA_ID, id)
      .set(CKA_MODULUS, ByteView(key.modulus()))
      .set(CKA_PUBLIC_EXPONENT, ByteView(key.exponent()))
      .set(CKA_WRAP, true)
      .set(CKA_ENCRYPT, false)
      .set(CKA_VERIFY, false)
      .set(CKA_VERIFY_RECOVER, false)
      .set(CKA_DERIVE, false)
      .set(CKA_ALLOWED_MECHANISMS, std::vector<CK_MECHANISM_TYPE>{CKM_RSA_PKCS_OAEP})
      .set(CKA_COPYABLE, false)
      .set(CKA_MODIFIABLE, false);
  return create_object(session, std::move(t));
}

CK_OBJECT_HANDLE find_trusted_key(Session& session, const crypto::PublicKey& key) {
  Template wanted;
  wanted.set(CKA_CLASS, CK_ULONG{CKO_PUBLIC_KEY})
      .set(CKA_TRUSTED, true)
      .set(CKA_MODULUS, ByteView(key.modulus()));
  for (const CK_OBJECT_HANDLE object : find_objects(session, std::move(wanted)))
    if (public_key_of(session, object) == key) return object;
  return CK_INVALID_HANDLE;
}

TrustedKeys::TrustedKeys(Session& session) : session_(session) {
  Template wanted;
  wanted.set(CKA_CLASS, CK_ULONG{CKO_PUBLIC_KEY}).set(CKA_TRUSTED, true);
  for (const CK_OBJECT_HANDLE object : find_objects(session, std::move(wanted))) {
    const auto modulus = read_bytes(session, object, CKA_MODULUS);
    const auto exponent = read_bytes(session, object, CKA_PUBLIC_EXPONENT);
    objects_.emplace(modulus && exponent ? crypto::rsa_spki_der(*modulus, *exponent) : Bytes{},
                     object);
  }
}

CK_OBJECT_HANDLE TrustedKeys::find(const crypto::PublicKey& key) const {
  const auto found = objects_.find(key.spki_der());
  return found == objects_.end() ? CK_INVALID_HANDLE : found->second;
}

std::vector<crypto::PublicKey> TrustedKeys::besides(
    const std::vector<crypto::PublicKey>& known) const {
  std::set<Bytes> accounted;
  for (const crypto::PublicKey& key : known) accounted.insert(key.spki_der());
  std::vector<crypto::PublicKey> out;
  for (const auto& [spki, object] : objects_)
    if (!accounted.contains(spki))
      if (auto key = public_key_of(session_, object)) out.push_back(std::move(*key));
  return out;
}

Bytes wrap_kwp(Session& session, CK_OBJECT_HANDLE wrapping_key, CK_OBJECT_HANDLE key) {
  return wrap(session, {kwp_of(session), nullptr, 0}, wrapping_key, key, "wrap the private key");
}

Bytes wrap_oaep(Session& session, CK_OBJECT_HANDLE public_key, CK_OBJECT_HANDLE key,
                OaepHash hash) {
  CK_RSA_PKCS_OAEP_PARAMS parameters = oaep_parameters(hash);
  return wrap(session, {CKM_RSA_PKCS_OAEP, &parameters, sizeof parameters}, public_key, key,
              "wrap the wrapping key for a member");
}

CK_OBJECT_HANDLE unwrap_oaep(Session& session, CK_OBJECT_HANDLE transport_key, ByteView wrapped,
                             OaepHash hash, Template attributes) {
  CK_RSA_PKCS_OAEP_PARAMS parameters = oaep_parameters(hash);
  return unwrap(session, {CKM_RSA_PKCS_OAEP, &parameters, sizeof parameters}, transport_key,
                wrapped, std::move(attributes), "unwrap the wrapping key with the transport key");
}

CK_OBJECT_HANDLE unwrap_kwp(Session& session, CK_OBJECT_HANDLE wrapping_key, ByteView wrapped,
                            Template attributes) {
  return unwrap(session, {kwp_of(session), nullptr, 0}, wrapping_key, wrapped,
                std::move(attributes), "unwrap the private key");
}

Template unwrap_extra(const Module& module, const crypto::PublicKey& key) {
  Template out;
  if (key.is_ec() && module.profile().says(Question::kEcUnwrap, "nss-db"))
    out.set(kNssDb, ByteView(key.ec_point()));
  return out;
}

Template transport_unwrap_template() {
  return aes_key().set(CKA_SENSITIVE, true).set(CKA_EXTRACTABLE, false).set(CKA_DECRYPT, false);
}

Template wrapping_key_template(bool extractable) {
  Template demanded;
  demanded.set(CKA_CLASS, CK_ULONG{CKO_PRIVATE_KEY})
      .set(CKA_SENSITIVE, true)
      .set(CKA_EXTRACTABLE, extractable);
  // What may be handed on is handed on under trusted keys only.
  if (extractable) demanded.set(CKA_WRAP_WITH_TRUSTED, true);
  return transport_unwrap_template()
      .set(CKA_TOKEN, false)
      .set(CKA_PRIVATE, true)
      .set(CKA_UNWRAP, true)
      .set(CKA_WRAP, false)
      .set(CKA_ENCRYPT, false)
      .set(CKA_SIGN, false)
      .set(CKA_VERIFY, false)
      .set(CKA_DERIVE, false)
      .set(CKA_UNWRAP_TEMPLATE, demanded);
}

}  // namespace poolkey::hsm
