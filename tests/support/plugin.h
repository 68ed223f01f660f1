// poolkey.so in the process of a test, as a foreign program has it; and tokens that another process
// made, so that the module is first initialised by poolkey.so.
// Called by: tests and figures of poolkey.so.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "crypto/openssl.h"
#include "crypto/public_key.h"
#include "support/soft_token.h"

namespace poolkey::test {

/// A library context of its own, by an openssl.cnf in `folder`, with `section` in poolkey's section
/// besides the module's path.
class Plugin {
 public:
  Plugin(const std::filesystem::path& folder, const std::string& section);

  OSSL_LIB_CTX* context() const { return context_.get(); }
  /// The private key; throws with OpenSSL's queue.
  crypto::EvpPkey load(const std::string& uri) const;
  /// SHA-256 and the key's default scheme. Throws with OpenSSL's queue.
  Bytes sign(EVP_PKEY* key, ByteView message) const;

 private:
  std::unique_ptr<OSSL_LIB_CTX, crypto::Free<OSSL_LIB_CTX_free>> context_;
};

/// The folder of a SoftHSM that `fill` was run on in a process of its own. SOFTHSM2_CONF names it.
class Prepared {
 public:
  explicit Prepared(const std::function<void(SoftToken&)>& fill);
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;
  ~Prepared();

  const std::filesystem::path& folder() const { return folder_; }
  /// Settings of poolkey's section for it, with the PIN in a file.
  std::string section(const std::string& module) const;
  /// Another process changes something: `words` for pkcs11-tool on SoftHSM. Fails the test if it
  /// does not go well.
  void pkcs11_tool(const std::string& words) const;

 private:
  std::filesystem::path folder_;
};

/// A signing key as a policy would have it, with `label` as its label and its CKA_ID; `copy`: a
/// session copy of it may be made.
crypto::PublicKey make_signing_key(hsm::Token& token, const std::string& algorithm,
                                   const std::string& label, bool copy = true);

/// A P-256 key made in software, as key pair objects of both tokens; gives its DER (RFC 5915).
Bytes make_shared_key(hsm::Token& one, hsm::Token& two, const std::string& label);

}  // namespace poolkey::test
