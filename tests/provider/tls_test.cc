// A TLS server whose key is in the token, and a client that knows nothing of it.
#include "fixture.h"

namespace poolkey::provider {
namespace {

using testing::HasSubstr;

class TlsTest : public testing::TestWithParam<const char*>, public CommandFixture {};
INSTANTIATE_TEST_SUITE_P(All, TlsTest, kAllAlgorithms, algorithm_name);

TEST_P(TlsTest, Version13And12) {
  make_key(GetParam(), "k");
  must("openssl req -x509 -new -key '" + uri("k") + "' -subj /CN=localhost -days 3 -out c.pem");
  EXPECT_THAT(connect("-tls1_3"), HasSubstr("Verify return code: 0 (ok)"));
  EXPECT_THAT(connect("-tls1_2"), HasSubstr("Verify return code: 0 (ok)"));
}

}  // namespace
}  // namespace poolkey::provider
