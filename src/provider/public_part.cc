#include "provider/public_part.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>

namespace poolkey::provider {
namespace {

using std::string_view_literals::operator""sv;

using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, crypto::Free<OSSL_PARAM_BLD_free>>;

constexpr std::uint8_t kUncompressed = 0x04;
constexpr std::uint8_t kOctetString = 0x04;
constexpr std::size_t kMaxModulus = 16384 / 8;  // OpenSSL's own limit

constexpr std::array kCurves{Curve{"prime256v1", "P-256", NID_X9_62_prime256v1, 256, 128, 32, 72},
                             Curve{"secp384r1", "P-384", NID_secp384r1, 384, 192, 48, 104},
                             Curve{"secp521r1", "P-521", NID_secp521r1, 521, 256, 66, 139}};

/// Its private key is never exported, so no group is told of it.
constexpr Curve kEdwards{"ED25519", "Ed25519", NID_ED25519, 256, 128, 32, 64};

/// CKA_EC_PARAMS of Ed25519: PKCS#11 v3.0 6.3.3 has a PrintableString or the OID of RFC 8410; older
/// tokens have the OID that GnuPG gave to the curve.
constexpr std::array<std::string_view, 3> kEdwardsParams{
    "\x13\x0c"
    "edwards25519",
    "\x06\x03\x2b\x65\x70", "\x06\x09\x2b\x06\x01\x04\x01\xda\x47\x0f\x01"};

Bytes without_leading_zeros(Bytes number) {
  const auto first = std::find_if(number.begin(), number.end(), [](auto b) { return b != 0; });
  number.erase(number.begin(), first);
  return number;
}

crypto::BnPtr to_number(const Bytes& bytes) {
  return crypto::BnPtr(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
}

/// The point without the OCTET STRING around it, which some tokens leave out. Both forms may begin
/// with 04, so the size decides.
std::optional<Bytes> bare_point(const Bytes& point, const Curve& curve) {
  const std::size_t bare = 1 + 2 * curve.octets;
  std::size_t header = 0;
  if (point.size() != bare) {
    header = bare < 0x80 ? 2 : 3;
    if (point.size() != bare + header || point[0] != kOctetString || point[header - 1] != bare ||
        (header == 3 && point[1] != 0x81))
      return std::nullopt;
  }
  if (point[header] != kUncompressed) return std::nullopt;
  return Bytes(point.begin() + static_cast<std::ptrdiff_t>(header), point.end());
}

void free_types(ASN1_SEQUENCE_ANY* p) noexcept { sk_ASN1_TYPE_pop_free(p, ASN1_TYPE_free); }

/// RSAPublicKey (RFC 8017 A.1.1).
Bytes rsa_public_key(const PublicPart& part) {
  const std::unique_ptr<ASN1_SEQUENCE_ANY, crypto::Free<free_types>> sequence(
      sk_ASN1_TYPE_new_null());
  bool good = sequence != nullptr;
  for (const Bytes& number : {part.modulus, part.exponent}) {
    std::unique_ptr<ASN1_TYPE, crypto::Free<ASN1_TYPE_free>> element(ASN1_TYPE_new());
    ASN1_INTEGER* integer = BN_to_ASN1_INTEGER(to_number(number).get(), nullptr);
    good = good && element && integer != nullptr;
    if (!good) break;
    ASN1_TYPE_set(element.get(), V_ASN1_INTEGER, integer);
    good = sk_ASN1_TYPE_push(sequence.get(), element.get()) > 0;
    if (good) static_cast<void>(element.release());
  }
  if (!good) throw Error(Errc::kInternal, "OpenSSL could not encode a public key");
  return crypto::to_der<i2d_ASN1_SEQUENCE_ANY>(sequence.get());
}

std::optional<PublicPart> rsa_part(Bytes modulus, Bytes exponent) {
  PublicPart out;
  out.modulus = without_leading_zeros(std::move(modulus));
  out.exponent = without_leading_zeros(std::move(exponent));
  if (out.modulus.empty() || out.modulus.size() > kMaxModulus || out.exponent.empty())
    return std::nullopt;
  return out;
}

std::optional<PublicPart> ec_part(const Curve* curve, const Bytes& point) {
  if (curve == nullptr) return std::nullopt;
  auto bare = bare_point(point, *curve);
  if (!bare) return std::nullopt;
  PublicPart out;
  out.kind = KeyKind::kEc;
  out.curve = curve;
  out.point = std::move(*bare);
  return out;
}

bool is_edwards(ByteView ec_params) {
  return std::ranges::any_of(
      kEdwardsParams, [&](auto known) { return std::ranges::equal(ec_params, view(known)); });
}

/// Bare, in an OCTET STRING, or in a BIT STRING, as tokens have it.
std::optional<PublicPart> edwards_part(ByteView point) {
  for (const std::string_view header : {"\x04\x20"sv, "\x03\x21\x00"sv})
    if (point.size() == header.size() + kEdwards.octets &&
        std::ranges::equal(point.first(header.size()), view(header)))
      point = point.subspan(header.size());
  if (point.size() != kEdwards.octets) return std::nullopt;
  PublicPart out;
  out.kind = KeyKind::kEd25519;
  out.curve = &kEdwards;
  out.point.assign(point.begin(), point.end());
  return out;
}

std::optional<Bytes> number_param(const OSSL_PARAM* params, const char* name) {
  const OSSL_PARAM* param = OSSL_PARAM_locate_const(params, name);
  BIGNUM* number = nullptr;
  if (param == nullptr || OSSL_PARAM_get_BN(param, &number) != 1) return std::nullopt;
  const crypto::BnPtr owner(number);
  Bytes out(static_cast<std::size_t>(BN_num_bytes(number)));
  BN_bn2bin(number, out.data());
  return out;
}

}  // namespace

const Curve* find_curve(std::string_view name) noexcept {
  for (const Curve& curve : kCurves)
    if (name == curve.group || name == curve.nist) return &curve;
  return nullptr;
}

const Curve* find_curve(ByteView ec_params) noexcept {
  for (const Curve& curve : kCurves) {
    const ASN1_OBJECT* oid = OBJ_nid2obj(curve.nid);
    const ByteView contents(OBJ_get0_data(oid), OBJ_length(oid));
    if (ec_params.size() == contents.size() + 2 && ec_params[0] == V_ASN1_OBJECT &&
        ec_params[1] == contents.size() && std::ranges::equal(ec_params.subspan(2), contents))
      return &curve;
  }
  return nullptr;
}

const char* PublicPart::type_name() const {
  switch (kind) {
    case KeyKind::kRsa:
      return "RSA";
    case KeyKind::kEc:
      return "EC";
    case KeyKind::kEd25519:
      break;
  }
  return "ED25519";
}

int PublicPart::bits() const {
  return kind == KeyKind::kRsa ? BN_num_bits(to_number(modulus).get()) : curve->bits;
}

int PublicPart::security_bits() const {
  return kind == KeyKind::kRsa ? BN_security_bits(bits(), -1) : curve->security_bits;
}

std::size_t PublicPart::max_signature() const {
  return kind == KeyKind::kRsa ? modulus.size() : curve->max_signature;
}

std::size_t PublicPart::raw_signature() const {
  return kind == KeyKind::kRsa ? modulus.size() : 2 * curve->octets;
}

hsm::Attributes read_key_attributes(hsm::Session& session, CK_OBJECT_HANDLE object) {
  static constexpr std::array<CK_ATTRIBUTE_TYPE, 8> kTypes{
      CKA_CLASS,   CKA_KEY_TYPE,        CKA_ID,        CKA_LABEL,
      CKA_MODULUS, CKA_PUBLIC_EXPONENT, CKA_EC_PARAMS, CKA_EC_POINT};
  return {session, object, kTypes};
}

std::optional<PublicPart> public_part_of(const hsm::Attributes& object) {
  const auto type = object.number(CKA_KEY_TYPE);
  const auto both = [&](CK_ATTRIBUTE_TYPE one, CK_ATTRIBUTE_TYPE other) {
    return object.find(one) != nullptr && object.find(other) != nullptr;
  };
  if (type == CKK_RSA) {
    if (both(CKA_MODULUS, CKA_PUBLIC_EXPONENT))
      return rsa_part(object.bytes(CKA_MODULUS), object.bytes(CKA_PUBLIC_EXPONENT));
  } else if (type == CKK_EC || type == CKK_EC_EDWARDS) {
    if (!both(CKA_EC_PARAMS, CKA_EC_POINT)) return std::nullopt;
    const Bytes params = object.bytes(CKA_EC_PARAMS), point = object.bytes(CKA_EC_POINT);
    return is_edwards(params) ? edwards_part(point) : ec_part(find_curve(params), point);
  }
  return std::nullopt;
}

std::optional<PublicPart> public_part_from(KeyKind kind, const OSSL_PARAM* params) {
  if (kind == KeyKind::kRsa) {
    auto modulus = number_param(params, OSSL_PKEY_PARAM_RSA_N);
    auto exponent = number_param(params, OSSL_PKEY_PARAM_RSA_E);
    if (!modulus || !exponent) return std::nullopt;
    return rsa_part(std::move(*modulus), std::move(*exponent));
  }
  const OSSL_PARAM* point = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PUB_KEY);
  const void* octets = nullptr;
  std::size_t size = 0;
  if (point != nullptr && OSSL_PARAM_get_octet_string_ptr(point, &octets, &size) != 1)
    return std::nullopt;
  const ByteView given(static_cast<const std::uint8_t*>(octets), size);
  if (kind == KeyKind::kEd25519) return edwards_part(given);
  const OSSL_PARAM* group = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_GROUP_NAME);
  const char* name = nullptr;
  if (group == nullptr || OSSL_PARAM_get_utf8_string_ptr(group, &name) != 1) return std::nullopt;
  const Curve* curve = find_curve(name);
  if (point != nullptr) return ec_part(curve, Bytes(given.begin(), given.end()));
  if (curve == nullptr) return std::nullopt;
  PublicPart out;
  out.kind = KeyKind::kEc;
  out.curve = curve;
  return out;
}

