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
CertificateTemplate=WebServer
)");
}

TEST(CertreqInfTest, HasNoExtensionsWhereNoNameIsAskedFor) {
  EXPECT_THAT(certreq_inf(signed_request({.common_name = "a.contoso.com"}, {}), {}),
              testing::Not(HasSubstr("[Extensions]")));
}

/// OpenSSL quotes such a value, and in an INF a quote within quotes is doubled.

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

TEST(CertreqCommandsTest, LeaveTheCaToCertreqWhereTheTopologyNamesNone) {
  EXPECT_THAT(certreq_commands(usual(), {}, "a.req"),
              HasSubstr("certreq -submit -attrib \"CertificateTemplate:WebServer\" a.req"));
}

}  // namespace
}  // namespace poolkey::requests
