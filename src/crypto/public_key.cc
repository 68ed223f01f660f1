#include "crypto/public_key.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>
#include <mutex>

#include "crypto/der_guard.h"
#include "crypto/digest.h"
#include "crypto/memo.h"
#include "crypto/openssl.h"

namespace poolkey::crypto {

struct PublicKey::State {
  Bytes spki;
  Bytes sha256;
  // Of a key from a record these are filled in when they are first asked for.
  mutable std::once_flag once;
  mutable EvpPkey key;
  mutable std::string algorithm;
};

namespace {

using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM_free>>;
using X509Pubkey = std::unique_ptr<X509_PUBKEY, Free<X509_PUBKEY_free>>;

/// OpenSSL's own limit; beyond it, arithmetic is an attack on our time.
constexpr std::size_t kMaxModulusBytes = 16384 / 8;

struct Curve {
  std::string_view openssl;
  std::string_view nist;
  std::size_t field_bytes;
};
constexpr std::array kCurves{Curve{"prime256v1", "P-256", 32}, Curve{"secp384r1", "P-384", 48},
                             Curve{"secp521r1", "P-521", 66}};

/// PrintableString "edwards25519", how PKCS#11 v3.0 6.3.3 may name the curve.
constexpr std::array<std::uint8_t, 14> kEdwardsName{0x13, 0x0c, 'e', 'd', 'w', 'a', 'r',
                                                    'd',  's',  '2', '5', '5', '1', '9'};
constexpr std::array<std::uint8_t, 5> kEdwardsOid{0x06, 0x03, 0x2b, 0x65, 0x70};

std::string group_name(const EVP_PKEY* key) {
  std::array<char, 80> name{};
  std::size_t size = 0;
  const ErrorMark mark;
  return EVP_PKEY_get_group_name(key, name.data(), name.size(), &size) == 1 ? name.data() : "";
}

std::string describe(const EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "ED25519") == 1) return "Ed25519";
  const char* type = EVP_PKEY_get0_type_name(key);
  const std::string kind = type != nullptr ? type : "unknown";
  if (kind != "EC") return kind + "-" + std::to_string(EVP_PKEY_get_bits(key));
  const std::string group = group_name(key);
  for (const Curve& curve : kCurves)
    if (curve.openssl == group) return "EC-" + std::string(curve.nist);
  return "EC-" + group;
}

/// RFC 5480 2.1.1: explicit parameters MUST NOT be used, and a curve given in full may be a forged
/// one that only looks like a named curve (CVE-2020-0601).
void require_named_curve(const EVP_PKEY* key) {
  std::array<char, 32> encoding{};
  std::size_t size = 0;
  const ErrorMark mark;
  const bool named = EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING,
                                                    encoding.data(), encoding.size(), &size) == 1 &&
                     std::string_view(encoding.data()) == OSSL_PKEY_EC_ENCODING_GROUP;
  if (!named || group_name(key).empty())
    throw Error(Errc::kUnsupported,
                "the EC public key spells out its curve's parameters; only named curves are "
                "accepted (RFC 5480 2.1.1)");
}

constexpr std::uint8_t kInteger = 0x02, kBitString = 0x03;

Bytes joined(Bytes a, ByteView b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Tag, length in the shortest form, content.
Bytes der(std::uint8_t tag, ByteView content) {
  Bytes size;
  for (std::size_t left = content.size(); left > 0; left >>= 8)
    size.insert(size.begin(), static_cast<std::uint8_t>(left));
  Bytes out{tag};
  if (content.size() >= 0x80)
    out.push_back(static_cast<std::uint8_t>(0x80 | size.size()));
  else if (size.empty())
    out.push_back(0);
  return joined(joined(std::move(out), size), content);
}

Bytes der_integer(ByteView number) {
  while (number.size() > 1 && number.front() == 0) number = number.subspan(1);
  const bool looks_negative = !number.empty() && (number.front() & 0x80) != 0;
  return der(kInteger,
             looks_negative ? joined(Bytes{0x00}, number) : Bytes(number.begin(), number.end()));
}

/// A key of a provider that does not tell how it is encoded has no other way than the name.
bool spells_out_its_curve(const EVP_PKEY* key) {
  std::array<char, 32> encoding{};
  std::size_t size = 0;
  const ErrorMark mark;
  return EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, encoding.data(),
                                        encoding.size(), &size) == 1 &&
         std::string_view(encoding.data()) != OSSL_PKEY_EC_ENCODING_GROUP;
}

