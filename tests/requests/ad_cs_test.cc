#include "requests/ad_cs.h"

#include "crypto/csr.h"
#include "tests/crypto/software.h"
#include "tests/requests/fixture.h"
#include "tests/support/matchers.h"

namespace poolkey::requests {
namespace {

using namespace test;
using testing::HasSubstr;

StoredRequest signed_request(const crypto::DistinguishedName& subject,
                             const std::vector<std::string>& sans) {
  crypto::CsrSpec spec;
  spec.subject = subject;
  spec.dns_sans = sans;
  StoredRequest out{.id = "edge.edge-external.av@1.corporate",
                    .pool = PoolName("edge"),
                    .key = {KeyName("av"), 1}};
  out.csr = crypto::build_csr(spec, rsa_key().get());
  return out;
}

StoredRequest usual() {
  return signed_request({.common_name = "sip.contoso.com"},
                        {"sip.contoso.com", "webcon.contoso.com"});
}

/// Only octets that every code page of Windows shows alike, and its line ends.
void expect_windows_text(const std::string& text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    EXPECT_TRUE((c >= ' ' && c <= '~') || c == '\r' || c == '\n') << int(c);
    if (c == '\n') {
      EXPECT_TRUE(i > 0 && text[i - 1] == '\r');
    }
  }
  EXPECT_TRUE(text.ends_with("\r\n"));
}

std::string unix_lines(std::string text) {
  std::erase(text, '\r');
  return text;
}

TEST(CertreqInfTest, IsThisText) {
  const Authority authority{.name = "corporate", .ad_cs_template = Template{"WebServer", "", 0, 0}};
  const std::string inf = certreq_inf(usual(), authority);
  expect_windows_text(inf);
  EXPECT_EQ(unix_lines(inf), R"(; edge.edge-external.av@1.corporate
; certreq -new FILE.inf FILE.req makes a NEW key on this computer. The
; request of the pool's key is made already: send that one instead.
[Version]
Signature="$Windows NT$"

[NewRequest]
Subject="CN=sip.contoso.com"
Exportable=TRUE
KeyLength=2048
KeySpec=1
KeyUsage=0xa0
MachineKeySet=TRUE
ProviderName="Microsoft RSA SChannel Cryptographic Provider"
ProviderType=12
RequestType=PKCS10
HashAlgorithm=SHA256
AlternateSignatureAlgorithm=false

[EnhancedKeyUsageExtension]
OID=1.3.6.1.5.5.7.3.1

[Extensions]
2.5.29.17="{text}"
_continue_="DNS=sip.contoso.com&"
_continue_="DNS=webcon.contoso.com"

[RequestAttributes]
CertificateTemplate="WebServer"
)");
}

TEST(CertreqInfTest, HasNoExtensionsWhereNoNameIsAskedFor) {
  EXPECT_THAT(certreq_inf(signed_request({.common_name = "a.contoso.com"}, {}), {}),
              testing::Not(HasSubstr("[Extensions]")));
}

std::string subject_line(const crypto::DistinguishedName& subject) {
  const std::string inf = certreq_inf(signed_request(subject, {}), {});
  expect_windows_text(inf);
  const std::size_t at = inf.find("Subject=");
  return inf.substr(at, inf.find('\r', at) - at);
}

/// CertStrToName takes a separator or quote within quotes only, where a quote is two; in a value of
/// an INF a quote is two again, and a percent sign as well.
TEST(CertreqInfTest, QuotesWhatWindowsWouldReadOtherwise) {
  const auto line = [](const std::string& organization) {
    return subject_line({.common_name = "a.contoso.com", .organization = organization});
  };
  EXPECT_EQ(line("Contoso Ltd."), R"(Subject="CN=a.contoso.com,O=Contoso Ltd.")");
  EXPECT_EQ(line("Contoso, Ltd."), R"(Subject="CN=a.contoso.com,O=""Contoso, Ltd.""")");
  EXPECT_EQ(line("A + B = C; #1"), R"(Subject="CN=a.contoso.com,O=""A + B = C; #1""")");
  EXPECT_EQ(line("The \"Lync\" Co"), R"(Subject="CN=a.contoso.com,O=""The """"Lync"""" Co""")");
  EXPECT_EQ(line("100%pure%"), R"(Subject="CN=a.contoso.com,O=""100%%pure%%""")");
  EXPECT_EQ(line("back\\slash"), R"(Subject="CN=a.contoso.com,O=""back\slash""")");
}

/// IX500DistinguishedName::Encode turns the order round unless it is told not to.
TEST(CertreqInfTest, HasTheNameFromItsEnd) {
  EXPECT_EQ(subject_line({.common_name = "a.contoso.com",
                          .organization = "Contoso",
                          .locality = "Bonn",
                          .state = "NRW",
                          .country = "DE"}),
            R"(Subject="CN=a.contoso.com,O=Contoso,L=Bonn,S=NRW,C=DE")");
}

TEST(CertreqInfTest, IsUtf16WhereTheSubjectIsNotAscii) {
  const std::string inf = certreq_inf(
      signed_request({.common_name = "a.contoso.com", .organization = "Größe \u2211 \U0001F512"},
                     {}),
      {});
  ASSERT_EQ(inf.substr(0, 2), "\xff\xfe");
  std::u16string text;
  for (std::size_t i = 2; i + 1 < inf.size(); i += 2)
    text += static_cast<char16_t>(static_cast<unsigned char>(inf[i]) |
                                  static_cast<unsigned char>(inf[i + 1]) << 8);
  EXPECT_NE(text.find(u"\r\nSubject=\"CN=a.contoso.com,O=\"\"Größe \u2211 \U0001F512\"\"\"\r\n"),
            text.npos);
}

TEST(CertreqCommandsTest, AreTheseLines) {
  const Authority authority{.name = "corporate",
                            .ad_cs_template = Template{"", "1.3.6.1.4.1.311.21.8.1", 100, 3},
                            .config = "CA01\\Contoso Issuing CA"};
  const std::string lines = certreq_commands(usual(), authority, "a.req");
  expect_windows_text(lines);
  EXPECT_EQ(unix_lines(lines),
            R"(rem edge.edge-external.av@1.corporate, to be run where the CA can be reached
certreq -submit -config "CA01\Contoso Issuing CA" -attrib "CertificateTemplate:1.3.6.1.4.1.311.21.8.1" a.req answer.cer answer.p7b
rem where the CA holds the request back, once it was issued there:
rem certreq -retrieve -config "CA01\Contoso Issuing CA" <RequestId> answer.cer answer.p7b
rem then bring answer.p7b to the origin: poolkey request import answer.p7b
rem certreq -accept is not for this request: its key is not on this computer
)");
}

TEST(CertreqCommandsTest, SayInWhichCodePageTheyAre) {
  const Authority authority{.name = "corporate", .config = "CA01\\Größe 100%"};
  const std::string lines = certreq_commands(usual(), authority, "a.req");
  EXPECT_TRUE(lines.starts_with("@chcp 65001 >nul\r\n"));
  EXPECT_THAT(lines, HasSubstr("-config \"CA01\\Größe 100%%\""));
}

TEST(CertreqCommandsTest, LeaveTheCaToCertreqWhereTheTopologyNamesNone) {
  EXPECT_THAT(certreq_commands(usual(), {}, "a.req"),
              HasSubstr("certreq -submit -attrib \"CertificateTemplate:WebServer\" a.req"));
}

}  // namespace
}  // namespace poolkey::requests