std::optional<PublicPart> with_point(const PublicPart& part, const OSSL_PARAM& point) {
  const void* octets = nullptr;
  std::size_t size = 0;
  if (OSSL_PARAM_get_octet_string_ptr(&point, &octets, &size) != 1) return std::nullopt;
  const auto* begin = static_cast<const std::uint8_t*>(octets);
  return ec_part(part.curve, Bytes(begin, begin + size));
}

Params to_params(const PublicPart& part, int selection) {
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  const crypto::BnPtr n = to_number(part.modulus), e = to_number(part.exponent);
  bool good = builder && n && e;
  if (part.kind == KeyKind::kEc && (selection & OSSL_KEYMGMT_SELECT_ALL_PARAMETERS) != 0)
    good = good && OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME,
                                                   part.curve->group, 0) == 1;
  if ((selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0)
    good = good &&
           (part.kind != KeyKind::kRsa
                ? OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY,
                                                   part.point.data(), part.point.size()) == 1
                : OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) == 1 &&
                      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) == 1);
  Params params(good ? OSSL_PARAM_BLD_to_param(builder.get()) : nullptr);
  if (!params) throw Error(Errc::kInternal, "OpenSSL could not take the public key's parameters");
  return params;
}

Bytes spki_der(const PublicPart& part) {
  struct Row {
    int algorithm;
    int parameter_type;
    int parameter;  ///< an object of OpenSSL's table; NID_undef: none
  };
  const Row row = part.kind == KeyKind::kRsa ? Row{NID_rsaEncryption, V_ASN1_NULL, NID_undef}
                  : part.kind == KeyKind::kEc
                      ? Row{NID_X9_62_id_ecPublicKey, V_ASN1_OBJECT, part.curve->nid}
                      : Row{NID_ED25519, V_ASN1_UNDEF, NID_undef};
  using Structure = std::unique_ptr<X509_PUBKEY, crypto::Free<X509_PUBKEY_free>>;
  const Bytes key = part.kind == KeyKind::kRsa ? rsa_public_key(part) : part.point;
  const Structure structure(X509_PUBKEY_new());
  auto* octets = static_cast<unsigned char*>(OPENSSL_memdup(key.data(), key.size()));
  // The octets and the curve become the structure's; objects of the table are never freed.
  if (!structure || octets == nullptr ||
      X509_PUBKEY_set0_param(structure.get(), OBJ_nid2obj(row.algorithm), row.parameter_type,
                             row.parameter == NID_undef ? nullptr : OBJ_nid2obj(row.parameter),
                             octets, static_cast<int>(key.size())) != 1) {
    OPENSSL_free(octets);
    throw Error(Errc::kInternal, "OpenSSL could not encode a public key");
  }
  return crypto::to_der<i2d_X509_PUBKEY>(structure.get());
}

crypto::EvpPkey to_evp(const PublicPart& part, OSSL_LIB_CTX* libctx) {
  const Params params = to_params(part, OSSL_KEYMGMT_SELECT_ALL);
  const crypto::EvpPkeyCtx ctx(EVP_PKEY_CTX_new_from_name(libctx, part.type_name(), kOthers));
  EVP_PKEY* key = nullptr;
  if (!ctx || EVP_PKEY_fromdata_init(ctx.get()) != 1 ||
      EVP_PKEY_fromdata(ctx.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
    throw Error(Errc::kUnsupported, "no other provider takes the public key; is 'default' active?");
  return crypto::EvpPkey(key);
}

}  // namespace poolkey::provider
