// Every verb that works in steps is stopped dead at every point of each, and run again: what comes
// of it is what an undisturbed run makes, once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "e2e/authority.h"
#include "e2e/deployment.h"
#include "e2e/public_ca.h"
#include "store/sql.h"

namespace poolkey::test {
namespace {

using testing::IsEmpty;
using testing::Not;

/// A verb, what must be there before it, and the steps that its operations must have. A verb runs
/// several operations one after the other; each step is "OPERATION/STEP".
struct Subject {
  std::string name;
  std::string side;
  Stage before;
  Words (*verb)(const Deployment&);
  std::vector<std::string> steps;
  std::vector<std::pair<std::string, Words (*)(const Deployment&)>> earlier{};
};

std::ostream& operator<<(std::ostream& out, const Subject& subject) { return out << subject.name; }

Words enrol(const Deployment&) { return {"member", "enrol"}; }
Words receive(const Deployment&) { return {"member", "receive"}; }
Words prove(const Deployment&) { return {"member", "prove"}; }
Words install(const Deployment&) { return {"member", "install"}; }
Words challenge(const Deployment&) { return {"pool", "challenge", "edge"}; }
Words collect(const Deployment&) { return {"pool", "collect", "edge"}; }
Words attest(const Deployment&) { return {"pool", "attest", "edge"}; }
Words reconcile(const Deployment&) { return {"pool", "reconcile", "edge"}; }
Words publish(const Deployment&) { return {"certificate", "publish", "av@1"}; }
Words generate(const Deployment& d) { return d.generate(); }
Words release(const Deployment& d) { return d.release(); }
Words request(const Deployment& d) { return d.create_request(); }
Words issue(const Deployment& d) { return d.issue(); }
Words origin_init(const Deployment& d) { return d.origin_init(); }
Words member_init(const Deployment& d) { return d.member_init("edge1"); }
Words admit(const Deployment& d) { return d.admit("edge1"); }
Words confirm(const Deployment& d) { return d.confirm("edge1"); }
Words lose_replica(const Deployment& d) {
  d.pkcs11_tool("edge1", "--delete-object --type privkey --label av@1");
  return {"audit", "checkpoint"};
}

Words foreign(const Deployment& d) { return sign_foreign(d, "a"); }
Words revoke(const Deployment& d) {
  return {"ca", "revoke", d.path("a.pem").string(), "--reason", "certificateHold"};
}
Words unhold(const Deployment& d) { return {"ca", "unhold", d.path("a.pem").string()}; }
Words crl(const Deployment&) { return {"ca", "crl"}; }
Words roll_issuing(const Deployment&) { return {"ca", "rollover", "issuing"}; }
Words roll_root(const Deployment&) { return {"ca", "rollover", "root"}; }
/// A client's request about a certificate of the issuing CA.
Words ocsp(const Deployment& d) {
  if (!std::filesystem::exists(d.path("q.der")) &&
      in_folder(d,
                "openssl x509 -inform DER -in pki/issuing-ca-1.cer -out ca.pem && openssl ocsp "
                "-issuer ca.pem -serial 0x1234 -reqout q.der")
              .status != 0)
    throw std::runtime_error("openssl ocsp makes no request");
  return {"ca", "ocsp", d.path("q.der").string(), "--out", d.path("r.der").string()};
}

Words public_create(const Deployment& d) {
  use_public_ca(d);
  return create(d);
}

const std::vector<Subject>& subjects() {
  static const auto& all = *new std::vector<Subject>{
      {"OriginInit",
       "origin",
       Stage::kNothing,
       origin_init,
       {"set up/configuration", "set up/token", "set up/serial", "key generate/version",
        "key generate/terms", "key generate/id", "key generate/generate", "key generate/record",
        "origin certificate/issue", "origin certificate/record", "origin certificate/token",
        "audit checkpoint/sign", "audit checkpoint/token", "audit checkpoint/witness"}},
      {"MemberInit",
       "edge1",
       Stage::kNothing,
       member_init,
       {"set up/configuration", "set up/token", "set up/serial"}},
      {"MemberEnrol",
       "edge1",
       Stage::kSetUp,
       enrol,
       {"member key/id", "member key/generate", "member key/record", "member enrol/document",
        "member enrol/record", "member enrol/post"}},
      {"EnrolmentAdmit",
       "origin",
       Stage::kSetUp,
       admit,
       {"enrolment trust/trust", "enrolment confirm/record", "enrolment confirm/post"},
       {{"edge1", enrol}}},
      {"MemberConfirm",
       "edge1",
       Stage::kSetUp,
       confirm,
       {"member confirm/pin", "member confirm/token"},
       {{"edge1", enrol}, {"origin", admit}}},
      {"KeyGenerate",
       "origin",
       Stage::kEnrolled,
       generate,
       {"key generate/version", "key generate/terms", "key generate/id", "key generate/generate",
        "key generate/record", "key generate/checkpoint", "audit checkpoint/sign",
        "audit checkpoint/token", "audit checkpoint/witness"}},
      {"KeyRelease",
       "origin",
       Stage::kGenerated,
       release,
       {"key release/number", "key release/wrap", "key release/post", "key release/statements",
        "key release/post statements", "key release/checkpoint", "audit checkpoint/sign",
        "audit checkpoint/token", "audit checkpoint/witness"}},
      {"MemberReceive",
       "edge1",
       Stage::kReleased,
       receive,
       {"member receive/replica", "member receive/record", "member receive/clear",
        "member statement/number", "member statement/file"}},
      {"PoolChallenge",
       "origin",
       Stage::kDelivered,
       challenge,
       {"pool challenge/nonce", "pool challenge/sign", "pool challenge/post"}},
      {"MemberProve",
       "edge1",
       Stage::kDelivered,
       prove,
       {"member prove/sign", "member prove/post"},
       {{"origin", challenge}}},
      {"PoolCollect",
       "origin",
       Stage::kDelivered,
       collect,
       {"pool collect/take"},
       {{"origin", challenge}, {"edge1", prove}}},
      {"PoolAttest",
       "origin",
       Stage::kDelivered,
       attest,
       {"pool collect/take", "pool attest/attest", "pool attest/statements",
        "pool attest/post statements"},
       {{"origin", challenge}, {"edge1", prove}, {"edge2", prove}}},
      {"PoolReconcile",
       "origin",
       Stage::kReleased,
       reconcile,
       {"pool collect/take", "pool reconcile/post"},
       {{"edge1", receive}, {"edge1", lose_replica}, {"origin", challenge}, {"edge1", prove}}},
      {"RequestCreate",
       "origin",
       Stage::kProven,
       request,
       {"request create/approve", "request create/record"}},
      {"RequestBatch",
       "origin",
       Stage::kProven,
       [](const Deployment& d) { return batch_of(d, 3); },
       {"request create/approve", "request create/record"}},
      {"RequestExport",
       "origin",
       Stage::kProven,
       [](const Deployment& d) { return send(d); },
       {"request export/submit", "request export/record"},
       {{"origin", public_create}}},
      {"CertificateIssue",
       "origin",
       Stage::kProven,
       issue,
       {"certificate issue/submit", "certificate issue/record"},
       {{"origin", request}}},
      {"CertificatePublish",
       "origin",
       Stage::kProven,
       publish,
       {"certificate publish/post/edge1", "certificate publish/post/edge2"},
       {{"origin", request}, {"origin", issue}}},
      {"MemberInstall",
       "edge1",
       Stage::kProven,
       install,
       {"member install/chain", "member install/certificate", "member install/pair"},
       {{"origin", request}, {"origin", issue}, {"origin", publish}}},
      {"CaCrl",
       "origin",
       Stage::kSetUp,
       crl,
       {"ca crl/number", "ca crl/sign"},
       {{"origin", configure_ca}}},
      {"CaRevoke",
       "origin",
       Stage::kSetUp,
       revoke,
       {"ca crl/number", "ca crl/sign"},
       {{"origin", configure_ca}, {"origin", foreign}}},
      {"CaUnhold",
       "origin",
       Stage::kSetUp,
       unhold,
       {"ca crl/number", "ca crl/sign"},
       {{"origin", configure_ca}, {"origin", foreign}, {"origin", revoke}}},
      {"CaOcsp",
       "origin",
       Stage::kSetUp,
       ocsp,
       {"key generate/version", "key generate/terms", "key generate/id", "key generate/generate",
        "key generate/record", "ocsp signer/issue"},
       {{"origin", configure_ca}, {"origin", crl}}},
      {"CaRolloverIssuing",
       "origin",
       Stage::kSetUp,
       roll_issuing,
       {"ca rollover/issuing-ca/before", "ca rollover/issuing-ca/key",
        "ca rollover/issuing-ca/issue", "ca rollover/issuing-ca/record",
        "ca rollover/issuing-ca/token", "ca rollover/crls", "key generate/version",
        "key generate/terms", "key generate/id", "key generate/generate", "key generate/record",
        "ca crl/number", "ca crl/sign"},
       {{"origin", configure_ca}, {"origin", crl}}},
      {"CaRolloverRoot",
       "origin",
       Stage::kSetUp,
       roll_root,
       {"ca rollover/root/old",
        "ca rollover/root/before",
        "ca rollover/root/key",
        "ca rollover/root/issue",
        "ca rollover/root/new-with-old",
        "ca rollover/root/old-with-new",
        "ca rollover/root/record",
        "ca rollover/root/token",
        "ca rollover/issuing-ca/before",
        "ca rollover/issuing-ca/key",
        "ca rollover/issuing-ca/issue",
        "ca rollover/issuing-ca/record",
        "ca rollover/issuing-ca/token",
        "ca rollover/crls",
        "key generate/version",
        "key generate/terms",
        "key generate/id",
        "key generate/generate",
        "key generate/record",
        "ca crl/number",
        "ca crl/sign"},
       {{"origin", configure_ca}, {"origin", crl}}},
      {"AuditCheckpoint",
       "origin",
       Stage::kSetUp,
       [](const Deployment&) {
         return Words{"audit", "checkpoint"};
       },
       {"audit checkpoint/sign", "audit checkpoint/token", "audit checkpoint/witness"}},
  };
  return all;
}

class CrashTest : public testing::TestWithParam<Subject> {
 protected:
  static Deployment fresh() {
    Deployment d = Deployment::at(GetParam().before);
    for (const auto& [side, verb] : GetParam().earlier) d.must(side, verb(d));
    return d;
  }
  /// The steps of this verb, from the journal of a clean run: what came after those of the verbs
  /// before it. The checkpoint at the end of nearly every verb has a subject of its own.
  static std::vector<std::string> steps_of(const Deployment& done, std::int64_t before) {
    auto database = store::Database::open(done.home(GetParam().side) / "state.db");
    std::vector<std::string> out;
    for (const store::Row& row :
         database.rows("SELECT o.verb AS verb, s.name AS name FROM operation_step s"
                       " JOIN operation o ON o.id = s.operation WHERE o.number > :before"
                       " ORDER BY o.number, s.number",
                       {{"before", before}})) {
      const std::string step = row.text("verb") + "/" + row.text("name");
      if (std::ranges::find(out, step) == out.end()) out.push_back(step);
    }
    const auto checkpoint = [](const std::string& s) { return s.starts_with("audit checkpoint/"); };
    const bool its_own = std::ranges::any_of(GetParam().steps, checkpoint);
    if (!its_own) std::erase_if(out, checkpoint);
    return out;
  }
  static std::int64_t operations(const Deployment& d) {
    return std::filesystem::exists(d.home(GetParam().side) / "state.db")
               ? d.count(GetParam().side, "operation")
               : 0;
  }
};

TEST_P(CrashTest, RunAgainItConverges) {
  const Subject& subject = GetParam();
  const Deployment clean = fresh();
  const Words verb = subject.verb(clean);
  const std::int64_t before = operations(clean);
  clean.must(subject.side, verb);
  const std::string wanted = clean.shape();
  ASSERT_THAT(steps_of(clean, before), testing::ElementsAreArray(subject.steps));

  for (const std::string& step : subject.steps)
    for (const char* point : {"before", "after", "recorded"}) {
      SCOPED_TRACE(step + ":" + point);
      const Deployment d = fresh();
      const Words again = subject.verb(d);
      d.crash(subject.side, again, step + ":" + point);
      // The record of a request and the end of its operation are one transaction.
      const bool at_the_end = step == "request create/record" && point == std::string("recorded");
      EXPECT_EQ(d.unfinished(subject.side).empty(), at_the_end);
      const Outcome outcome = d.on(subject.side, again);
      ASSERT_TRUE(succeeded(outcome));
      EXPECT_EQ(d.shape(), wanted);
      EXPECT_THAT(d.unfinished(subject.side), IsEmpty());
      EXPECT_TRUE(d.audit_is_whole());
    }
}

INSTANTIATE_TEST_SUITE_P(Verbs, CrashTest, testing::ValuesIn(subjects()),
                         [](const auto& subject) { return subject.param.name; });

/// What an interrupted run has done is not taken for what a later one is to do.
TEST(CrashedCrlTest, IsNotTakenForTheListThatTheNextChangeMakes) {
  for (const char* point :
       {"ca crl/number:recorded", "ca crl/sign:after", "ca crl/sign:recorded"}) {
    SCOPED_TRACE(point);
    const Deployment d = Deployment::at(Stage::kSetUp);
    d.must("origin", configure_ca(d));
    d.must("origin", foreign(d));
    d.must("origin", crl(d));
    d.crash("origin", revoke(d), point);
    d.must("origin", unhold(d));
    EXPECT_TRUE(
        succeeded(in_folder(d,
                            "openssl crl -inform DER -in pki/issuing-ca-1.crl -out crl && "
                            "openssl verify -CAfile a.chain -CRLfile crl -crl_check a.pem")));
    EXPECT_THAT(d.unfinished("origin"), IsEmpty());
  }
}

TEST(CrashedBatchTest, IsFinishedAlsoWhereSomeOfItWasMadeInBetween) {
  for (const char* point : {"request create/approve:recorded", "request create/record:before",
                            "request create/record:after"}) {
    SCOPED_TRACE(point);
    const Deployment d = Deployment::at(Stage::kGenerated);
    const Words batch = batch_of(d, 3);
    d.crash("origin", batch, point);
    Words one = create(d);
    one.insert(one.end(), {"--ca", "ca1"});
    d.must("origin", one);
    d.must("origin", batch);
    EXPECT_EQ(d.count("origin", "request WHERE state = 'signed'"), 3);
    EXPECT_TRUE(succeeded(in_folder(d, "[ $(grep -c 'BEGIN CERT' all.pem) = 3 ]")));
    EXPECT_THAT(d.unfinished("origin"), IsEmpty());
    EXPECT_TRUE(d.audit_is_whole());
  }
}

TEST(CrashedReleaseTest, IsWholeAfterwardsToTheLastProof) {
  const Deployment d = Deployment::at(Stage::kGenerated);
  d.crash("origin", d.release(), "key release/wrap:after");
  EXPECT_FALSE(std::filesystem::exists(d.mail("edge1", "envelope.av@1.cms")));
  EXPECT_THAT(d.must("origin", {"status"}), testing::HasSubstr("Unfinished: 'key release'"));
  d.must("origin", d.release());
  d.crash("edge1", {"member", "receive"}, "member receive/replica:after");
  d.receive_all();
  d.prove_all();
  d.must("origin", {"pool", "attest", "edge"});
  EXPECT_TRUE(succeeded(d.on("origin", {"status", "--check"})));
  EXPECT_EQ(d.count("origin", "release"), 1);
}

}  // namespace
}  // namespace poolkey::test
