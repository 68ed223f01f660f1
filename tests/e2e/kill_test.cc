// Verbs killed at any moment, also inside the module and the database: the same verb, run again,
// makes what an undisturbed run makes, once. Where the kill fell into a login, the token's file is
// put back first, as the refusal says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "e2e/deployment.h"
#include "e2e/public_ca.h"

namespace poolkey::test {
namespace {

struct Subject {
  std::string name;
  std::string side;
  Stage before;
  Words (*verb)(const Deployment&);
  /// The operation that must not be begun again once it has ended: the verb was done.
  std::string once{};
};

std::ostream& operator<<(std::ostream& out, const Subject& subject) { return out << subject.name; }

const std::vector<Subject>& subjects() {
  static const auto& all = *new std::vector<Subject>{
      {"MemberEnrol", "edge1", Stage::kSetUp,
       [](const Deployment&) {
         return Words{"member", "enrol"};
       }},
      {"KeyGenerate", "origin", Stage::kEnrolled, [](const Deployment& d) { return d.generate(); },
       "key generate"},
      {"KeyRelease", "origin", Stage::kGenerated, [](const Deployment& d) { return d.release(); },
       "key release"},
      {"MemberReceive", "edge1", Stage::kReleased,
       [](const Deployment&) {
         return Words{"member", "receive"};
       }},
      {"CertificateIssue", "origin", Stage::kProven,
       [](const Deployment& d) {
         d.must("origin", d.create_request());
         return d.issue();
       }},
      {"RequestBatch", "origin", Stage::kProven,
       [](const Deployment& d) { return batch_of(d, 40); }},
      {"RequestExport", "origin", Stage::kProven,
       [](const Deployment& d) {
         use_public_ca(d);
         d.must("origin", create(d));
         return send(d);
       }},
      {"RequestImport", "origin", Stage::kProven,
       [](const Deployment& d) {
         use_public_ca(d);
         submit_and_certify(d);
         return import(d, {"av@1.pem", "ca/issuing.pem", "ca/root.pem"});
       }},
      {"RequestAccept", "origin", Stage::kProven,
       [](const Deployment& d) {
         use_public_ca(d);
         submit_and_certify(d);
         d.must("origin", import(d, {"av@1.pem", "ca/issuing.pem", "ca/root.pem"}));
         return accept();
       }},
  };
  return all;
}

int rounds() {
  const char* wanted = std::getenv("POOLKEY_KILLS");
  return wanted == nullptr ? 6 : std::atoi(wanted);
}

std::int64_t ended(const Deployment& d, const std::string& side, const std::string& operation) {
  return d.count(side, "operation WHERE state = 'finished' AND verb = '" + operation + "'");
}

class KillTest : public testing::TestWithParam<Subject> {};

TEST_P(KillTest, AtAnyMomentTheVerbConverges) {
  const auto& [name, side, before, verb, once] = GetParam();
  const Deployment clean = Deployment::at(before);
  const Words words = verb(clean);
  const auto began = std::chrono::steady_clock::now();
  clean.must(side, words);
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - began);
  const std::string wanted = clean.shape();
  std::mt19937_64 random(20261123);
  int killed = 0, repaired = 0;
  for (int round = 0; round < rounds(); ++round) {
    const auto moment = whole * static_cast<std::int64_t>(random() % 1000) / 1000;
    SCOPED_TRACE("round " + std::to_string(round) + ", killed after " +
                 std::to_string(moment.count()) + " us");
    const Deployment d = Deployment::at(before);
    const Words again = verb(d);
    killed += d.on(side, again, [&](Command& c) { c.limit = moment; }).status == 128 + SIGKILL;
    const bool done = ended(d, side, once) > ended(Deployment::at(before), side, once);
    Outcome outcome = d.on(side, done ? Words{"audit", "verify"} : again);
    if (outcome.status != 0 && outcome.err.find("poolkey token repair") != std::string::npos) {
      ++repaired;
      d.must(side, {"token", "repair"});
      if (!done) outcome = d.on(side, again);
    }
    ASSERT_TRUE(succeeded(outcome));
    EXPECT_EQ(d.shape(), wanted);
    EXPECT_THAT(d.unfinished(side), testing::IsEmpty());
    EXPECT_TRUE(d.audit_is_whole());
  }
  std::printf("%s: %d of %d runs were killed, %d token files repaired\n", name.c_str(), killed,
              rounds(), repaired);
}

INSTANTIATE_TEST_SUITE_P(Verbs, KillTest, testing::ValuesIn(subjects()),
                         [](const auto& subject) { return subject.param.name; });

}  // namespace
}  // namespace poolkey::test
