// A request's later life: servers that come after it, installation, its successor; and the same as
// scripts see it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "e2e/authority.h"
#include "e2e/public_ca.h"

namespace poolkey::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

void take_answer(const Deployment& d, const std::string& version) {
  submit_and_certify(d, version);
  d.must("origin", import(d, {version + ".pem", "ca/issuing.pem", "ca/root.pem"}));
  d.must("origin", accept(version));
}

/// The members install what the origin publishes, and prove it.
void install(const Deployment& d, const std::string& version, const Words& members) {
  d.must("origin", {"certificate", "publish", version});
  for (const std::string& m : members) d.must(m, {"member", "install"});
  d.must("origin", {"pool", "challenge", "edge"});
  for (const std::string& m : members) d.must(m, {"member", "prove"});
  d.must("origin", {"pool", "collect", "edge"});
}

void deliver(const Deployment& d, const std::string& version) {
  d.must("origin", d.release(version));
  d.receive_all();
}

TEST(OrderedBeforeTheServersTest, MembersThatCameLaterHaveKeyAndCertificate) {
  const Deployment d = Deployment::at(Stage::kSetUp);
  use_public_ca(d);
  d.must("origin", d.generate());
  take_answer(d, "av@1");
  for (const Step& step : d.job())
    if (step.stage == Stage::kEnrolled) d.must(step.side, step.words());
  deliver(d, "av@1");
  install(d, "av@1", {"edge1", "edge2"});
  EXPECT_EQ(state_of(d), "installed");
  for (const std::string& m : d.members()) {
    EXPECT_EQ(d.replica(m), "present");
    EXPECT_THAT(d.objects(m, "cert"), Contains(HasSubstr("av@1")));
    EXPECT_TRUE(succeeded(
        in_folder(d, "openssl x509 -in " + (d.home(m) / "tls/av/certificate.pem").string() +
                         " -outform DER | cmp - <(openssl x509 -in av@1.pem -outform DER)")));
  }
  EXPECT_THAT(d.must("origin", {"request", "list"}), Not(HasSubstr("certificate publish")));
}

class RequestLifeTest : public testing::Test {
 protected:
  RequestLifeTest() {
    use_public_ca(d);
    take_answer(d, "av@1");
  }
  const Deployment d = Deployment::at(Stage::kDelivered);
};

TEST_F(RequestLifeTest, IsInstalledOnlyWhenEveryMemberHasIt) {
  install(d, "av@1", {"edge1"});
  EXPECT_EQ(state_of(d), "accepted");
  install(d, "av@1", {"edge1", "edge2"});
  EXPECT_EQ(state_of(d), "installed");
}

TEST_F(RequestLifeTest, IsSupersededByItsSuccessorOnceThatIsInstalled) {
  install(d, "av@1", {"edge1", "edge2"});
  d.must("origin", d.generate());
  take_answer(d, "av@2");
  deliver(d, "av@2");
  EXPECT_EQ(state_of(d), "installed");
  EXPECT_EQ(state_of(d, public_request("av@2")), "accepted");
  install(d, "av@2", {"edge1", "edge2"});
  EXPECT_EQ(state_of(d), "superseded");
  EXPECT_EQ(state_of(d, public_request("av@2")), "installed");
  EXPECT_THAT(d.must("origin", {"request", "show", public_request()}),
              HasSubstr("by " + public_request("av@2")));
  EXPECT_TRUE(d.audit_is_whole());
}

TEST_F(RequestLifeTest, IsSupersededAlsoWhereItWasNeverInstalled) {
  d.must("origin", d.generate());
  take_answer(d, "av@2");
  deliver(d, "av@2");
  install(d, "av@2", {"edge1", "edge2"});
  EXPECT_EQ(state_of(d, public_request("av@2")), "installed");
  EXPECT_EQ(state_of(d), "superseded");
}

TEST_F(RequestLifeTest, IsSupersededWhereItComesAfterItsSuccessor) {
  d.must("origin", d.generate());
  d.must("origin", d.generate());
  submit_and_certify(d, "av@2");
  take_answer(d, "av@3");
  deliver(d, "av@2");
  deliver(d, "av@3");
  install(d, "av@3", {"edge1", "edge2"});
  EXPECT_EQ(state_of(d, public_request("av@2")), "submitted");
  d.must("origin", import(d, {"av@2.pem"}));
  d.must("origin", accept("av@2"));
  install(d, "av@2", {"edge1", "edge2"});
  EXPECT_EQ(state_of(d, public_request("av@2")), "superseded");
  EXPECT_EQ(state_of(d, public_request("av@3")), "installed");
}

/// The CA certified the same request again: the operator says which he wants.
TEST_F(RequestLifeTest, ALongerCertificateForItReplacesTheFirstWhereItIsChosen) {
  const auto chosen = [&](const std::string& file) {
    const Outcome printed = in_folder(d, "openssl x509 -noout -fingerprint -sha256 -in " + file);
    Words out = accept();
    out.insert(out.end(), {"--certificate", printed.out.substr(printed.out.find('=') + 1, 20)});
    return out;
  };
  install(d, "av@1", {"edge1", "edge2"});
  certify(d, "av@1.csr", "shorter.pem", {.dates = "-days 60"});
  certify(d, "av@1.csr", "longer.pem", {.dates = "-days 120"});
  d.must("origin", import(d, {"longer.pem", "shorter.pem"}));
  EXPECT_EQ(state_of(d), "installed");
  EXPECT_TRUE(refused(d.on("origin", accept()), 6, {"3 certificates came", "--certificate"}));
  EXPECT_TRUE(refused(d.on("origin", chosen("shorter.pem")), 6, {"ends later", "until"}));
  EXPECT_EQ(state_of(d), "installed");
  d.must("origin", chosen("longer.pem"));
  EXPECT_EQ(state_of(d), "accepted");
  install(d, "av@1", {"edge1", "edge2"});
  EXPECT_EQ(state_of(d), "installed");
  EXPECT_TRUE(
      succeeded(in_folder(d, "openssl x509 -in edge2/tls/av/certificate.pem | cmp - longer.pem")));
}