EvpPkey from_params(const char* type, OSSL_PARAM_BLD* builder, const std::string& sentence) {
  const Params params(OSSL_PARAM_BLD_to_param(builder));
  const EvpPkeyCtx ctx(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !ctx || EVP_PKEY_fromdata_init(ctx.get()) != 1 ||
      EVP_PKEY_fromdata(ctx.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
    throw_openssl(Errc::kCorrupt, sentence);
  return EvpPkey(key);
}

BnPtr number(const EVP_PKEY* key, const char* param) {
  BIGNUM* bn = nullptr;
  if (EVP_PKEY_get_bn_param(key, param, &bn) != 1)
    throw_openssl(Errc::kInternal, std::string("the public key has no '") + param + "'");
  return BnPtr(bn);
}

Bytes bytes_of(const BIGNUM* bn) {
  Bytes out(static_cast<std::size_t>(BN_num_bytes(bn)));
  BN_bn2bin(bn, out.data());
  return out;
}

BnPtr to_number(ByteView bytes) {
  BnPtr bn(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  if (!bn) throw_openssl(Errc::kInternal, "OpenSSL could not make a number");
  return bn;
}

/// The point without its OCTET STRING, which some tokens leave out. A bare uncompressed point also
/// begins with 04, so its exact size decides.
ByteView bare_point(ByteView point, std::size_t bare_size) {
  if (point.size() == bare_size) return point;
  const std::size_t header = bare_size < 0x80 ? 2 : 3;
  const bool wrapped = point.size() == bare_size + header && point[0] == V_ASN1_OCTET_STRING &&
                       (header == 2 || point[1] == 0x81) && point[header - 1] == bare_size;
  if (!wrapped)
    throw Error(Errc::kCorrupt, "the EC point has " + std::to_string(point.size()) +
                                    " octets; its curve asks for " + std::to_string(bare_size));
  return point.subspan(header);
}

Bytes octets_of(const EVP_PKEY* key, const char* param) {
  std::size_t size = 0;
  const ErrorMark mark;
  if (EVP_PKEY_get_octet_string_param(key, param, nullptr, 0, &size) != 1) return {};
  Bytes out(size);
  if (EVP_PKEY_get_octet_string_param(key, param, out.data(), out.size(), &size) != 1) return {};
  out.resize(size);
  return out;
}

/// The SPKI of an EC key on one of our curves with an uncompressed point; empty for any other.
Bytes ec_spki(const EVP_PKEY* key) {
  const std::string group = group_name(key);
  const auto* curve =
      std::ranges::find_if(kCurves, [&](const Curve& c) { return c.openssl == group; });
  const Bytes point = octets_of(key, OSSL_PKEY_PARAM_PUB_KEY);
  if (curve == kCurves.end() || point.size() != 1 + 2 * curve->field_bytes ||
      point.front() != POINT_CONVERSION_UNCOMPRESSED)
    return {};
  const Bytes algorithm =
      der(kSequence, joined(to_der<i2d_ASN1_OBJECT>(OBJ_nid2obj(NID_X9_62_id_ecPublicKey)),
                            to_der<i2d_ASN1_OBJECT>(OBJ_nid2obj(OBJ_sn2nid(group.c_str())))));
  return der(kSequence, joined(algorithm, der(kBitString, joined(Bytes{0x00}, point))));
}

/// The SPKI in the one encoding. RSA and EC are written here, because OpenSSL's encoder takes 0.15
/// ms and more; it writes whatever else there is.
Bytes canonical_spki(const EVP_PKEY* key) {
  Bytes out;
  if (EVP_PKEY_is_a(key, "RSA") == 1)
    out = rsa_spki_der(bytes_of(number(key, OSSL_PKEY_PARAM_RSA_N).get()),
                       bytes_of(number(key, OSSL_PKEY_PARAM_RSA_E).get()));
  else if (EVP_PKEY_is_a(key, "EC") == 1 && !spells_out_its_curve(key))
    out = ec_spki(key);
  return out.empty() ? to_der<i2d_PUBKEY>(key) : out;
}

}  // namespace

PublicKey PublicKey::normalised(EVP_PKEY* owned) {
  EvpPkey key(owned);
  if (EVP_PKEY_is_a(key.get(), "EC") == 1) {
    require_named_curve(key.get());
    EVP_PKEY_set_utf8_string_param(key.get(), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                   OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED);
  }
  auto state = std::make_shared<State>();
  state->spki = canonical_spki(key.get());
  state->sha256 = crypto::sha256(state->spki);
  state->algorithm = describe(key.get());
  state->key = std::move(key);
  return PublicKey(std::move(state));
}

PublicKey PublicKey::from_spki_der(ByteView der) {
  static auto& known = *new Memo<PublicKey>;  // never destroyed: SoftHSM ends OpenSSL at exit
  return known.get(der, [&] { return decode(der); });
}

PublicKey PublicKey::decode(ByteView der) {
  const auto spki = crypto::from_der<X509Pubkey, d2i_X509_PUBKEY>(der);
  if (!spki) throw Error(Errc::kCorrupt, "the octets are not one SubjectPublicKeyInfo");
  const ErrorMark mark;
  EVP_PKEY* key = X509_PUBKEY_get(spki.get());
  if (key == nullptr) {
    ASN1_OBJECT* oid = nullptr;
    X509_PUBKEY_get0_param(&oid, nullptr, nullptr, nullptr, spki.get());
    const char* name = OBJ_nid2ln(OBJ_obj2nid(oid));
    throw Error(Errc::kUnsupported, "OpenSSL cannot read a public key of algorithm '" +
                                        std::string(name != nullptr ? name : "unknown") + "'");
  }
  return normalised(key);
}

PublicKey PublicKey::from_record(Bytes spki_der) {
  auto state = std::make_shared<State>();
  state->spki = std::move(spki_der);
  state->sha256 = crypto::sha256(state->spki);
  return PublicKey(std::move(state));
}

const PublicKey::State& PublicKey::decoded() const {
  std::call_once(state_->once, [&] {
    if (state_->key) return;
    const PublicKey whole = from_spki_der(state_->spki);
    if (whole.state_->spki != state_->spki)
      throw Error(Errc::kCorrupt, "a recorded public key is not as it was written");
    EVP_PKEY_up_ref(whole.state_->key.get());
    state_->key.reset(whole.state_->key.get());
    state_->algorithm = whole.state_->algorithm;
  });
  return *state_;
}

PublicKey PublicKey::from_pem(std::string_view pem) {
  const std::vector<Bytes> blocks = pem_blocks(pem, {"PUBLIC KEY"});
  if (blocks.empty())
    throw Error(Errc::kCorrupt, "the text holds no '-----BEGIN PUBLIC KEY-----' block");
  return from_spki_der(blocks.front());
}

PublicKey PublicKey::from_evp(const EVP_PKEY* key) {
  if (key == nullptr) throw Error(Errc::kInternal, "a public key was asked of no key");
  return from_spki_der(canonical_spki(key));
}

PublicKey PublicKey::from_rsa(ByteView modulus, ByteView exponent) {
  if (modulus.empty() || exponent.empty() || modulus.size() > kMaxModulusBytes ||
      exponent.size() > kMaxModulusBytes)
    throw Error(Errc::kCorrupt, "the RSA public key has a modulus of " +
                                    std::to_string(modulus.size()) + " and an exponent of " +
                                    std::to_string(exponent.size()) +
                                    " octets; both must be there and within 2048");
  const BnPtr n = to_number(modulus);
  const BnPtr e = to_number(exponent);
  if (BN_is_zero(n.get()) || BN_is_zero(e.get()))
    throw Error(Errc::kCorrupt, "the RSA public key has a zero for its modulus or exponent");
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1)
    throw_openssl(Errc::kInternal, "OpenSSL could not take an RSA public key");
  return normalised(
      from_params("RSA", builder.get(), "modulus and exponent are no RSA public key").release());
}

PublicKey PublicKey::from_ec(ByteView params, ByteView point) {
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder) throw_openssl(Errc::kInternal, "OpenSSL could not take an EC public key");
  const auto push_point = [&](ByteView bare) {
    if (OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, bare.data(),
                                         bare.size()) != 1)
      throw_openssl(Errc::kInternal, "OpenSSL could not take an EC point");
  };
  if (std::ranges::equal(params, kEdwardsOid) || std::ranges::equal(params, kEdwardsName)) {
    push_point(bare_point(point, 32));
    return normalised(
        from_params("ED25519", builder.get(), "the octets are no Ed25519 public key").release());
  }
  const auto oid = crypto::from_der<Asn1ObjectPtr, d2i_ASN1_OBJECT>(params);
  const char* name = oid ? OBJ_nid2sn(OBJ_obj2nid(oid.get())) : nullptr;
  const auto* curve = std::ranges::find_if(
      kCurves, [&](const Curve& c) { return name != nullptr && c.openssl == name; });
  if (curve == kCurves.end())
    throw Error(Errc::kUnsupported,
                "EC parameters " + hex(params.first(std::min<std::size_t>(params.size(), 32))) +
                    " are not the OID of P-256, P-384, P-521 or Ed25519");
  if (OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, name, 0) != 1)
    throw_openssl(Errc::kInternal, "OpenSSL could not take a curve's name");
  push_point(bare_point(point, 1 + 2 * curve->field_bytes));
  return normalised(
      from_params("EC", builder.get(), "the point is not on the curve " + std::string(curve->nist))
          .release());
}

