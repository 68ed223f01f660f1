// A program whose threads load and sign at once, while its HSM fails in one way after the other.
#include "foreign.h"

namespace poolkey::provider {
namespace {

class CrowdTest : public ForeignTest {};

TEST_F(CrowdTest, NoThreadNoticesWhatFailsAndIsRecovered) {
  const auto copied = load("copied"), uncopied = load("uncopied"), rsa = load("rsa");
  Crowd crowd;
  for (const auto* key : {&copied, &uncopied, &rsa}) start(crowd, *key, 2);
  std::thread loader([&] {
    while (!crowd.ends) try {
        signs(load("another")) ? ++crowd.signatures : ++crowd.wrong;
      } catch (const Error& error) {
        ADD_FAILURE() << error.what();
        ++crowd.failures;
      }
  });
  for (int round = 0; round < 3; ++round)
    for (const char* fault :
         {"C_SignInit 3 restart", "C_Sign 2 before CKR_CRYPTOKI_NOT_INITIALIZED",
          "C_SignInit 5 lose-session", "C_SignInit 4 lose-object",
          "C_Sign 3 after CKR_DEVICE_ERROR", "C_Sign 3 before CKR_USER_NOT_LOGGED_IN",
          "C_OpenSession 2 before CKR_DEVICE_REMOVED; C_Sign 1 restart"}) {
      const int before = crowd.signatures;
      set_faults(fault);
      wait_until([&] { return crowd.signatures > before + 50; }, milliseconds(5000));
      EXPECT_GT(crowd.signatures, before + 50) << fault;
    }
  set_faults("");
  crowd.join();
  loader.join();
  EXPECT_EQ(crowd.failures, 0);
  EXPECT_EQ(crowd.wrong, 0);
}

TEST_F(CrowdTest, OneThreadLogsInForAll) {
  const auto key = load("uncopied");
  Crowd crowd;
  start(crowd, key, 8);
  set_faults("C_SignInit 10 restart");
  wait_until([] { return calls_of("C_Login") > 0; }, milliseconds(5000));
  const int before = crowd.signatures;
  wait_until([&] { return crowd.signatures > before + 500; }, milliseconds(5000));
  crowd.join();
  EXPECT_EQ(calls_of("C_Login"), 1U);
  EXPECT_EQ(crowd.failures + crowd.wrong, 0);
}

}  // namespace
}  // namespace poolkey::provider
