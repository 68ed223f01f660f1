#include "crypto/pfx.h"

#include <openssl/pkcs12.h>
#include <openssl/rand.h>

#include <algorithm>

namespace poolkey::crypto {
namespace {

using Pkcs12 = std::unique_ptr<PKCS12, Free<PKCS12_free>>;

// No l, o, 0 and 1. 32 of them: five bits each.
constexpr std::string_view kAlphabet = "abcdefghijkmnpqrstuvwxyz23456789";
static_assert(kAlphabet.size() == 32);
constexpr std::size_t kLetters = 32, kGroup = 8;

// The passphrase has 160 bits, so this only keeps to what auditors look for; Windows refuses more
// than 600,000 in all.
constexpr int kIterations = 100'000;
constexpr int kSaltSize = 16;

struct Row {
  PfxAlgorithms algorithms;
  int cipher;
  const EVP_MD* (*mac)();
};
constexpr Row kRows[] = {
    {PfxAlgorithms::kModern, NID_aes_256_cbc, EVP_sha256},
    {PfxAlgorithms::kLegacy, NID_pbe_WithSHA1And3_Key_TripleDES_CBC, EVP_sha1},
};

const Row& row_of(PfxAlgorithms algorithms) {
  return algorithms == PfxAlgorithms::kModern ? kRows[0] : kRows[1];
}

void name_provider(EVP_PKEY* key) {
  if (EVP_PKEY_get_attr_by_NID(key, NID_ms_csp_name, -1) >= 0) return;
  // ASCII in; OpenSSL's table makes it the BMPString that Windows wants.
  if (EVP_PKEY_add1_attr_by_NID(key, NID_ms_csp_name, MBSTRING_ASC,
                                reinterpret_cast<const unsigned char*>(kSchannelProvider.data()),
                                static_cast<int>(kSchannelProvider.size())) != 1)
    throw_openssl(Errc::kInternal, "OpenSSL could not name the provider of a key");
}

/// As a C string, in memory that is wiped.
SecretBytes terminated(ByteView passphrase) {
  SecretBytes out(passphrase.size() + 1);
  std::copy(passphrase.begin(), passphrase.end(), out.span().begin());
  return out;
}

void check_opens(PKCS12* pfx, const char* passphrase, const Certificate& leaf, std::size_t above) {
  EVP_PKEY* key = nullptr;
  X509* certificate = nullptr;
  STACK_OF(X509)* others = nullptr;
  const bool opened = PKCS12_parse(pfx, passphrase, &key, &certificate, &others) == 1;
  const EvpPkey key_owner(key);
  const X509Ptr certificate_owner(certificate);
  const X509StackPtr others_owner(others);
  if (!opened || key == nullptr || certificate == nullptr ||
      !(PublicKey::from_evp(key) == leaf.public_key()) || X509_cmp(certificate, leaf.x509()) != 0 ||
      static_cast<std::size_t>(others == nullptr ? 0 : sk_X509_num(others)) != above)
    throw_openssl(Errc::kInternal, "the PFX that was made does not open again");
}

}  // namespace

SecretBytes random_passphrase() {
  SecretBytes random(kLetters);
  if (RAND_priv_bytes(random.span().data(), static_cast<int>(kLetters)) != 1)
    throw_openssl(Errc::kInternal, "OpenSSL has no random octets");
  SecretBytes out(kLetters + kLetters / kGroup - 1);
  std::size_t at = 0;
  for (std::size_t i = 0; i < kLetters; ++i) {
    if (i > 0 && i % kGroup == 0) out.span()[at++] = '-';
    out.span()[at++] = static_cast<std::uint8_t>(kAlphabet[random.view()[i] % kAlphabet.size()]);
  }
  return out;
}

Bytes make_pfx(EVP_PKEY* key, const std::vector<Certificate>& leaf_first,
               const std::string& friendly_name, ByteView passphrase, PfxAlgorithms algorithms) {
  const Certificate& leaf = leaf_first.at(0);
  if (!leaf.public_key().is_rsa())
    throw Error(Errc::kInvalidArgument, "the key is " + leaf.public_key().algorithm() + ", and '" +
                                            std::string(kSchannelProvider) +
                                            "' holds RSA keys only");
  if (!(PublicKey::from_evp(key) == leaf.public_key()))
    throw Error(Errc::kInvalidArgument, "the certificate is for another key than the one at hand");
  const X509StackPtr above(sk_X509_new_null());
  for (std::size_t i = 1; i < leaf_first.size(); ++i)
    if (X509_up_ref(leaf_first[i].x509()) != 1 ||
        sk_X509_push(above.get(), leaf_first[i].x509()) <= 0)
      throw_openssl(Errc::kInternal, "OpenSSL could not list the chain");
  name_provider(key);
  const SecretBytes secret = terminated(passphrase);
  const char* text = reinterpret_cast<const char*>(secret.view().data());
  const Row& row = row_of(algorithms);
  // Without a MAC here, which would be of SHA-1 only or need the whole set again.
  const Pkcs12 pfx(PKCS12_create(text, friendly_name.c_str(), key, leaf.x509(), above.get(),
                                 row.cipher, row.cipher, kIterations, -1, 0));
  if (!pfx || PKCS12_set_mac(pfx.get(), text, -1, nullptr, kSaltSize, kIterations, row.mac()) != 1)
    throw_openssl(Errc::kInternal, "OpenSSL could not write a PFX");
  check_opens(pfx.get(), text, leaf, leaf_first.size() - 1);
  return to_der<i2d_PKCS12>(pfx.get());
}

}  // namespace poolkey::crypto
