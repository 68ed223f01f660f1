#include "crypto/signature.h"

#include <openssl/ec.h>

#include <algorithm>
#include <array>

#include "crypto/openssl.h"

namespace poolkey::crypto {
namespace {

using EcdsaSig = std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG_free>>;

struct Prefix {
  const char* digest;
  std::size_t hash_size;
  Bytes der;  // RFC 8017 9.2 note 1
};

const std::vector<Prefix>& prefixes() {
  // SEQUENCE { SEQUENCE { OID, NULL }, OCTET STRING }: the SHA-2 rows differ in three octets.
  static const auto sha2 = [](std::uint8_t arc, std::uint8_t size) {
    return Bytes{0x30, static_cast<std::uint8_t>(size + 17),
                 0x30, 0x0d,
                 0x06, 0x09,
                 0x60, 0x86,
                 0x48, 0x01,
                 0x65, 0x03,
                 0x04, 0x02,
                 arc,  0x05,
                 0x00, 0x04,
                 size};
  };
  static const std::vector<Prefix> rows{
      {"SHA256", 32, sha2(1, 32)},
      {"SHA384", 48, sha2(2, 48)},
      {"SHA512", 64, sha2(3, 64)},
      {"SHA224", 28, sha2(4, 28)},
      {"SHA1",
       20,
       {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14}},
  };
  return rows;
}

/// A DER INTEGER of less than 127 octets: without leading zeros, but one where the sign bit is set.
void append_integer(Bytes& out, ByteView number) {
  const auto first = std::ranges::find_if(number, [](auto octet) { return octet != 0; });
  if (first == number.end()) throw Error(Errc::kCorrupt, "an ECDSA signature has a zero half");
  const bool pad = (*first & 0x80) != 0;
  out.push_back(0x02);
  out.push_back(static_cast<std::uint8_t>(number.end() - first + (pad ? 1 : 0)));
  if (pad) out.push_back(0);
  out.insert(out.end(), first, number.end());
}

}  // namespace

Bytes sign(EVP_PKEY* key, std::string_view digest, ByteView message, OSSL_LIB_CTX* libctx) {
  if (key == nullptr) throw Error(Errc::kInternal, "a signature was asked of no key");
  if (!digest.empty() || !signs_without_digest(key)) fetch_digest(digest);
  const std::string name(digest);
  const EvpMdCtx ctx(EVP_MD_CTX_new());
  if (!ctx || EVP_DigestSignInit_ex(ctx.get(), nullptr, name.empty() ? nullptr : name.c_str(),
                                    libctx, nullptr, key, nullptr) != 1)
    throw_openssl(Errc::kUnsupported, "the key cannot sign with digest '" + name + "'");
  std::size_t size = 0;
  if (EVP_DigestSign(ctx.get(), nullptr, &size, message.data(), message.size()) != 1)
    throw_openssl(Errc::kInternal, "the key did not say how long its signature is");
  Bytes out(size);
  if (EVP_DigestSign(ctx.get(), out.data(), &size, message.data(), message.size()) != 1)
    throw_openssl(Errc::kInternal, "the key did not sign");
  out.resize(size);
  return out;
}

Bytes ecdsa_der(ByteView raw) {
  // 66 octets a half is P-521, the largest curve there is to sign with.
  if (raw.empty() || raw.size() % 2 != 0 || raw.size() > 132)
    throw Error(Errc::kCorrupt, "an ECDSA signature of " + std::to_string(raw.size()) +
                                    " octets is not two halves of one curve");
  // By hand: OpenSSL's way by two numbers costs a fiftieth of a P-256 signature.
  Bytes out;
  out.reserve(raw.size() + 9);
  append_integer(out, raw.first(raw.size() / 2));
  append_integer(out, raw.subspan(raw.size() / 2));
  const auto size = static_cast<std::uint8_t>(out.size());
  if (size >= 0x80)
    out.insert(out.begin(), {0x30, 0x81, size});
  else
    out.insert(out.begin(), {0x30, size});
  return out;
}

Bytes ecdsa_raw(ByteView der, std::size_t half) {
  const auto signature = from_der<EcdsaSig, d2i_ECDSA_SIG>(der);
  const Bytes again = signature ? to_der<i2d_ECDSA_SIG>(signature.get()) : Bytes{};
  if (!signature || !std::ranges::equal(again, der))
    throw Error(Errc::kCorrupt, "the ECDSA signature is not strict DER");
  Bytes out(2 * half);
  std::size_t at = 0;
  for (const BIGNUM* n : {ECDSA_SIG_get0_r(signature.get()), ECDSA_SIG_get0_s(signature.get())}) {
    if (BN_is_zero(n) || BN_is_negative(n) ||
        BN_bn2binpad(n, out.data() + at, static_cast<int>(half)) < 0)
      throw Error(Errc::kCorrupt,
                  "the ECDSA signature does not fit halves of " + std::to_string(half) + " octets");
    at += half;
  }
  return out;
}

Bytes digest_info(std::string_view digest, ByteView hash) {
  const EvpMd md = fetch_digest(digest);
  for (const Prefix& prefix : prefixes()) {
    if (EVP_MD_is_a(md.get(), prefix.digest) != 1) continue;
    if (hash.size() != prefix.hash_size)
      throw Error(Errc::kInvalidArgument, "a digest of " + std::string(digest) + " has " +
                                              std::to_string(prefix.hash_size) + " octets, not " +
                                              std::to_string(hash.size()));
    Bytes out = prefix.der;
    out.insert(out.end(), hash.begin(), hash.end());
    return out;
  }
  throw Error(Errc::kUnsupported,
              "PKCS#1 v1.5 signatures are made with SHA-1 or SHA-2, not " + std::string(digest));
}

}  // namespace poolkey::crypto
