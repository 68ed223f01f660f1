// PFX and encrypted private keys, with the openssl command as the witness.
#include "crypto/pfx.h"

#include <regex>

#include "crypto/private_key.h"
#include "tests/crypto/software.h"
#include "tests/support/matchers.h"

namespace poolkey::crypto {
namespace {

using namespace test;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kName = "edge av@1 2027-05-21 0123456789abcdef";

std::string text(const SecretBytes& secret) { return to_text(secret.view()); }

std::size_t count(const std::string& in, const std::string& what) {
  std::size_t out = 0;
  for (std::size_t at = 0; (at = in.find(what, at)) != std::string::npos; at += what.size()) ++out;
  return out;
}

class PfxTest : public testing::Test {
 protected:
  std::string made(PfxAlgorithms algorithms) {
    return folder.file("k.pfx", ByteView(make_pfx(leaf.key.get(), chain(), std::string(kName),
                                                  passphrase.view(), algorithms)));
  }
  std::vector<Certificate> chain() const {
    return {leaf.certificate, issuing.certificate, root.certificate};
  }
  /// `openssl pkcs12`, which reads the passphrase from a file.
  CommandResult pkcs12(const std::string& pfx, const std::string& options) const {
    return openssl("pkcs12 -in " + pfx + " -passin file:" + secret + " " + options);
  }

