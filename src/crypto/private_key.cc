#include "crypto/private_key.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

namespace poolkey::crypto {
namespace {

using Pkcs8 = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Free<PKCS8_PRIV_KEY_INFO_free>>;
using Encrypted = std::unique_ptr<X509_SIG, Free<X509_SIG_free>>;
using Algorithm = std::unique_ptr<X509_ALGOR, Free<X509_ALGOR_free>>;

constexpr std::string_view kLabel = "ENCRYPTED PRIVATE KEY";
constexpr std::size_t kSecureHeap = 256U << 10;
constexpr std::size_t kSmallest = 32;
constexpr int kSaltSize = 16;
constexpr std::uint64_t kN = 16384, kR = 8, kP = 1;  // 16 MiB; OpenSSL reads up to 32

const char* chars(ByteView bytes) { return reinterpret_cast<const char*>(bytes.data()); }

EvpPkey made(EVP_PKEY* key, const char* what) {
  if (key == nullptr) throw_openssl(Errc::kInternal, std::string("OpenSSL could not make ") + what);
  return EvpPkey(key);
}

/// What OpenSSL copies on its way (it wipes that) is in ordinary memory, so all of that is locked
/// where there is no limit; under a limit later allocations would fail.
void lock_all() {
  rlimit limit{};
  const bool endless = ::getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY;
  if (endless || ::geteuid() == 0) (void)::mlockall(MCL_CURRENT | MCL_FUTURE);
}

}  // namespace

bool guard_private_memory() {
  static const bool locked = [] {
    lock_all();
    return CRYPTO_secure_malloc_init(kSecureHeap, kSmallest) == 1;
  }();
  return locked;
}

EvpPkey generate_rsa(unsigned bits) { return made(EVP_RSA_gen(bits), "an RSA key"); }

EvpPkey generate_p256() { return made(EVP_EC_gen("P-256"), "a P-256 key"); }

std::string encrypted_pem(EVP_PKEY* key, ByteView passphrase) {
  const Pkcs8 info(EVP_PKEY2PKCS8(key));
  Bytes salt(kSaltSize);
  if (!info || RAND_bytes(salt.data(), kSaltSize) != 1)
    throw_openssl(Errc::kInternal, "OpenSSL could not encode a private key");
  Algorithm algorithm(
      PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), salt.data(), kSaltSize, nullptr, kN, kR, kP));
  const Encrypted sealed(algorithm ? PKCS8_set0_pbe(chars(passphrase),
                                                    static_cast<int>(passphrase.size()), info.get(),
                                                    algorithm.get())
                                   : nullptr);
  if (!sealed) throw_openssl(Errc::kInternal, "OpenSSL could not encrypt a private key");
  (void)algorithm.release();  // `sealed` has it now
  return pem_block(kLabel, to_der<i2d_X509_SIG>(sealed.get()));
}

EvpPkey private_key_from_pem(std::string_view pem) {
  const ErrorMark mark;
  const BioPtr in = memory_bio(view(pem));
  // Without a callback OpenSSL would ask the terminal for a passphrase.
  const auto none = [](char*, int, int, void*) { return 0; };
  EvpPkey key(PEM_read_bio_PrivateKey(in.get(), nullptr, none, nullptr));
  if (!key) throw Error(Errc::kCorrupt, "it is not one unencrypted private key (PEM)");
  return key;
}

EvpPkey from_encrypted_pem(std::string_view pem, ByteView passphrase) {
  const std::vector<Bytes> blocks = pem_blocks(pem, {kLabel});
  const auto sealed =
      blocks.size() == 1 ? from_der<Encrypted, d2i_X509_SIG>(blocks.front()) : Encrypted{};
  if (!sealed) throw Error(Errc::kCorrupt, "it is not one encrypted private key (PKCS#8)");
  const ErrorMark mark;
  const Pkcs8 info(
      PKCS8_decrypt(sealed.get(), chars(passphrase), static_cast<int>(passphrase.size())));
  EvpPkey key(info ? EVP_PKCS82PKEY(info.get()) : nullptr);
  if (!key)
    throw Error(Errc::kAuthFailed, "it does not open: the passphrase is wrong, or it is damaged");
  return key;
}

EvpPkey another(const EvpPkey& key) {
  EVP_PKEY_up_ref(key.get());
  return EvpPkey(key.get());
}

}  // namespace poolkey::crypto
