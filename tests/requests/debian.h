// A private key of Debian's broken OpenSSL, to sign with.
#pragma once

#include <openssl/param_build.h>

#include "crypto/debian_key.h"
#include "tests/crypto/software.h"

namespace poolkey::test {

inline EvpPkey private_key(const crypto::DebianKey& key) {
  const auto number = [](ByteView octets) {
    return BnPtr(BN_bin2bn(octets.data(), static_cast<int>(octets.size()), nullptr));
  };
  const std::unique_ptr<BN_CTX, Free<BN_CTX_free>> ctx(BN_CTX_new());
  const BnPtr n = number(key.modulus), p = number(key.p), q = number(key.q), e(BN_new());
  BN_set_word(e.get(), 65537);
  BN_sub_word(p.get(), 1);
  BN_sub_word(q.get(), 1);
  const BnPtr phi(BN_new()), d(BN_secure_new());
  BN_mul(phi.get(), p.get(), q.get(), ctx.get());
  BN_mod_inverse(d.get(), e.get(), phi.get(), ctx.get());
  const std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD_free>> builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_D, d.get());
  const std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM_free>> params(
      OSSL_PARAM_BLD_to_param(builder.get()));
  const EvpPkeyCtx made(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* out = nullptr;
  if (EVP_PKEY_fromdata_init(made.get()) != 1 ||
      EVP_PKEY_fromdata(made.get(), &out, EVP_PKEY_KEYPAIR, params.get()) != 1)
    throw_openssl(Errc::kInternal, "test key");
  return EvpPkey(out);
}

}  // namespace poolkey::test
