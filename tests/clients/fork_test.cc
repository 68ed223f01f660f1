// SoftHSM's other way through a fork: with library.reset_on_fork the child finds it not initialised.
#include <gtest/gtest.h>

#include <algorithm>

#include "clients/client.h"

namespace poolkey::clients {
namespace {

class ResetOnForkTest : public testing::TestWithParam<const char*> {};
std::string client_name(const testing::TestParamInfo<const char*>& tested) {
  std::string out = tested.param;
  std::erase_if(out, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; });
  return out;
}
INSTANTIATE_TEST_SUITE_P(All, ResetOnForkTest,
                         testing::Values("nginx", "haproxy -W", "Apache",
                                         "own C++ program (OSSL_STORE)"),
                         client_name);

TEST_P(ResetOnForkTest, SignsInParentAndChild) {
  const Site site(Kind::kP256, Form::kReference, Module::kSoftHsm);
  site.must("echo library.reset_on_fork = true >> softhsm2.conf");
  const auto client = std::ranges::find(all_clients(), GetParam(), &Client::name);
  ASSERT_NE(client, all_clients().end());
  EXPECT_NO_THROW(client->show(site));
}

}  // namespace
}  // namespace poolkey::clients
