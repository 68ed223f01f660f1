// A token with keys of every kind, and the two ways to the provider: built in, and as poolkey.so
// below the real `openssl` command.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "crypto/openssl.h"
#include "crypto/public_key.h"
#include "hsm/key_pair.h"
#include "provider/builtin.h"
#include "support/matchers.h"
#include "support/soft_token.h"

namespace poolkey::provider {

/// How a test's key may be used by processes, as policies call it.
enum class Signing { kSessionCopy, kTokenObject };

/// What tokens of other people do besides; and the same without raw RSA, as FIPS tokens have it.
inline constexpr const char* kWithoutRaw =
    ",CKM_EDDSA,CKM_EC_EDWARDS_KEY_PAIR_GEN,CKM_ECDH1_DERIVE";
inline const std::string kForeign = std::string(kWithoutRaw) + ",CKM_RSA_X_509";

class Fixture {
 public:
  explicit Fixture(const std::filesystem::path& module = test::kSoftHsm,
                   const std::string& more = kForeign)
      : soft("test", module, more), token(soft.login()) {}

  /// A signing key as a policy would have it, with `label` as its label and its CKA_ID.
  crypto::PublicKey make_key(const std::string& algorithm, const std::string& label,
                             Signing signing = Signing::kSessionCopy, std::string id = "") const {
    if (id.empty()) id = label;
    const bool copy = signing == Signing::kSessionCopy;
    return hsm::generate_key_pair(*token, {.algorithm = algorithm,
                                           .private_attributes = {{"CKA_SENSITIVE", true},
                                                                  {"CKA_EXTRACTABLE", false},
                                                                  {"CKA_SIGN", true},
                                                                  {"CKA_DECRYPT", false},
                                                                  {"CKA_UNWRAP", false},
                                                                  {"CKA_COPYABLE", copy},
                                                                  {"CKA_MODIFIABLE", copy}},
                                           .public_attributes = {{"CKA_VERIFY", true}},
                                           .private_extra = {},
                                           .label = label,
                                           .id = to_bytes(id)});
  }

  /// A key that its token alone governs: it does what such keys can. `mechanisms` (CKM_...), if
  /// any, are all that it may be used with.
  crypto::PublicKey make_free_key(const std::string& algorithm, const std::string& label,
                                  const std::vector<std::string>& mechanisms = {}) const;

  static std::string uri(const std::string& label) {
    return "pkcs11:token=test;object=" + label + ";type=private";
  }

  /// Session objects that hold a private key: the copies that the provider signs with.
  std::vector<CK_OBJECT_HANDLE> session_copies() const;

  test::SoftToken soft;
  std::shared_ptr<hsm::Token> token;
};

/// The provider built in, as our own programs have it.
class BuiltinFixture : public Fixture {
 public:
  using Fixture::Fixture;
  crypto::EvpPkey load(const std::string& label) const {
    return builtin.load_private_key(uri(label));
  }
  Builtin builtin{token};
};

/// What a command said (both streams) and how it ended.
struct Outcome {
  int status;
  std::string text;
};

/// Runs a line of bash in the fixture's folder with OPENSSL_CONF naming a file that loads
/// poolkey.so; $PLAIN is an empty one, for the other side.
class CommandFixture : public Fixture {
 public:
  explicit CommandFixture(const std::string& more = kForeign) : Fixture(test::kSoftHsm, more) {
    configure("");
  }
  /// Writes the configuration anew, with `extra` lines in poolkey's section; `pin_source` empty:
  /// none.
  void configure(const std::string& extra, const std::string& pin = "1234",
                 const std::string& module = test::kSoftHsm);
  Outcome run(const std::string& line) const;
  /// As run(), and the test fails if the command does.
  std::string must(const std::string& line) const;
  /// One TLS connection from a client without the provider to a server whose key is the token's
  /// `k` and whose certificate is c.pem; `options` are given to both. What the client prints.
  std::string connect(const std::string& options) const;
};

/// poolkey.so in a library context of this process, by the fixture's openssl.cnf.
class ForeignContext {
 public:
  explicit ForeignContext(const CommandFixture& fixture);
  OSSL_LIB_CTX* get() const { return context_.get(); }
  crypto::EvpPkey load(const std::string& uri) const;

 private:
  std::unique_ptr<OSSL_LIB_CTX, crypto::Free<OSSL_LIB_CTX_free>> context_;
};

/// For every kind of key that the provider serves.
inline const auto kAlgorithms = testing::Values("RSA-2048", "EC-P-256", "EC-P-384", "EC-P-521");
inline const auto kAllAlgorithms =
    testing::Values("RSA-2048", "EC-P-256", "EC-P-384", "EC-P-521", "Ed25519");
/// What a signature with such a key is asked for with.
inline const char* digest_for(std::string_view algorithm) {
  return algorithm == "Ed25519" ? "" : "SHA256";
}
inline std::string algorithm_name(const testing::TestParamInfo<const char*>& info) {
  std::string out = info.param;
  std::erase(out, '-');
  return out;
}

}  // namespace poolkey::provider
