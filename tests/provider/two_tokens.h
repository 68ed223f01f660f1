// poolkey.so with two tokens that hold the same key, as a program sees them.
#pragma once

#include "base/file.h"
#include "foreign.h"

namespace poolkey::provider {

/// Two tokens with one key, "pooled", in both.
class TwoTokensTest : public testing::Test {
 protected:
  TwoTokensTest()
      : prepared([](test::SoftToken& soft) {
          soft.add("two");
          const auto one = soft.login(), two = soft.login("two");
          write_file(soft.folder() / "pooled.der",
                     ByteView(test::make_shared_key(*one, *two, "pooled")));
        }),
        plugin(prepared.folder(),
               prepared.section(test::kFaultyModule) + "poolkey-token = test, two\n"),
        key(plugin.load("pkcs11:object=pooled;type=private")) {}

  bool signs() const {
    return crypto::PublicKey::from_evp(key.get()).verify("SHA256", view("m"),
                                                         plugin.sign(key.get(), view("m")));
  }
  void remove_from(const std::string& token) const {
    prepared.pkcs11_tool("--token-label " + token +
                         " --login --pin 1234 --delete-object --type privkey --label pooled");
  }

  test::Prepared prepared;
  test::Plugin plugin;
  crypto::EvpPkey key;
};

}  // namespace poolkey::provider
