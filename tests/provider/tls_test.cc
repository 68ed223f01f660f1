// A TLS server whose key is in the token, and a client that knows nothing of it.
#include "fixture.h"

namespace poolkey::provider {
namespace {

using testing::HasSubstr;

class TlsTest : public testing::TestWithParam<const char*>, public CommandFixture {
 protected:
  /// One connection with `version`; the server takes a free port and says which.
  std::string connect(const std::string& version) const {
    return must("openssl s_server -accept 127.0.0.1:0 -naccept 1 -www -cert c.pem -key '" +
                uri("k") +
                "' >server.log 2>&1 &\n"
                "for i in $(seq 100); do grep -q ACCEPT server.log && break; sleep 0.05; done\n"
                "address=$(sed -n 's/^ACCEPT //p' server.log)\n"
                "OPENSSL_CONF=$PLAIN timeout 20 openssl s_client -connect $address -CAfile c.pem "
                "-verify_return_error -" +
                version + " </dev/null || { cat server.log; kill $!; exit 1; }");
  }
};
INSTANTIATE_TEST_SUITE_P(All, TlsTest, kAllAlgorithms, algorithm_name);

TEST_P(TlsTest, Version13And12) {
  make_key(GetParam(), "k");
  must("openssl req -x509 -new -key '" + uri("k") + "' -subj /CN=localhost -days 3 -out c.pem");
  EXPECT_THAT(connect("tls1_3"), HasSubstr("Verify return code: 0 (ok)"));
  EXPECT_THAT(connect("tls1_2"), HasSubstr("Verify return code: 0 (ok)"));
}

}  // namespace
}  // namespace poolkey::provider
