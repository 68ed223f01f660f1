// Programs whose keys are in software go on as before while the provider is active; it does not
// even open its module for them.
#include <gtest/gtest.h>

#include "clients/client.h"
#include "clients/server.h"
#include "clients/tls.h"

namespace poolkey::clients {
namespace {

/// A site whose token is gone and whose PIN is not to be had: whoever needs it fails.
class SoftwareKeyTest : public testing::TestWithParam<Kind> {
 protected:
  SoftwareKeyTest() : site(GetParam(), Form::kUri, Module::kSoftHsm) {
    site.must("rm -r tokens softhsm2.conf pin");
  }
  const Site site;
};
std::string kind_name(const testing::TestParamInfo<Kind>& tested) {
  std::string out = name_of(tested.param);
  std::erase(out, '-');
  return out;
}
INSTANTIATE_TEST_SUITE_P(All, SoftwareKeyTest, testing::ValuesIn(kKinds), kind_name);

TEST_P(SoftwareKeyTest, IsMadeReadAndUsedAsBefore) { EXPECT_NO_THROW(site.must_run("software")); }

TEST_P(SoftwareKeyTest, ServesTls) {
  site.must("make_software_key && mv software.pem cert.pem");
  const int port = free_port();
  const Server server(site,
                      "openssl s_server -www -cert cert.pem -key software.key -accept 127.0.0.1:" +
                          std::to_string(port),
                      port);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION})
    EXPECT_NE(TlsClient(site, {.version = version}).ask(port).text.find("s_server"),
              std::string::npos);
}

}  // namespace
}  // namespace poolkey::clients
