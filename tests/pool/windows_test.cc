// The script for a Windows host, against golden files: there is no PowerShell in Debian 12 to parse
// it. And the receipt that comes back.
#include "pool/windows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "pool/windows_script_text.h"
#include "tests/crypto/software.h"
#include "tests/support/matchers.h"

namespace poolkey::pool {
namespace {

using namespace test;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::filesystem::path kGolden = POOLKEY_SOURCE_DIR "/tests/data/windows";

WindowsDelivery delivery() {
  return {.member = {PoolName("edge"), MemberName("edge3"), "0011223344556677"},
          .key = {KeyName("av"), 2},
          .nonce = "8899aabbccddeeff",
          .pfx_name = "av@2.8899aabbccddeeff.pfx",
          .pfx_sha256 = std::string(64, 'e'),
          .thumbprint = "B142918E463981A76503828BB1278391B7162809",
          .types = windows_types("edge-external"),
          .not_after = parse_rfc3339("2027-07-22T21:00:00Z"),
          .effective = std::nullopt,
          .token_lifetime = std::chrono::hours(8)};
}

WindowsDelivery staged() {
  WindowsDelivery out = delivery();
  out.types = windows_types("av-authentication");
  out.effective = parse_rfc3339("2027-01-22T13:05:09Z");
  return out;
}

/// Equal to the golden file; what differs is left in the build folder, to look at and copy.
void expect_golden(const std::string& script, const std::string& name) {
  const std::string golden =
      std::filesystem::exists(kGolden / name) ? read_file(kGolden / name) : "";
  if (script == golden) return;
  write_file(std::filesystem::path(POOLKEY_BINARY_DIR) / name, script);
  ADD_FAILURE() << "the script is not " << kGolden / name << "; it is now in "
                << std::filesystem::path(POOLKEY_BINARY_DIR) / name;
}

TEST(WindowsScriptTest, IsTheGoldenOneAtOnce) {
  expect_golden(windows_script(delivery()), "install.at-once.ps1");
}

TEST(WindowsScriptTest, IsTheGoldenOneStaged) {
  expect_golden(windows_script(staged()), "install.staged.ps1");
}

TEST(WindowsScriptTest, HasTheLinesOfTheProductsTopics) {
  EXPECT_THAT(windows_script(delivery()),
              AllOf(HasSubstr("Import-CsCertificate -Path $PfxPath -Password $passphrase "
                              "-PrivateKeyExportable $true"),
                    HasSubstr("Set-CsCertificate -Type AccessEdgeExternal,DataEdgeExternal,"
                              "AudioVideoAuthentication -Thumbprint "
                              "B142918E463981A76503828BB1278391B7162809 -Confirm:$false"),
                    HasSubstr("Test-CsCertificateConfiguration -Report "), HasSubstr("= $null\n"),
                    Not(HasSubstr("-Roll"))));
  EXPECT_THAT(windows_script(staged()),
              AllOf(HasSubstr("Set-CsCertificate -Type AudioVideoAuthentication -Thumbprint "
                              "B142918E463981A76503828BB1278391B7162809 -Roll -EffectiveDate "
                              "($EffectiveUtc.ToLocalTime())"),
                    HasSubstr("$EffectiveUtc = New-Object DateTime(2027, 1, 22, 13, 5, 9, "
                              "[DateTimeKind]::Utc)"),
                    HasSubstr("Remove-CsCertificate -Type AudioVideoAuthentication -Previous")));
}

// Quotes, braces and comments closed, as far as that can be seen without a parser.
TEST(WindowsScriptTest, IsAsciiAndClosesWhatItOpens) {
  for (const WindowsDelivery& d : {delivery(), staged()}) {
    const std::string script = windows_script(d);
    EXPECT_THAT(script, Not(HasSubstr("{{")));
    std::string open;
    char quote = 0;
    bool block = false, line = false;
    for (std::size_t i = 0; i < script.size(); ++i) {
      const char c = script[i], next = i + 1 < script.size() ? script[i + 1] : '\0';
      ASSERT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << "at " << i;
      if (line) {
        line = c != '\n';
      } else if (block) {
        block = !(c == '#' && next == '>');
      } else if (quote != 0) {
        ASSERT_NE(c, '\n') << "a string goes over the line: " << script.substr(i - 60, 60);
        if (c == quote) quote = 0;
      } else if (c == '\'' || c == '"') {
        quote = c;
      } else if (c == '<' && next == '#') {
        block = true;
      } else if (c == '#') {
        line = true;
      } else if (c == '{' || c == '(' || c == '[') {
        open += c == '{' ? '}' : c == '(' ? ')' : ']';
      } else if (c == '}' || c == ')' || c == ']') {
        ASSERT_TRUE(!open.empty() && open.back() == c) << script.substr(i - 60, 60);
        open.pop_back();
      }
    }
    EXPECT_EQ(open, "");
    EXPECT_EQ(quote, 0);
    EXPECT_FALSE(block);
  }
}

TEST(WindowsTypesTest, FollowTheRole) {
  EXPECT_THAT(windows_types("edge-external"),
              ElementsAre("AccessEdgeExternal", "DataEdgeExternal", "AudioVideoAuthentication"));
  EXPECT_THAT(windows_types("av-authentication"), ElementsAre("AudioVideoAuthentication"));
  EXPECT_THAT(windows_types("edge-internal"), ElementsAre("Internal"));
  EXPECT_THAT([] { windows_types("oauth"); }, ThrowsErrc(Errc::kUnsupported));
  EXPECT_THAT([] { windows_types(""); }, ThrowsErrc(Errc::kUnsupported));
  EXPECT_THAT([] { check_windows_type("Default'; Remove-Item"); },
              ThrowsErrc(Errc::kInvalidArgument));
  EXPECT_TRUE(is_rolled("AudioVideoAuthentication"));
  EXPECT_FALSE(is_rolled("AccessEdgeExternal"));
}

TEST(ThumbprintTest, IsWhatOpensslPrints) {
  const TemporaryFolder folder;
  const Identity root = make_root("Contoso Root");
  std::string printed =
      openssl("x509 -noout -fingerprint -sha1 -in " + folder.file("c", root.certificate.pem()))
          .output;
  std::erase(printed, ':');
  EXPECT_THAT(printed, HasSubstr("=" + thumbprint(root.certificate) + "\n"));
}

/// As ConvertTo-Json of Windows PowerShell 5.1 writes it.
std::string said() {
  return R"({"context":"poolkey windows receipt v1","pool":"edge","member":"edge3","key":"av@2",)"
         R"("delivery":"8899aabbccddeeff","step":"Install","host":"EDGE3",)"
         R"("clock":"2027-01-20T02:00:00Z","thumbprint":"B142918E463981A76503828BB1278391B7162809",)"
         R"("has_private_key":true,"provider":"Microsoft RSA SChannel Cryptographic Provider",)"
         R"("key_spec":"Exchange","chain_is_valid":true,"slots":[{"type":)"
         R"("AudioVideoAuthentication","thumbprint":"B142918E463981A76503828BB1278391B7162809",)"
         R"("other":"","effective_at":"2027-01-22T13:05:09Z"}]})";
}

std::string receipt_of(const std::string& statement) {
  return "{\r\n    \"statement\":  \"" + base64(view(statement)) +
         "\",\r\n    \"signature\":  \"AAEC\"\r\n}";
}

TEST(WindowsReceiptTest, IsReadAsPowerShellWritesIt) {
  for (const std::string mark : {"", "\xef\xbb\xbf"}) {
    const WindowsReceipt r = windows_receipt(mark + receipt_of(said()));
    EXPECT_EQ(r.key.str(), "av@2");
    EXPECT_EQ(rfc3339(r.clock), "2027-01-20T02:00:00Z");
    EXPECT_TRUE(r.has_private_key);
    ASSERT_EQ(r.slots.size(), 1U);
    EXPECT_EQ(r.slots[0].effective_at, "2027-01-22T13:05:09Z");
    EXPECT_EQ(r.statement, said());
    EXPECT_EQ(hex(r.signature), "000102");
  }
}

TEST(WindowsReceiptTest, SurvivesWhateverIsBroughtBack) {
  survive_mutations(view(said()),
                    [](const Bytes& bytes) { (void)windows_receipt(receipt_of(to_text(bytes))); });
  EXPECT_THAT([] { windows_receipt(receipt_of("{}")); }, ThrowsErrc(Errc::kCorrupt));
  EXPECT_THAT([] { windows_receipt("{}"); }, ThrowsErrc(Errc::kCorrupt));
}

}  // namespace
}  // namespace poolkey::pool
