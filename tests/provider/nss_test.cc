// The same operations with NSS softokn, which does other things itself than SoftHSM.
#include "base/file.h"
#include "fixture.h"

namespace poolkey::provider {
namespace {

using testing::Eq;
using testing::HasSubstr;

class NssTest : public testing::Test, public CommandFixture {
 protected:
  NssTest() {
    const std::string folder = soft.folder().string();
    must(
        "mkdir nss; echo 1234 > pin; echo content > message\n"
        "certutil -N -d sql:nss -f pin; export OPENSSL_CONF=$PLAIN\n"
        "for k in rsa:2048 'ec -pkeyopt ec_paramgen_curve:P-256'; do n=${k%%[: ]*}\n"
        "openssl req -x509 -newkey $k -nodes -keyout $n.key -out $n.pem -subj /CN=$n\n"
        "openssl pkcs12 -export -name $n -inkey $n.key -in $n.pem -passout pass: -out $n.p12\n"
        "pk12util -i $n.p12 -d sql:nss -k pin -W ''\n"
        "rm $n.key; done");
    configure("poolkey-module-arguments = \"configdir='sql:" + folder +
                  "/nss' certPrefix='' keyPrefix='' secmod='secmod.db' flags= \"\n"
                  "poolkey-pkcs1-decryption = yes\n",
              "1234", "/usr/lib/x86_64-linux-gnu/libsoftokn3.so");
  }
  static std::string nss(const std::string& label) {
    return "'pkcs11:token=NSS%20Certificate%20DB;object=" + label + ";type=private'";
  }
};

TEST_F(NssTest, PssWithEveryDigestAndMgf1) {
  for (const std::string digest : {"sha256", "sha3-256"})
    for (const std::string mgf1 : {"sha1", "sha256"}) {
      const std::string options =
          " -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:20 "
          "-sigopt rsa_mgf1_md:" +
          mgf1;
      must("openssl dgst -" + digest + " -sign " + nss("rsa") + options + " -out s message\n" +
           "openssl x509 -in rsa.pem -pubkey -noout > pub.pem");
      EXPECT_THAT(must("OPENSSL_CONF=$PLAIN openssl dgst -" + digest + " -verify pub.pem" +
                       options + " -signature s message"),
                  HasSubstr("Verified OK"));
    }
}

TEST_F(NssTest, Decryption) {
  for (const std::string options : {"", "-pkeyopt rsa_padding_mode:oaep",
                                    "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256",
                                    "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha3-256 "
                                    "-pkeyopt rsa_oaep_label:6c"}) {
    must("OPENSSL_CONF=$PLAIN openssl pkeyutl -encrypt -certin -inkey rsa.pem -in message -out e " +
         options);
    EXPECT_THAT(must("openssl pkeyutl -decrypt -inkey " + nss("rsa") + " -in e " + options),
                Eq("content\n"))
        << options;
  }
  // Bad padding: the same message from two processes.
  must(
      "head -c 255 /dev/zero | tr '\\0' '\\1' > bad\nfor i in 1 2; do openssl pkeyutl -decrypt "
      "-inkey " +
      nss("rsa") + " -in bad -out $i; done; cmp 1 2");
}

TEST_F(NssTest, CmsForBothKindsOfRecipient) {
  for (const std::string key : {"rsa", "ec"}) {
    must("OPENSSL_CONF=$PLAIN openssl cms -encrypt -aes128 -binary -in message -out m.cms -recip " +
         key + ".pem");
    EXPECT_THAT(must("openssl cms -decrypt -in m.cms -recip " + key + ".pem -inkey " + nss(key)),
                Eq("content\n"))
        << key;
  }
}

}  // namespace
}  // namespace poolkey::provider
