#include "bench/foreign_token.h"

#include <openssl/pem.h>

#include "base/file.h"
#include "bench/writer.h"
#include "crypto/key_reference.h"

namespace poolkey::bench {
namespace {

/// PKCS#8, as `openssl genpkey` writes it.
void write_software_key(const std::filesystem::path& file, bool rsa) {
  const crypto::EvpPkey key(rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"));
  const crypto::BioPtr out(BIO_new_file(file.c_str(), "w"));
  if (!key || !out ||
      PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1)
    crypto::throw_openssl(Errc::kInternal, "no software key was written");
}

void fill_token(test::SoftToken& soft, int objects) {
  const auto token = soft.login();
  for (int i = 0; i < kFreshKeys; ++i)
    test::make_signing_key(*token, "EC-P-256", "fresh-" + std::to_string(i));
  for (const std::string name : {"RSA-2048", "P-256"}) {
    const bool rsa = name == "RSA-2048";
    const auto key = test::make_signing_key(*token, rsa ? name : "EC-" + name, name);
    write_file(
        soft.folder() / (name + ".ref"),
        crypto::reference_pem({.uri = ForeignToken::uri(name), .fingerprint = key.spki_sha256()}));
    write_software_key(soft.folder() / (name + ".key"), rsa);
  }
  fill(*token, objects - ForeignToken::kFew);
}

}  // namespace

std::string section_for(const std::string& folder) {
  return "poolkey-module = " + std::string(test::kSoftHsm) +
         "\npoolkey-pin-source = file:" + folder + "/pin\n";
}

ForeignToken::ForeignToken(int objects)
    : objects_(objects), token_([=](test::SoftToken& soft) { fill_token(soft, objects); }) {}

std::string ForeignToken::uri(const std::string& label, const std::string& attribute) {
  return "pkcs11:token=test;" + attribute + "=" + label + ";type=private";
}

}  // namespace poolkey::bench