const Bytes& PublicKey::spki_der() const { return state_->spki; }
const Bytes& PublicKey::spki_sha256() const { return state_->sha256; }
std::string PublicKey::pem() const { return pem_block("PUBLIC KEY", spki_der()); }
const std::string& PublicKey::algorithm() const { return decoded().algorithm; }
bool PublicKey::is_rsa() const { return EVP_PKEY_is_a(evp(), "RSA") == 1; }
bool PublicKey::is_ec() const { return EVP_PKEY_is_a(evp(), "EC") == 1; }
int PublicKey::bits() const { return EVP_PKEY_get_bits(evp()); }
EVP_PKEY* PublicKey::evp() const { return decoded().key.get(); }

Bytes PublicKey::modulus() const {
  if (!is_rsa()) throw Error(Errc::kInvalidArgument, "a key of " + algorithm() + " has no modulus");
  return bytes_of(number(evp(), OSSL_PKEY_PARAM_RSA_N).get());
}

Bytes PublicKey::exponent() const {
  if (!is_rsa())
    throw Error(Errc::kInvalidArgument, "a key of " + algorithm() + " has no public exponent");
  return bytes_of(number(evp(), OSSL_PKEY_PARAM_RSA_E).get());
}

Bytes PublicKey::ec_params() const {
  if (!is_ec()) throw Error(Errc::kInvalidArgument, "a key of " + algorithm() + " has no EC curve");
  return to_der<i2d_ASN1_OBJECT>(OBJ_nid2obj(OBJ_txt2nid(group_name(evp()).c_str())));
}

