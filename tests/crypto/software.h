// Software keys, a small CA and the openssl command, for tests of crypto and of what stands on it.
#pragma once

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <stdlib.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>

#include "base/file.h"
#include "crypto/certificate.h"
#include "crypto/openssl.h"

namespace poolkey::test {

using namespace crypto;

inline EvpPkey generate(const char* type, OSSL_LIB_CTX* libctx, const OSSL_PARAM* params) {
  const EvpPkeyCtx ctx(EVP_PKEY_CTX_new_from_name(libctx, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!ctx || EVP_PKEY_keygen_init(ctx.get()) != 1 ||
      (params != nullptr && EVP_PKEY_CTX_set_params(ctx.get(), params) != 1) ||
      EVP_PKEY_generate(ctx.get(), &key) != 1)
    throw_openssl(Errc::kInternal, "test key");
  return EvpPkey(key);
}

inline EvpPkey rsa_key(unsigned bits = 2048, unsigned exponent = 65537, const char* type = "RSA",
                       OSSL_LIB_CTX* libctx = nullptr) {
  std::size_t size = bits;
  std::array<std::uint8_t, 4> e{};  // OSSL_PARAM integers are in native order
  std::memcpy(e.data(), &exponent, sizeof exponent);
  const std::array params{OSSL_PARAM_construct_size_t(OSSL_PKEY_PARAM_RSA_BITS, &size),
                          OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, e.data(), e.size()),
                          OSSL_PARAM_construct_end()};
  return generate(type, libctx, params.data());
}

inline EvpPkey ec_key(const char* curve = "P-256", OSSL_LIB_CTX* libctx = nullptr) {
  std::string group = curve;
  const std::array params{
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
      OSSL_PARAM_construct_end()};
  return generate("EC", libctx, params.data());
}

inline EvpPkey ed25519_key() { return generate("ED25519", nullptr, nullptr); }

inline Time at(std::string_view text) { return parse_rfc3339(text); }

/// A certificate and its key.
struct Identity {
  EvpPkey key;
  Certificate certificate;
};

inline CertificateSpec spec(const std::string& common_name) {
  CertificateSpec out;
  out.subject.common_name = common_name;
  out.subject.organization = "Contoso";
  out.not_before = at("2026-11-22T00:00:00Z");
  out.not_after = at("2027-05-21T23:59:59Z");
  return out;
}

inline CertificateSpec ca_spec(const std::string& common_name) {
  CertificateSpec out = spec(common_name);
  out.not_after = at("2046-11-21T23:59:59Z");
  out.is_ca = true;
  out.key_usage = {KeyUsage::kKeyCertSign, KeyUsage::kCrlSign};
  return out;
}

inline Identity make_root(const std::string& common_name, EvpPkey key = ec_key()) {
  Certificate certificate =
      Certificate::from_der(issue_self_signed(ca_spec(common_name), key.get()));
  return {std::move(key), std::move(certificate)};
}

inline Identity make_under(const Identity& issuer, const CertificateSpec& what,
                           EvpPkey key = ec_key()) {
  Certificate certificate = Certificate::from_der(
      issue(what, PublicKey::from_evp(key.get()), issuer.certificate, issuer.key.get()));
  return {std::move(key), std::move(certificate)};
}

/// A folder that goes with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = std::filesystem::temp_directory_path() / "poolkey-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw Error(Errc::kUnavailable, "no temporary folder");
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }

  /// Writes a file and gives its path.
  template <class Content>
  std::string file(const std::string& name, const Content& content) const {
    write_file(path_ / name, content);
    return path_ / name;
  }
  std::string path(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

struct CommandResult {
  int status;
  std::string output;  ///< stdout and stderr
};

/// Runs the real openssl command.
inline CommandResult openssl(const std::string& arguments) {
  FILE* pipe = popen(("openssl " + arguments + " 2>&1").c_str(), "r");
  std::string output;
  std::array<char, 4096> part{};
  while (const std::size_t size = std::fread(part.data(), 1, part.size(), pipe))
    output.append(part.data(), size);
  return {pclose(pipe), output};
}

/// Calls `act` with every truncation and with every octet changed; it may throw Error, no more.
template <class Act>
void survive_mutations(ByteView good, Act act) {
  const auto attempt = [&](const Bytes& bytes) {
    try {
      act(bytes);
    } catch (const Error&) {
      // Refusing is what is wanted.
    }
  };
  for (std::size_t size = 0; size < good.size(); ++size)
    attempt(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)));
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const int change : {0x01, 0x80, 0xff}) {
      Bytes bytes(good.begin(), good.end());
      bytes[i] = static_cast<std::uint8_t>(bytes[i] ^ change);
      attempt(bytes);
    }
  }
}

}  // namespace poolkey::test
