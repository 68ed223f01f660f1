// Rollovers of a key whose certificate is a public CA's, by file; openssl is the CA.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "e2e/authority.h"
#include "e2e/public_ca.h"
#include "e2e/timeline.h"

namespace poolkey::test {
namespace {

using std::chrono::hours;
using testing::HasSubstr;

/// av@1 is in service with a certificate of the public CA.
Deployment in_service() {
  Deployment d = Deployment::at(Stage::kProven);
  use_public_ca(d);
  submit_and_certify(d);
  d.must("origin", import(d, {"av@1.pem", "ca/issuing.pem", "ca/root.pem"}));
  d.must("origin", accept());
  d.must("origin", {"certificate", "publish", "av@1"});
  for (const std::string& m : d.members()) d.must(m, {"member", "install"});
  return d;
}

class PublicRolloverTest : public testing::Test {
 protected:
  void until_requested() {
    t.must("origin", d.release("av@2"));
    t.sync();
    const json::object roll = t.settle();
    EXPECT_EQ(state_of(roll), "requested") << waits_of(roll);
  }
  /// What the CA sends for av@2 is imported.
  void answer(const std::string& file, const Terms& terms = {}) {
    t.must("origin",
           {"request", "export", public_request("av@2"), "--out", d.path("av@2.csr").string()});
    certify(d, "av@2.csr", file, terms);
    t.must("origin", import(d, {file}));
  }

  Timeline t{in_service()};
  const Deployment& d = t.d;
};

TEST_F(PublicRolloverTest, WaitsForACaThatIsLateAndRefusesTheWrongCertificate) {
  t.must("origin", {"rollover", "start", "av", "--pool", "edge"});
  until_requested();
  json::object roll = t.advance();
  EXPECT_THAT(waits_of(roll), HasSubstr("the CA's answer to '" + public_request("av@2") +
                                        "' ('poolkey request export " + public_request("av@2")));
  answer("wrong.pem", {.names = "DNS:sip.contoso.com"});
  roll = t.advance();
  EXPECT_EQ(state_of(roll), "requested");
  EXPECT_THAT(waits_of(roll), HasSubstr("was not accepted: the certificate for av@2"));
  EXPECT_THAT(waits_of(roll), HasSubstr("it lacks the name"));
  EXPECT_EQ(t.on("origin", {"rollover", "advance"}).status, 20) << "a person has to decide";

  t.wait(Days(3));
  EXPECT_EQ(state_of(t.advance()), "requested");
  answer("right.pem");
  roll = t.settle();
  EXPECT_EQ(state_of(roll), "armed 2/2") << waits_of(roll);
}

TEST_F(PublicRolloverTest, ACompromiseIsRehearsed) {
  const std::string said = t.must("origin", {"key", "compromise", "av@1", "--reason", "on a share",
                                             "--out", d.path("").string()});
  EXPECT_THAT(said, HasSubstr("to that CA"));
  const Outcome letter = in_folder(d, "cat revoke-*.txt");
  EXPECT_THAT(letter.out, HasSubstr("Reason:         keyCompromise (1)"));
  EXPECT_THAT(letter.out, HasSubstr("What happened:  on a share"));
  // Whoever gets it can check that it is by the key of the certificate.
  const Outcome checked =
      in_folder(d,
                "openssl req -in revoke-*.txt -verify -noout 2>&1;"
                "openssl req -in revoke-*.txt -noout -pubkey > a.pub;"
                "openssl x509 -in revoke-*.txt -noout -pubkey | cmp - a.pub && echo the same key;"
                "openssl req -in revoke-*.txt -noout -subject");
  EXPECT_THAT(checked.out, HasSubstr("self-signature verify OK"));
  EXPECT_THAT(checked.out, HasSubstr("the same key"));
  EXPECT_THAT(checked.out, HasSubstr("is compromised"));

  until_requested();
  answer("right.pem");
  EXPECT_EQ(std::string(t.settle().at("state").as_string()), "armed");
  t.wait(hours(1));
  t.settle();
  const json::object over = t.status("edge.av@2");
  EXPECT_EQ(state_of(over), "destroyed") << waits_of(over);
  EXPECT_LT(t.now(), parse_rfc3339(std::string(over.at("deadline").as_string())));
}

}  // namespace
}  // namespace poolkey::test
