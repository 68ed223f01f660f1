// Mechanisms: what the list says, and what works. Wrapping has probes of its own.
#include "crypto/digest.h"
#include "crypto/signature.h"
#include "hsm/doctor_bench.h"

namespace poolkey::hsm::doctor {
namespace {

constexpr std::size_t kBlock = 16;

bool rsa_pkcs_works(Bench& bench) {
  if (!bench.rsa.ok() || !bench.rsa_public) return false;
  const Bytes message = crypto::random_bytes(32);
  const Blob signature = sign(bench.session(), {CKM_RSA_PKCS, nullptr, 0}, bench.rsa.private_key,
                              crypto::digest_info("SHA256", crypto::sha256(message)));
  return signature.ok() && bench.rsa_public->verify("SHA256", message, signature.octets);
}

bool rsa_pss_works(Bench& bench) {
  if (!bench.rsa.ok()) return false;
  CK_RSA_PKCS_PSS_PARAMS parameters{CKM_SHA256, CKG_MGF1_SHA256, 32};
  return sign(bench.session(), {CKM_RSA_PKCS_PSS, &parameters, sizeof parameters},
              bench.rsa.private_key, crypto::sha256(crypto::random_bytes(32)))
      .ok();
}

bool encrypts(Bench& bench, CK_MECHANISM_TYPE type) {
  Session& session = bench.session();
  const Made key =
      generate_aes(session, labelled("cipher").set(CKA_ENCRYPT, true).set(CKA_DECRYPT, true));
  if (!key.ok()) return false;
  Bytes iv(kBlock), data(kBlock), out(4 * kBlock);
  CK_MECHANISM mechanism{type, nullptr, 0};
  if (type != CKM_AES_ECB) mechanism = {type, iv.data(), static_cast<CK_ULONG>(iv.size())};
  bool works = session.fn().C_EncryptInit(session.handle(), &mechanism, key.object) == CKR_OK;
  if (works) {
    CK_ULONG size = static_cast<CK_ULONG>(out.size());
    works = session.fn().C_Encrypt(session.handle(), data.data(),
                                   static_cast<CK_ULONG>(data.size()), out.data(), &size) == CKR_OK;
  }
  destroy(session, key.object);
  return works;
}

void probe_ec(Bench& bench) {
  Session& session = bench.session();
  const MadePair ec = generate_ec(session, "ec", /*extractable=*/false);
  bench.answer(CKM_EC_KEY_PAIR_GEN, ec.ok());
  bool signs = false;
  if (ec.ok())
    if (const auto key = public_key_of(session, ec.public_key))
      signs = signs_as(session, ec.private_key, *key);
  bench.answer(CKM_ECDSA, signs);
  destroy(session, ec.private_key);
  destroy(session, ec.public_key);
}

}  // namespace

void probe_mechanisms(Bench& bench) {
  bench.answer(CKM_RSA_PKCS_KEY_PAIR_GEN, bench.rsa.ok());
  probe_ec(bench);
  const Made aes = generate_aes(bench.session(), aes_key("aes"));
  bench.answer(CKM_AES_KEY_GEN, aes.ok());
  destroy(bench.session(), aes.object);
  bench.answer(CKM_RSA_PKCS, rsa_pkcs_works(bench));
  bench.answer(CKM_RSA_PKCS_PSS, rsa_pss_works(bench));
  for (const CK_MECHANISM_TYPE type : {CKM_AES_ECB, CKM_AES_CBC_PAD})
    bench.answer(type, encrypts(bench, type));
}

}  // namespace poolkey::hsm::doctor