  TemporaryFolder folder;
  Identity root = make_root("Contoso Root");
  Identity issuing = make_under(root, ca_spec("Contoso Issuing CA"));
  Identity leaf = make_under(issuing, spec("sip.contoso.com"), rsa_key());
  SecretBytes passphrase = random_passphrase();
  std::string secret = folder.file("secret", passphrase.view());
};

TEST_F(PfxTest, ModernIsPbes2WithAesAndAMacOfSha256) {
  const CommandResult info = pkcs12(made(PfxAlgorithms::kModern), "-info -noout");
  EXPECT_EQ(info.status, 0) << info.output;
  EXPECT_THAT(info.output, AllOf(HasSubstr("MAC: sha256, Iteration 100000"),
                                 Not(HasSubstr("pbeWith")), Not(HasSubstr("sha1"))));
  EXPECT_EQ(count(info.output, "PBES2, PBKDF2, AES-256-CBC, Iteration 100000, PRF hmacWithSHA256"),
            2U)
      << info.output;
}

TEST_F(PfxTest, LegacyIsTripleDesAndAMacOfSha1) {
  const CommandResult info = pkcs12(made(PfxAlgorithms::kLegacy), "-info -noout");
  EXPECT_EQ(info.status, 0) << info.output;
  EXPECT_THAT(info.output, AllOf(HasSubstr("MAC: sha1, Iteration 100000"), Not(HasSubstr("AES"))));
  EXPECT_EQ(count(info.output, "pbeWithSHA1And3-KeyTripleDES-CBC"), 2U) << info.output;
}

TEST_F(PfxTest, HasWhatWindowsGoesBy) {
  for (const PfxAlgorithms algorithms : {PfxAlgorithms::kModern, PfxAlgorithms::kLegacy}) {
    const CommandResult dump = pkcs12(made(algorithms), "-nodes");
    ASSERT_EQ(dump.status, 0) << dump.output;
    const std::string key = dump.output.substr(0, dump.output.find("-----BEGIN PRIVATE"));
    EXPECT_THAT(key, HasSubstr("Microsoft CSP Name: " + std::string(kSchannelProvider)));
    const std::string friendly = "friendlyName: " + std::string(kName);
    EXPECT_THAT(key, HasSubstr(friendly));
    EXPECT_EQ(count(dump.output, friendly), 2U) << "of the key and of the leaf";
    EXPECT_EQ(count(dump.output, "localKeyID: "), 2U);
    EXPECT_EQ(count(dump.output, "Microsoft CSP Name"), 1U);
    EXPECT_EQ(count(dump.output, "BEGIN CERTIFICATE"), 3U) << "the whole chain";
    EXPECT_THAT(dump.output, Not(HasSubstr("X509v3 Key Usage")))
        << "2.5.29.15 as an attribute could make it a key for signatures only";
  }
}

// The attributes of the key's bag are not encrypted, and the command above prints them as it likes.
TEST_F(PfxTest, NamesTheProviderAsABmpString) {
  Bytes wide = from_hex("06092b0601040182371101315c1e5a");  // OID, SET, BMPString of 45 letters
  for (const char c : kSchannelProvider) wide.insert(wide.end(), {0, static_cast<std::uint8_t>(c)});
  EXPECT_THAT(read_file(made(PfxAlgorithms::kModern)), HasSubstr(to_text(wide)));
}

TEST_F(PfxTest, TheKeyComesOutAsItWentIn) {
  (void)made(PfxAlgorithms::kModern);
  ASSERT_EQ(pkcs12(folder.path("k.pfx"), "-nocerts -nodes -out " + folder.path("key.pem")).status,
            0);
  const CommandResult out = openssl("pkey -in " + folder.path("key.pem") + " -pubout");
  EXPECT_EQ(out.output, leaf.certificate.public_key().pem());
}

TEST_F(PfxTest, OpensWithItsPassphraseOnly) {
  (void)made(PfxAlgorithms::kModern);
  EXPECT_NE(openssl("pkcs12 -in " + folder.path("k.pfx") + " -passin pass:wrong -noout").status, 0);
}

TEST_F(PfxTest, RefusesAnotherKeyAndAnEcKey) {
  const auto make = [&](EVP_PKEY* key, const Certificate& certificate) {
    make_pfx(key, {certificate}, "x", passphrase.view(), PfxAlgorithms::kModern);
  };
  const EvpPkey other = rsa_key();
  EXPECT_THAT([&] { make(other.get(), leaf.certificate); }, ThrowsErrc(Errc::kInvalidArgument));
  EXPECT_THAT([&] { make(issuing.key.get(), issuing.certificate); },
              ThrowsErrc(Errc::kInvalidArgument));
}

TEST(PassphraseTest, HasFourGroupsAndIsNeverTheSame) {
  EXPECT_TRUE(std::regex_match(text(random_passphrase()),
                               std::regex("([a-km-np-z2-9]{8}-){3}[a-km-np-z2-9]{8}")));
  EXPECT_NE(text(random_passphrase()), text(random_passphrase()));
}

TEST(PrivateKeyTest, IsReadByTheOpensslCommand) {
  const TemporaryFolder folder;
  const EvpPkey key = generate_rsa(2048);
  const std::string file = folder.file("key.pem", encrypted_pem(key.get(), view("correct horse")));
  const CommandResult read = openssl("pkey -in " + file + " -passin 'pass:correct horse' -pubout");
  EXPECT_EQ(read.output, PublicKey::from_evp(key.get()).pem());
  EXPECT_THAT(openssl("asn1parse -in " + file).output,
              AllOf(HasSubstr(":PBES2"), HasSubstr("scrypt"), HasSubstr("aes-256-cbc")));
}

TEST(PrivateKeyTest, OpensWithItsPassphraseOnly) {
  const EvpPkey key = generate_p256();
  const std::string pem = encrypted_pem(key.get(), view("correct horse"));
  EXPECT_EQ(EVP_PKEY_eq(from_encrypted_pem(pem, view("correct horse")).get(), key.get()), 1);
  EXPECT_THAT([&] { from_encrypted_pem(pem, view("wrong horse")); }, ThrowsErrc(Errc::kAuthFailed));
  EXPECT_THAT([&] { from_encrypted_pem("", view("x")); }, ThrowsErrc(Errc::kCorrupt));
  EXPECT_THAT([&] { from_encrypted_pem(pem + pem, view("correct horse")); },
              ThrowsErrc(Errc::kCorrupt));
}

}  // namespace
}  // namespace poolkey::crypto
