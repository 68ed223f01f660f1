// Who has which certificate, as the origin tells it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "e2e/authority.h"
#include "e2e/timeline.h"

namespace poolkey::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class CertificateViewTest : public testing::Test {
 protected:
  json::array list() const {
    const json::object all = d.json_on("origin", {"certificate", "list"});
    return all.at("pools").at(0).at("certificates").as_array();
  }
  static std::string text(const json::value& c, const char* member) {
    return c.at(member).as_string().c_str();
  }
  Timeline t{Deployment::at(Stage::kCertified)};
  const Deployment& d = t.d;
};

TEST_F(CertificateViewTest, TellsWhoHasTheCertificateByTheirReceipts) {
  ASSERT_EQ(list().size(), 1U);
  EXPECT_EQ(text(list().at(0), "place"), "current");
  EXPECT_EQ(text(list().at(0), "role"), "edge-external");
  EXPECT_EQ(text(list().at(0), "state"), "good");
  EXPECT_EQ(list().at(0).at("not_on").as_array().size(), 2U) << "what they proved before";
  d.prove_all();
  d.must("origin", {"pool", "collect", "edge"});
  EXPECT_EQ(list().at(0).at("installed_on").as_array().size(), 2U);
  EXPECT_THAT(d.must("origin", {"certificate", "list"}), HasSubstr("edge1, edge2\n"));
  d.must("origin", {"pool", "challenge", "edge"});
  EXPECT_EQ(list().at(0).at("unknown_on").as_array().size(), 2U) << "they have not answered yet";
}

TEST_F(CertificateViewTest, TellsTheNextOneFromThePrevious) {
  d.must("origin", d.generate());
  d.must("origin", d.release("av@2"));
  Words create = d.create_request();
  create[7] = "av@2";
  d.must("origin", create);
  d.must("origin", {"certificate", "issue", "edge.edge-external.av@2.internal"});
  ASSERT_EQ(list().size(), 2U);
  EXPECT_EQ(text(list().at(0), "key") + text(list().at(0), "place"), "av@2next");
  EXPECT_EQ(text(list().at(1), "key") + text(list().at(1), "place"), "av@1current");
  t.must("origin", {"rollover", "start", "av", "--pool", "edge"});
  const json::object armed = t.settle();
  EXPECT_EQ(text(list().at(0), "key") + text(list().at(0), "place"), "av@2next");
  t.wait_until(parse_rfc3339(std::string(armed.at("effective").as_string())));
  EXPECT_THAT(t.must("origin", {"certificate", "list"}),
              testing::ContainsRegex("av@2 .*current.*\n.*av@1 .*previous"));
}

TEST_F(CertificateViewTest, ShowsAndExportsOneByItsThumbprint) {
  const std::string pem = d.path("out/whole.pem").string();
  d.must("origin", {"certificate", "export", "av@1", "--chain", "--out", pem});
  const Outcome print =
      in_folder(d,
                "openssl x509 -in out/whole.pem -noout -fingerprint -sha1 | sed 's/.*=//'; "
                "openssl x509 -in out/whole.pem -noout -fingerprint -sha256 | sed 's/.*=//'; "
                "openssl verify -CAfile out/whole.pem out/whole.pem; grep -c BEGIN out/whole.pem");
  EXPECT_THAT(print.out, AllOf(HasSubstr("whole.pem: OK"), HasSubstr("\n3\n")));
  const std::string sha1 = print.out.substr(0, 59);
  const std::string sha256 = print.out.substr(60, 95);
  for (const std::string& name : {sha1, sha256, sha256.substr(0, 11), std::string("av@1")}) {
    const json::object shown = d.json_on("origin", {"certificate", "show", name});
    EXPECT_EQ(shown.at("key").as_string(), "av@1") << name;
    EXPECT_EQ(shown.at("chain").as_array().size(), 2U);
  }
  std::string digits = sha1;
  std::erase(digits, ':');
  EXPECT_THAT(d.must("origin", {"certificate", "show", "av@1"}),
              AllOf(HasSubstr("Thumbprint      " + digits), HasSubstr("sip.contoso.com")));
  EXPECT_TRUE(
      refused(d.on("origin", {"certificate", "show", "00112233"}), 4, {"certificate list"}));
  EXPECT_TRUE(refused(d.on("origin", {"certificate", "show", "av"}), 2, {"8 digits"}));
  EXPECT_TRUE(refused(d.on("origin", {"certificate", "list", "--pool", "other"}), 4, {"other"}));
}

}  // namespace
}  // namespace poolkey::test