TEST_F(RequestLifeTest, MadeAnewForOtherNamesItWaitsForAnotherCertificate) {
  change_topology(d, "webcon.contoso.com", "meetings.contoso.com");
  EXPECT_TRUE(refused(d.on("origin", send(d)), 6, {"the topology has changed"}));
  submit(d);
  EXPECT_EQ(state_of(d), "submitted");
  EXPECT_TRUE(refused(d.on("origin", accept()), 4, {"no certificate for", "has come back"}));
  certify(d, "av@1.csr", "new.pem", {.dates = "-days 120"});
  d.must("origin", import(d, {"new.pem"}));
  d.must("origin", accept());
  EXPECT_THAT(history(d), ElementsAre("drafted", "linted", "approved", "signed", "submitted",
                                      "issued", "accepted", "drafted", "linted", "approved",
                                      "signed", "submitted", "issued", "accepted"));
  install(d, "av@1", {"edge1", "edge2"});
  EXPECT_EQ(state_of(d), "installed");
}

/// The keys of an object, in their order.
std::vector<std::string> fields(const json::object& object) {
  std::vector<std::string> out;
  for (const auto& field : object) out.emplace_back(field.key());
  return out;
}

const json::object& first(const json::object& object, std::string_view list) {
  return json::as_array(object, list, list).front().as_object();
}

TEST(RequestJsonTest, EveryVerbGivesOneDocument) {
  const Deployment d = Deployment::at(Stage::kGenerated);
  use_public_ca(d);
  const auto text = [](const json::object& o, std::string_view key) {
    return json::text(o, key, "json");
  };
  const json::object plan =
      d.json_on("origin", {"request", "plan", d.path("topology.toml").string()});
  const json::object& planned = first(plan, "certificates");
  EXPECT_THAT(
      fields(planned),
      testing::IsSupersetOf({"certificate", "role", "common_name", "sans", "extended_key_usage",
                             "policy", "shared_by", "ca", "why", "source", "existing", "ask_by"}));
  EXPECT_EQ(text(planned, "role"), "edge-external");
  EXPECT_EQ(text(planned, "ca"), "public");
  EXPECT_EQ(text(first(planned, "sans"), "name"), "sip.contoso.com");

  const json::object created = d.json_on("origin", {"request", "create", "--pool", "edge", "--role",
                                                    "edge-external", "--key", "av@1"});
  EXPECT_THAT(fields(created), ElementsAre("request", "ca", "subject", "sans", "findings", "csr"));
  EXPECT_EQ(text(created, "request"), public_request());
  write_file(d.path("a.csr"), text(created, "csr"));
  EXPECT_TRUE(succeeded(in_folder(d, "openssl req -in a.csr -verify -noout")));

  const json::object linted = d.json_on("origin", {"request", "lint", d.path("a.csr").string()});
  EXPECT_THAT(fields(linted), ElementsAre("kind", "subject", "spki_sha256", "at", "findings"));
  EXPECT_EQ(text(linted, "kind"), "request");

  const json::object exported = d.json_on("origin", {"request", "export", public_request()});
  EXPECT_EQ(text(exported, "csr"), text(created, "csr"));
  EXPECT_EQ(text(exported, "state"), "submitted");
  EXPECT_THAT(text(exported, "next"), HasSubstr("request import"));

  certify(d, "a.csr", "a.pem");
  const json::object imported =
      d.json_on("origin", import(d, {"a.pem", "ca/issuing.pem", "ca/root.pem"}));
  const json::object& one = first(imported, "imported");
  EXPECT_THAT(fields(one), ElementsAre("file", "what", "sentence", "request", "taken"));
  EXPECT_EQ(text(one, "request"), public_request());
  EXPECT_TRUE(one.at("taken").as_bool());
  EXPECT_EQ(json::as_array(imported, "imported", "import").size(), 3U);

  const json::object accepted = d.json_on("origin", accept());
  EXPECT_THAT(fields(accepted), ElementsAre("request", "key", "serial", "not_after", "certificate",
                                            "chain", "remarks"));
  EXPECT_EQ(text(accepted, "certificate"), read_file(d.path("a.pem")));

  const json::object list = d.json_on("origin", {"request", "list"});
  const json::object& listed = first(list, "requests");
  EXPECT_EQ(text(listed, "state"), "accepted");
  EXPECT_EQ(text(listed, "key"), "av@1");
  EXPECT_EQ(json::as_array(listed, "sans", "list").size(), 3U);

  const json::object shown = d.json_on("origin", {"request", "show", public_request()});
  EXPECT_EQ(text(shown, "certificate"), text(accepted, "certificate"));
  EXPECT_EQ(text(shown, "csr"), text(created, "csr"));
  EXPECT_THAT(fields(first(shown, "history")), ElementsAre("state", "at", "by"));

  const json::object again =
      d.json_on("origin", {"request", "plan", d.path("topology.toml").string()});
  const json::object& existing = first(first(again, "certificates"), "existing");
  EXPECT_EQ(text(existing, "state"), "accepted");
  EXPECT_EQ(text(existing, "not_after"), text(accepted, "not_after"));
}

}  // namespace
}  // namespace poolkey::test
