#include "provider/scheme.h"

#include <openssl/objects.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>

namespace poolkey::provider {
namespace {

using Algorithm = std::unique_ptr<X509_ALGOR, crypto::Free<X509_ALGOR_free>>;
using SignedDigest = std::unique_ptr<X509_SIG, crypto::Free<X509_SIG_free>>;
using PssParams = std::unique_ptr<RSA_PSS_PARAMS, crypto::Free<RSA_PSS_PARAMS_free>>;

constexpr const char* kMd5Sha1 = "MD5-SHA1";
constexpr std::size_t kDefaultSalt = 20;  // RFC 4055 3.1: left out of the DER

// PKCS#11 v3.0 6.12; p11-kit's header ends before.
constexpr CK_MECHANISM_TYPE kSha3_256 = 0x2b0, kSha3_224 = 0x2b5, kSha3_384 = 0x2c0,
                            kSha3_512 = 0x2d0;
constexpr CK_RSA_PKCS_MGF_TYPE kMgf1Sha3_224 = 6, kMgf1Sha3_256 = 7, kMgf1Sha3_384 = 8,
                               kMgf1Sha3_512 = 9;

constexpr std::array kDigests{
    DigestRow{"SHA256", 32, false, CKM_SHA256, CKG_MGF1_SHA256},
    DigestRow{"SHA384", 48, false, CKM_SHA384, CKG_MGF1_SHA384},
    DigestRow{"SHA512", 64, false, CKM_SHA512, CKG_MGF1_SHA512},
    DigestRow{"SHA224", 28, false, CKM_SHA224, CKG_MGF1_SHA224},
    DigestRow{"SHA1", 20, false, CKM_SHA_1, CKG_MGF1_SHA1},
    DigestRow{"SHA3-256", 32, false, kSha3_256, kMgf1Sha3_256},
    DigestRow{"SHA3-384", 48, false, kSha3_384, kMgf1Sha3_384},
    DigestRow{"SHA3-512", 64, false, kSha3_512, kMgf1Sha3_512},
    DigestRow{"SHA3-224", 28, false, kSha3_224, kMgf1Sha3_224},
    DigestRow{"SHA512-256", 32, false, 0, 0},
    DigestRow{"SHA512-224", 28, false, 0, 0},
    DigestRow{"MD5", 16, true, 0, 0},  // what `openssl spkac` takes unless told otherwise
    DigestRow{kMd5Sha1, 36, true, 0, 0}};

/// Identifiers of signatures that OBJ_find_sigid_by_algs of OpenSSL 3.0 does not know.
struct SignatureRow {
  int digest, key, signature;
};
constexpr std::array kSignatures{
    SignatureRow{NID_sha512_224, NID_rsaEncryption, NID_sha512_224WithRSAEncryption},
    SignatureRow{NID_sha512_256, NID_rsaEncryption, NID_sha512_256WithRSAEncryption},
    SignatureRow{NID_sha3_224, NID_X9_62_id_ecPublicKey, NID_ecdsa_with_SHA3_224},
    SignatureRow{NID_sha3_256, NID_X9_62_id_ecPublicKey, NID_ecdsa_with_SHA3_256},
    SignatureRow{NID_sha3_384, NID_X9_62_id_ecPublicKey, NID_ecdsa_with_SHA3_384},
    SignatureRow{NID_sha3_512, NID_X9_62_id_ecPublicKey, NID_ecdsa_with_SHA3_512}};

EVP_MD* fetch(OSSL_LIB_CTX* libctx, const std::string& name) {
  const crypto::ErrorMark mark;
  return EVP_MD_fetch(libctx, name.c_str(), kOthers);
}

[[noreturn]] void no_identifier(const Digest& digest) {
  throw Error(Errc::kUnsupported,
              std::string("there is no identifier for signatures with ") + digest.name());
}

/// SEQUENCE { oid } with NULL parameters or none.
Algorithm algorithm(int nid, int parameter_type) {
  Algorithm out(X509_ALGOR_new());
  if (!out || X509_ALGOR_set0(out.get(), OBJ_nid2obj(nid), parameter_type, nullptr) != 1)
    throw Error(Errc::kInternal, "OpenSSL could not make an algorithm identifier");
  return out;
}

Bytes signature_algorithm(const Digest& digest, int key_nid, int parameter_type) {
  const int digest_nid = EVP_MD_get_type(digest.md());
  const auto row = std::ranges::find_if(kSignatures, [&](const SignatureRow& r) {
    return r.digest == digest_nid && r.key == key_nid;
  });
  int nid = row != kSignatures.end() ? row->signature : NID_undef;
  if (nid == NID_undef && OBJ_find_sigid_by_algs(&nid, digest_nid, key_nid) != 1)
    no_identifier(digest);
  return crypto::to_der<i2d_X509_ALGOR>(algorithm(nid, parameter_type).get());
}

template <auto I2d, class T>
Algorithm algorithm_with(int nid, T* parameters) {
  ASN1_STRING* packed = nullptr;
  const Bytes der = crypto::to_der<I2d>(parameters);
  packed = ASN1_STRING_type_new(V_ASN1_SEQUENCE);
  Algorithm out(X509_ALGOR_new());
  if (packed == nullptr || !out ||
      ASN1_STRING_set(packed, der.data(), static_cast<int>(der.size())) != 1 ||
      X509_ALGOR_set0(out.get(), OBJ_nid2obj(nid), V_ASN1_SEQUENCE, packed) != 1) {
    ASN1_STRING_free(packed);
    throw Error(Errc::kInternal, "OpenSSL could not make an algorithm identifier");
  }
  return out;
}

}  // namespace

Digest::Digest(OSSL_LIB_CTX* libctx, std::string_view name)
    : md_(fetch(libctx, std::string(name)), EVP_MD_free), row_(nullptr) {
  if (md_) {
    // Each comparison takes a lock in OpenSSL.
    const auto row = std::ranges::find_if(
        kDigests, [&](const DigestRow& r) { return EVP_MD_is_a(md_.get(), r.name) == 1; });
    if (row != kDigests.end()) row_ = row;
  }
  if (row_ == nullptr)
    throw Error(Errc::kUnsupported,
                "the digest '" + std::string(name) + "' is not one that is used here");
}

Digests::~Digests() {
  for (const auto& place : known_) delete place.load();
}

Digest Digests::find(std::string_view name) const {
  std::unique_ptr<const Known> fresh;
  for (auto& place : known_) {
    const Known* there = place.load(std::memory_order_acquire);
    if (there == nullptr) {
      if (!fresh) fresh.reset(new Known{std::string(name), Digest(libctx_, name)});
      if (place.compare_exchange_strong(there, fresh.get())) return fresh.release()->digest;
    }
    if (there->name == name) return there->digest;
  }
  return fresh ? fresh->digest : Digest(libctx_, name);
}

bool Digest::is_md5_sha1() const { return row_->name == kMd5Sha1; }

std::size_t salt_octets(SaltLength salt, const Digest& digest, int bits) {
  const int encoded = (bits - 1 + 7) / 8;
  const int longest = encoded - 2 - static_cast<int>(digest.size());
  int out = salt;
  if (salt == RSA_PSS_SALTLEN_DIGEST) out = static_cast<int>(digest.size());
  if (salt == RSA_PSS_SALTLEN_MAX || salt == RSA_PSS_SALTLEN_AUTO) out = longest;
  if (out < 0 || out > longest)
    throw Error(Errc::kInvalidArgument, "a salt of " + std::to_string(out) + " octets with " +
                                            digest.name() + " does not fit an RSA key of " +
                                            std::to_string(bits) + " bits");
  return static_cast<std::size_t>(out);
}

Bytes digest_info(const Digest& digest, ByteView hash) {
  const SignedDigest out(X509_SIG_new());
  X509_ALGOR* algorithm_field = nullptr;
  ASN1_OCTET_STRING* hash_field = nullptr;
  if (out) X509_SIG_getm(out.get(), &algorithm_field, &hash_field);
  if (!out ||
      X509_ALGOR_set0(algorithm_field, OBJ_nid2obj(EVP_MD_get_type(digest.md())), V_ASN1_NULL,
                      nullptr) != 1 ||
      ASN1_OCTET_STRING_set(hash_field, hash.data(), static_cast<int>(hash.size())) != 1)
    throw Error(Errc::kInternal, "OpenSSL could not make a DigestInfo");
  return crypto::to_der<i2d_X509_SIG>(out.get());
}

Bytes rsa_pkcs1_algorithm(const Digest& digest) {
  return signature_algorithm(digest, NID_rsaEncryption, V_ASN1_NULL);
}

Bytes ecdsa_algorithm(const Digest& digest) {
  return signature_algorithm(digest, NID_X9_62_id_ecPublicKey, V_ASN1_UNDEF);
}

Bytes ed25519_algorithm() {
  return crypto::to_der<i2d_X509_ALGOR>(algorithm(NID_ED25519, V_ASN1_UNDEF).get());
}

Bytes rsa_pss_algorithm(const Digest& digest, const Digest& mgf1, std::size_t salt) {
  const auto hash_algorithm = [](const Digest& d) {
    return algorithm(EVP_MD_get_type(d.md()), V_ASN1_NULL);
  };
  const auto is_default = [](const Digest& d) { return EVP_MD_get_type(d.md()) == NID_sha1; };
  const PssParams params(RSA_PSS_PARAMS_new());
  if (!params) throw Error(Errc::kInternal, "OpenSSL could not make PSS parameters");
  // DER leaves defaults out: SHA-1, MGF1 with SHA-1, 20 octets of salt.
  if (!is_default(digest)) params->hashAlgorithm = hash_algorithm(digest).release();
  if (!is_default(mgf1))
    params->maskGenAlgorithm =
        algorithm_with<i2d_X509_ALGOR>(NID_mgf1, hash_algorithm(mgf1).get()).release();
  if (salt != kDefaultSalt) {
    params->saltLength = ASN1_INTEGER_new();
    if (params->saltLength == nullptr || ASN1_INTEGER_set_uint64(params->saltLength, salt) != 1)
      throw Error(Errc::kInternal, "OpenSSL could not make PSS parameters");
  }
  return crypto::to_der<i2d_X509_ALGOR>(
      algorithm_with<i2d_RSA_PSS_PARAMS>(NID_rsassaPss, params.get()).get());
}

}  // namespace poolkey::provider
