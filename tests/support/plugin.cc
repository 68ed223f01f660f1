#include "support/plugin.h"

#include <openssl/conf.h>
#include <openssl/core_names.h>
#include <openssl/store.h>

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "base/file.h"
#include "base/process.h"
#include "crypto/reasons.h"
#include "crypto/signature.h"
#include "hsm/key_pair.h"
#include "hsm/object.h"

namespace poolkey::test {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void throw_queued(const std::string& doing) {
  std::string others;
  if (const auto ours = crypto::take_queued_error(others)) throw Error(*ours);
  throw Error(Errc::kInternal, doing + "; " + others);
}

}  // namespace

Plugin::Plugin(const fs::path& folder, const std::string& section) : context_(OSSL_LIB_CTX_new()) {
  const fs::path file = folder / "plugin.cnf";
  write_file(file,
             "openssl_conf = init\n[init]\nproviders = providers\n[providers]\n"
             "default = default_section\npoolkey = poolkey_section\n"
             "[default_section]\nactivate = 1\n[poolkey_section]\nidentity = poolkey\n"
             "module = " POOLKEY_BINARY_DIR "/ossl-modules/poolkey.so\n" +
                 section + "activate = 1\n");
  if (!context_ || OSSL_LIB_CTX_load_config(context(), file.c_str()) != 1)
    throw_queued("poolkey.so was not loaded");
}

crypto::EvpPkey Plugin::load(const std::string& uri) const {
  using Store = std::unique_ptr<OSSL_STORE_CTX, crypto::Free<OSSL_STORE_close>>;
  using Info = std::unique_ptr<OSSL_STORE_INFO, crypto::Free<OSSL_STORE_INFO_free>>;
  const Store store(OSSL_STORE_open_ex(uri.c_str(), context(), "provider=poolkey", nullptr, nullptr,
                                       nullptr, nullptr, nullptr));
  if (store) OSSL_STORE_expect(store.get(), OSSL_STORE_INFO_PKEY);
  const Info info(store ? OSSL_STORE_load(store.get()) : nullptr);
  crypto::EvpPkey key(info ? OSSL_STORE_INFO_get1_PKEY(info.get()) : nullptr);
  if (!key) throw_queued("'" + uri + "' was not loaded");
  return key;
}

Bytes Plugin::sign(EVP_PKEY* key, ByteView message) const {
  return crypto::sign(key, "SHA256", message, context());
}

Prepared::Prepared(const std::function<void(SoftToken&)>& fill) {
  int ends[2];
  if (::pipe(ends) != 0) throw Error(Errc::kUnavailable, "no pipe");
  const pid_t child = start_child([&] {
    // Never destroyed: the folder stays, and the process ends at once.
    auto& soft = *new SoftToken;
    fill(soft);
    const std::string name = soft.folder().string();
    if (::write(ends[1], name.data(), name.size()) < 0) ::_exit(2);
  });
  ::close(ends[1]);
  std::string name(4096, '\0');
  const ssize_t size = ::read(ends[0], name.data(), name.size());
  ::close(ends[0]);
  if (end_of(child) != 0 || size <= 0) throw Error(Errc::kInternal, "no token was made");
  name.resize(static_cast<std::size_t>(size));
  folder_ = name;
  ::setenv("SOFTHSM2_CONF", (folder_ / "softhsm2.conf").c_str(), 1);
  write_file(folder_ / "pin", std::string_view("1234\n"), 0600);
}

Prepared::~Prepared() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::string Prepared::section(const std::string& module) const {
  return "poolkey-module = " + module + "\npoolkey-pin-source = file:" + folder_.string() +
         "/pin\n";
}

void Prepared::pkcs11_tool(const std::string& words) const {
  const std::string line = "pkcs11-tool --module " + std::string(kSoftHsm) + " " + words + " >" +
                           (folder_ / "tool.log").string() + " 2>&1 </dev/null";
  EXPECT_EQ(std::system(line.c_str()), 0) << line << "\n" << read_file(folder_ / "tool.log");
}

crypto::PublicKey make_signing_key(hsm::Token& token, const std::string& algorithm,
                                   const std::string& label, bool copy) {
  return hsm::generate_key_pair(token, {.algorithm = algorithm,
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
                                        .id = to_bytes(label)});
}

Bytes make_shared_key(hsm::Token& one, hsm::Token& two, const std::string& label) {
  const crypto::EvpPkey key(EVP_EC_gen("P-256"));
  const crypto::PublicKey part = crypto::PublicKey::from_evp(key.get());
  BIGNUM* number = nullptr;
  EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_PRIV_KEY, &number);
  const crypto::BnPtr owner(number);
  Bytes value(32);
  BN_bn2binpad(number, value.data(), static_cast<int>(value.size()));
  const Bytes curve = from_hex("06082a8648ce3d030107");
  for (hsm::Token* token : {&one, &two}) {
    const hsm::Lease lease = token->lease();
    const auto create = [&](CK_OBJECT_CLASS kind, hsm::Template rest) {
      rest.set(CKA_CLASS, CK_ULONG{kind})
          .set(CKA_KEY_TYPE, CK_ULONG{CKK_EC})
          .set(CKA_EC_PARAMS, ByteView(curve))
          .set(CKA_LABEL, label)
          .set(CKA_ID, view(label))
          .set(CKA_TOKEN, true);
      hsm::create_object(*lease, std::move(rest));
    };
    create(CKO_PRIVATE_KEY, std::move(hsm::Template()
                                          .set(CKA_VALUE, ByteView(value))
                                          .set(CKA_SIGN, true)
                                          .set(CKA_COPYABLE, false)));
    create(CKO_PUBLIC_KEY,
           std::move(hsm::Template().set(CKA_EC_POINT, ByteView(hsm::ec_point_attribute(part)))));
  }
  return crypto::to_der<i2d_PrivateKey>(key.get());
}

}  // namespace poolkey::test
