// Key files and URIs from somebody who means harm: nothing of theirs runs, no PIN goes anywhere,
// and each is refused with a sentence.
#include "base/file.h"
#include "crypto/key_reference.h"
#include "fixture.h"

namespace poolkey::provider {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kMarker = POOLKEY_MARKER_MODULE;
constexpr const char* kVersion = "poolkey key reference v1";
constexpr const char* kGood = "pkcs11:token=test;object=k;type=private";
constexpr std::uint8_t kVisible = 0x1a, kUtf8 = 0x0c, kOctets = 0x04, kSequence = 0x30;

/// Tag, length, value; the length as DER has it, or as it is given.
std::string tlv(std::uint8_t tag, const std::string& value, std::string length = "") {
  if (length.empty() && value.size() < 0x80) length = static_cast<char>(value.size());
  if (length.empty()) {
    for (std::size_t rest = value.size(); rest > 0; rest >>= 8U)
      length.insert(length.begin(), static_cast<char>(rest & 0xffU));
    length.insert(length.begin(), static_cast<char>(0x80U | length.size()));
  }
  return static_cast<char>(tag) + length + value;
}

std::string fingerprint() { return tlv(kOctets, std::string(32, 'x')); }

std::string ours(const std::string& uri) {
  return tlv(kSequence, tlv(kVisible, kVersion) + tlv(kUtf8, uri) + fingerprint());
}
std::string theirs(const std::string& uri) {
  return tlv(kSequence, tlv(kVisible, "PKCS#11 Provider URI v1.0") + tlv(kUtf8, uri));
}

std::string pem(std::string_view label, const std::string& body) {
  return "-----BEGIN " + std::string(label) + "-----\n" + body + "\n-----END " +
         std::string(label) + "-----\n";
}
std::string block(const std::string& der, std::string_view label = crypto::kReferenceLabel) {
  return pem(label, base64(view(der)));
}

struct Case {
  const char* name;
  std::string text;
  std::string sentence;
  friend void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }
};

class HostileTest : public testing::Test, public CommandFixture {
 protected:
  HostileTest() { make_key("EC-P-256", "k"); }

  std::string refused(const std::string& line) const {
    const Outcome outcome = run("timeout 20 " + line + "; status=$?; ls marker; exit $status");
    EXPECT_NE(outcome.status, 0) << outcome.text;
    EXPECT_LT(outcome.status, 124) << "it hung or crashed: " << outcome.text;
    EXPECT_THAT(outcome.text, HasSubstr("cannot access 'marker'")) << "something ran";
    return outcome.text;
  }

  /// By itself, in a file of ours, and in one of pkcs11-provider's; also as a component of the
  /// path, where people write it.
  void each_way(const std::string& attribute, const std::string& sentence) const {
    for (const std::string separator : {"?", ";"}) {
      const std::string bad = kGood + separator + attribute;
      EXPECT_THAT(refused("openssl req -new -key '" + bad + "' -subj /CN=x"), HasSubstr(sentence));
      for (const std::string& file :
           {block(ours(bad)), block(theirs(bad), crypto::kPeerReferenceLabel)}) {
        write_file(soft.folder() / "key.pem", file);
        EXPECT_THAT(refused("openssl req -new -key key.pem -subj /CN=x"), HasSubstr(sentence));
      }
    }
  }
};

class HostileFileTest : public HostileTest, public testing::WithParamInterface<Case> {};

TEST_P(HostileFileTest, IsRefusedAndNothingRuns) {
  write_file(soft.folder() / "key.pem", GetParam().text);
  EXPECT_THAT(refused("openssl req -new -key key.pem -subj /CN=x"), HasSubstr(GetParam().sentence));
  const std::string listed = run("timeout 20 openssl storeutl -noout key.pem").text;
  EXPECT_THAT(listed, HasSubstr(GetParam().sentence));
  EXPECT_THAT(listed, Not(HasSubstr("Pkey")));
}

