#include "hsm/doctor_bench.h"

#include <algorithm>

#include "crypto/digest.h"
#include "crypto/signature.h"
#include "hsm/rv.h"

namespace poolkey::hsm::doctor {
namespace {

constexpr std::size_t kRoom = 8192;  // no length query is trusted
constexpr std::uint8_t kP256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
constexpr std::uint8_t kExponent[] = {0x01, 0x00, 0x01};
constexpr CK_ULONG kRsaBits = 2048;
constexpr CK_ULONG kAesBytes = 32;

MadePair generate_pair(Session& session, CK_MECHANISM_TYPE type, Template& public_template,
                       Template& private_template) {
  CK_MECHANISM mechanism{type, nullptr, 0};
  MadePair out;
  out.rv = session.fn().C_GenerateKeyPair(
      session.handle(), &mechanism, public_template.data(), public_template.count(),
      private_template.data(), private_template.count(), &out.public_key, &out.private_key);
  return out;
}

CK_RSA_PKCS_MGF_TYPE mgf_of(CK_MECHANISM_TYPE hash) {
  switch (hash) {
    case CKM_SHA256:
      return CKG_MGF1_SHA256;
    case CKM_SHA384:
      return CKG_MGF1_SHA384;
    case CKM_SHA512:
      return CKG_MGF1_SHA512;
    default:
      return CKG_MGF1_SHA1;
  }
}

}  // namespace

Template labelled(std::string_view what, bool in_token) {
  return Template()
      .set(CKA_TOKEN, in_token)
      .set(CKA_LABEL, std::string(kPrefix) + std::string(what));
}

Template ec_private(std::string_view what, bool extractable, const Template& more, bool in_token) {
  return labelled(what, in_token)
      .set(CKA_PRIVATE, true)
      .set(CKA_SENSITIVE, true)
      .set(CKA_EXTRACTABLE, extractable)
      .set(CKA_SIGN, true)
      .append(more);
}

Template aes_key(std::string_view what, const Template& more) {
  return labelled(what)
      .set(CKA_SENSITIVE, true)
      .set(CKA_EXTRACTABLE, true)
      .set(CKA_WRAP, true)
      .set(CKA_UNWRAP, true)
      .append(more);
}

Made generate_aes(Session& session, Template attributes) {
  attributes.set(CKA_VALUE_LEN, kAesBytes);
  CK_MECHANISM mechanism{CKM_AES_KEY_GEN, nullptr, 0};
  Made out;
  out.rv = session.fn().C_GenerateKey(session.handle(), &mechanism, attributes.data(),
                                      attributes.count(), &out.object);
  return out;
}

MadePair generate_ec(Session& session, Template private_template, Template public_template) {
  public_template.set(CKA_EC_PARAMS, ByteView(kP256));
  return generate_pair(session, CKM_EC_KEY_PAIR_GEN, public_template, private_template);
}

MadePair generate_ec(Session& session, std::string_view what, bool extractable,
                     const Template& more) {
  return generate_ec(session, ec_private(what, extractable, more),
                     labelled(what).set(CKA_PRIVATE, false).set(CKA_VERIFY, true));
}

MadePair generate_rsa(Session& session, std::string_view what) {
  Template public_template = labelled(what)
                                 .set(CKA_PRIVATE, false)
                                 .set(CKA_WRAP, true)
                                 .set(CKA_VERIFY, true)
                                 .set(CKA_MODULUS_BITS, kRsaBits)
                                 .set(CKA_PUBLIC_EXPONENT, ByteView(kExponent));
  Template private_template = labelled(what)
                                  .set(CKA_PRIVATE, true)
                                  .set(CKA_SENSITIVE, true)
                                  .set(CKA_EXTRACTABLE, false)
                                  .set(CKA_UNWRAP, true)
                                  .set(CKA_SIGN, true);
  return generate_pair(session, CKM_RSA_PKCS_KEY_PAIR_GEN, public_template, private_template);
}

Made create(Session& session, Template attributes) {
  Made out;
  out.rv = session.fn().C_CreateObject(session.handle(), attributes.data(), attributes.count(),
                                       &out.object);
  return out;
}

Made copy(Session& session, CK_OBJECT_HANDLE object, Template changes) {
  Made out;
  out.rv = session.fn().C_CopyObject(session.handle(), object, changes.data(), changes.count(),
                                     &out.object);
  return out;
}

CK_RV set(Session& session, CK_OBJECT_HANDLE object, Template changes) {
  return session.fn().C_SetAttributeValue(session.handle(), object, changes.data(),
                                          changes.count());
}

Blob wrap(Session& session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE by, CK_OBJECT_HANDLE key) {
  Blob out{.octets = Bytes(kRoom)};
  CK_ULONG size = kRoom;
  out.rv = session.fn().C_WrapKey(session.handle(), &mechanism, by, key, out.octets.data(), &size);
  out.octets.resize(out.ok() ? size : 0);
  return out;
}

Made unwrap(Session& session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE by, ByteView blob,
            Template attributes) {
  Bytes octets(blob.begin(), blob.end());
  Made out;
  out.rv = session.fn().C_UnwrapKey(session.handle(), &mechanism, by, octets.data(),
                                    static_cast<CK_ULONG>(octets.size()), attributes.data(),
                                    attributes.count(), &out.object);
  return out;
}

Blob sign(Session& session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE key, ByteView data) {
  Blob out{.octets = Bytes(kRoom)};
  out.rv = session.fn().C_SignInit(session.handle(), &mechanism, key);
  if (!out.ok()) return out;
  Bytes message(data.begin(), data.end());
  CK_ULONG size = kRoom;
  out.rv = session.fn().C_Sign(session.handle(), message.data(),
                               static_cast<CK_ULONG>(message.size()), out.octets.data(), &size);
  out.octets.resize(out.ok() ? size : 0);
  return out;
}

void destroy(Session& session, CK_OBJECT_HANDLE object) {
  if (object != CK_INVALID_HANDLE) session.fn().C_DestroyObject(session.handle(), object);
}

bool signs_as(Session& session, CK_OBJECT_HANDLE key, const crypto::PublicKey& public_key) {
  const Bytes message = crypto::random_bytes(32);
  const Blob signature = sign(session, {CKM_ECDSA, nullptr, 0}, key, crypto::sha256(message));
  return signature.ok() &&
         public_key.verify("SHA256", message, crypto::ecdsa_der(signature.octets));
}

Oaep oaep(CK_MECHANISM_TYPE hash) {
  Oaep out{};
  out.parameters.hashAlg = hash;
  out.parameters.mgf = mgf_of(hash);
  out.parameters.source = CKZ_DATA_SPECIFIED;
  return out;
}

void Bench::answer(Question question, std::string_view word, std::string detail) {
  profile().found[question] = word;
  if (detail.empty())
    out_.details.erase(question);
  else
    out_.details[question] = std::move(detail);
}

void Bench::answer_by(Question question, CK_RV rv, std::string_view yes, std::string_view no) {
  answer(question, rv == CKR_OK ? yes : no, rv == CKR_OK ? "" : rv_name(rv));
}

void Bench::answer(CK_MECHANISM_TYPE mechanism, bool works, bool as_expected) {
  const auto rows = profiled_mechanisms();
  const auto row = std::find_if(rows.begin(), rows.end(),
                                [&](const MechanismRow& r) { return r.type == mechanism; });
  std::string& word = profile().mechanisms.at(static_cast<std::size_t>(row - rows.begin()));
  const bool listed = is_listed(mechanism);
  if (works && !as_expected)
    word = "other";
  else
    word = works ? (listed ? "usable" : "unlisted") : (listed ? "refused" : "absent");
}

bool Bench::is_listed(CK_MECHANISM_TYPE mechanism) const {
  return std::find(listed_.begin(), listed_.end(), mechanism) != listed_.end();
}

void Bench::list_mechanisms() {
  const CK_SLOT_ID slot = token_.info().slot;
  const Calls& fn = token_.module().fn();
  CK_ULONG count = 0;
  check(fn.C_GetMechanismList(slot, nullptr, &count), "list the token's mechanisms");
  listed_.resize(count);
  check(fn.C_GetMechanismList(slot, listed_.data(), &count), "list the token's mechanisms");
  listed_.resize(count);
}

std::optional<CK_MECHANISM> Bench::kwp() const {
  const auto kwp = out_.profile.kwp();
  return kwp ? std::optional<CK_MECHANISM>({*kwp, nullptr, 0}) : std::nullopt;
}

Template Bench::ec_unwrap_template(const crypto::PublicKey& public_key, const Template& more) {
  Template out = labelled("unwrapped")
                     .set(CKA_CLASS, CK_ULONG{CKO_PRIVATE_KEY})
                     .set(CKA_KEY_TYPE, CK_ULONG{CKK_EC})
                     .set(CKA_PRIVATE, true)
                     .set(CKA_SIGN, true);
  if (profile().says(Question::kEcUnwrap, "nss-db"))
    out.set(kNssDb, ByteView(public_key.ec_point()));
  return out.append(more);
}

}  // namespace poolkey::hsm::doctor