Bytes PublicKey::ec_point() const {
  if (!is_ec()) throw Error(Errc::kInvalidArgument, "a key of " + algorithm() + " has no EC point");
  unsigned char* out = nullptr;
  const std::size_t size = EVP_PKEY_get1_encoded_public_key(evp(), &out);
  const std::unique_ptr<unsigned char, Free<free_memory>> owner(out);
  if (size == 0) throw_openssl(Errc::kInternal, "OpenSSL could not encode an EC point");
  return {out, out + size};
}

bool PublicKey::verify(std::string_view digest, ByteView message, ByteView signature) const {
  // Without a name OpenSSL would quietly take its default digest.
  if (!digest.empty() || !signs_without_digest(evp())) fetch_digest(digest);
  const ErrorMark mark;
  const EvpMdCtx ctx(EVP_MD_CTX_new());
  const std::string name(digest);
  return ctx &&
         EVP_DigestVerifyInit_ex(ctx.get(), nullptr, name.empty() ? nullptr : name.c_str(), nullptr,
                                 nullptr, evp(), nullptr) == 1 &&
         EVP_DigestVerify(ctx.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

Bytes rsa_spki_der(ByteView modulus, ByteView exponent) {
  // SEQUENCE { OID rsaEncryption, NULL } (RFC 8017 A.1)
  static const Bytes kAlgorithm{0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
  const Bytes key = der(kSequence, joined(der_integer(modulus), der_integer(exponent)));
  return der(kSequence, joined(kAlgorithm, der(kBitString, joined(Bytes{0x00}, key))));
}

void check_transport_key(const PublicKey& key) {
  const auto refuse = [&](const std::string& why) {
    throw Error(Errc::kInvalidArgument, "the transport key is refused: " + why +
                                            "; make a new one of RSA-3072 with exponent 65537");
  };
  if (!key.is_rsa()) refuse("it is " + key.algorithm() + ", and only RSA can unwrap");
  const int bits = key.bits();
  if (bits < 3072 || bits > 8192 || bits % 8 != 0)
    refuse("it has " + std::to_string(bits) + " bits, not 3072 to 8192 in steps of 8");
  const Bytes exponent = key.exponent();
  if (exponent != Bytes{0x01, 0x00, 0x01})
    refuse("its public exponent is 0x" +
           hex(ByteView(exponent).first(std::min<std::size_t>(exponent.size(), 16))) +
           ", not 0x010001 (65537)");
  if ((key.modulus().back() & 1U) == 0) refuse("its modulus is even");
  const ErrorMark mark;
  const EvpPkeyCtx ctx(EVP_PKEY_CTX_new(key.evp(), nullptr));
  if (!ctx || EVP_PKEY_public_check(ctx.get()) != 1)
    refuse("its modulus fails OpenSSL's public-key check (small factor, or a prime)");
}

}  // namespace poolkey::crypto