std::vector<Case> bad_files() {
  const std::string good = ours(kGood), version = tlv(kVisible, kVersion),
                    consist = "does not consist of what belongs into one",
                    damaged = "it is not one SEQUENCE in DER";
  std::string nested = good;
  for (int i = 0; i < 1000; ++i) nested = tlv(kSequence, nested);
  return {
      {"NoBase64", pem(crypto::kReferenceLabel, "!!!!"), "its contents are not base64"},
      {"Empty", pem(crypto::kReferenceLabel, ""), damaged},
      {"NoEnd", "-----BEGIN POOLKEY KEY REFERENCE-----\nMAAA\n", "has no end"},
      {"Encrypted",
       pem(crypto::kReferenceLabel, "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA"),
       "its contents are not base64"},
      {"Truncated", block(good.substr(0, good.size() - 1)), damaged},
      {"Trailing", block(good + "x"), damaged},
      {"Indefinite",
       block(tlv(kSequence, version + tlv(kUtf8, kGood) + fingerprint() + std::string("\0\0", 2),
                 "\x80")),
       damaged},
      {"LongLength",
       block(
           tlv(kSequence, good.substr(3), "\x82" + std::string(1, '\0') + std::string(1, good[2]))),
       damaged},
      {"HugeLength", block(tlv(kSequence, "x", "\x84\x7f\xff\xff\xff")), damaged},
      {"NoSequence", block(tlv(kOctets, good)), damaged},
      {"Nested", block(nested), consist},
      {"NestedUri",
       block(tlv(kSequence, version + tlv(kSequence, tlv(kUtf8, kGood)) + fingerprint())), consist},
      {"WrongTag", block(tlv(kSequence, version + tlv(kOctets, kGood) + fingerprint())), consist},
      {"OneTooMany",
       block(tlv(kSequence, version + tlv(kUtf8, kGood) + fingerprint() + fingerprint())), consist},
      {"NoFingerprint", block(tlv(kSequence, version + tlv(kUtf8, kGood))), consist},
      {"ShortFingerprint", block(tlv(kSequence, version + tlv(kUtf8, kGood) + tlv(kOctets, "x"))),
       "no SHA-256"},
      {"AnotherVersion",
       block(tlv(kSequence,
                 tlv(kVisible, "poolkey key reference v2") + tlv(kUtf8, kGood) + fingerprint())),
       "of a version that this poolkey does not know"},
      {"TheirsWithOurLabel", block(theirs(kGood)), consist},
      {"OursWithTheirLabel", block(good, crypto::kPeerReferenceLabel), consist},
      {"NulInUri", block(ours(std::string("pkcs11:object=k\0;x", 18))), "a control character"},
      {"LineInUri", block(ours("pkcs11:object=k\n")), "a control character"},
      {"HugeUri", block(ours("pkcs11:object=" + std::string(5000, 'k'))), "more than 4096 octets"},
      {"HugeBody", block(ours("pkcs11:object=" + std::string(3000000, 'k'))), "is too large"},
      {"HugeLine", pem(crypto::kReferenceLabel, std::string(3000000, 'A')), "is too large"},
      {"AnotherScheme", block(ours("file:/etc/ssl/private/key.pem")), "neither a pkcs11: nor"},
      {"AnotherSchemeOfTheirs", block(theirs("file:key.pem"), crypto::kPeerReferenceLabel),
       "neither a pkcs11: nor"},
      {"AnotherKey", block(good), "its fingerprint differs; nothing was loaded"},
      {"NoEquals", block(ours("pkcs11:token")), "the component 'token' has no '='"},
  };
}
INSTANTIATE_TEST_SUITE_P(All, HostileFileTest, testing::ValuesIn(bad_files()),
                         [](const auto& row) { return std::string(row.param.name); });

class HostileUriTest : public HostileTest, public testing::WithParamInterface<Case> {};

TEST_P(HostileUriTest, IsRefusedWhereverItStands) {
  each_way(GetParam().text, GetParam().sentence);
}

const std::string kNoModule = "which is refused: modules come from openssl.cnf only";
INSTANTIATE_TEST_SUITE_P(
    All, HostileUriTest,
    testing::Values(
        Case{"Module", std::string("module-path=") + kMarker, kNoModule},
        Case{"ModuleFolder", "module-path=/usr/lib/softhsm", kNoModule},
        Case{"ModuleName", "module-name=libmarker", kNoModule},
        Case{"Command", "pin-source=|touch%20marker", "no command is ever run for a PIN"},
        Case{"CommandUnescaped", "pin-source=|touch marker", "no command is ever run for a PIN"},
        Case{"PinFile", "pin-source=/etc/hostname", "'pin-source', which is refused: PINs come"},
        Case{"PinUrl", "pin-source=file:/etc/hostname",
             "'pin-source', which is refused: PINs come"},
        Case{"Pin", "pin-value=1234", "'pin-value', which is refused: PINs come"}),
    [](const auto& row) { return std::string(row.param.name); });

using AllowedUriTest = HostileTest;

TEST_F(AllowedUriTest, APinMayStandInAUriWhereTheConfigurationSaysSo) {
  configure("poolkey-allow-uri-pin = yes\n", "");
  write_file(soft.folder() / "elsewhere", soft.user_pin(), 0600);
  const std::string file = "file:" + (soft.folder() / "elsewhere").string();
  for (const std::string& attribute : std::vector<std::string>{
           "?pin-value=1234", ";pin-value=1234", "?pin-source=" + file, ";pin-source=" + file})
    must("openssl req -new -key '" + (kGood + attribute) + "' -subj /CN=x -out r.csr");
  each_way("pin-source=|touch marker", "no command is ever run for a PIN");
  each_way("pin-source=/etc/hostname", "only 'file:' and an absolute path is read");
  each_way("pin-source=file:elsewhere", "only 'file:' and an absolute path is read");
  each_way(std::string("module-path=") + kMarker, kNoModule);
  configure("poolkey-allow-uri-pin = maybe\n");
  EXPECT_THAT(refused("openssl req -new -key '" + std::string(kGood) + "' -subj /CN=x"),
              HasSubstr("must be 'yes' or 'no'"));
}

TEST_F(AllowedUriTest, TheConfiguredModuleMayBeNamed) {
  for (const std::string& attribute :
       {std::string("module-path=") + test::kSoftHsm, std::string("module-name=libsofthsm2"),
        std::string("module-name=softhsm2"), std::string("module-name=libsofthsm2.so"),
        std::string("x-colour=red")})
    must("openssl req -new -key '" + std::string(kGood) + "?" + attribute +
         "' -subj /CN=x -out r.csr");
}

TEST_F(AllowedUriTest, LibraryAndSlotMayBeNamed) {
  const std::string library = "pkcs11:library-manufacturer=SoftHSM;library-version=2.6;object=k";
  must("openssl req -new -key '" + library + ";slot-manufacturer=SoftHSM%20project' -subj /CN=x");
  EXPECT_THAT(refused("openssl req -new -key '" + library + ";slot-id=77' -subj /CN=x"),
              HasSubstr("no token matches"));
}

}  // namespace
}  // namespace poolkey::provider
