// Whoever touches the audit log is found, offline by the signer's certificate and in the database.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "e2e/deployment.h"
#include "store/sql.h"

namespace poolkey::test {
namespace {

using testing::HasSubstr;

class AuditTest : public testing::Test {
 protected:
  AuditTest() {
    d.must("origin", {"audit", "export", "--out", file.string(), "--signer-out", signer.string()});
    std::istringstream text(read_file(file));
    for (std::string line; std::getline(text, line);) lines.push_back(line);
  }
  /// `audit verify` of the lines as they are now, as somebody without a home runs it.
  Outcome verify(const Words& more = {}) const {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    write_file(file, text);
    Words verb{"audit", "verify", file.string(), "--signer", signer.string()};
    verb.insert(verb.end(), more.begin(), more.end());
    return d.on("origin", verb, [](Command& c) { c.words[2].clear(); });
  }
  std::size_t first(const std::string& part) const {
    for (std::size_t i = 0; i < lines.size(); ++i)
      if (lines[i].find(part) != std::string::npos) return i;
    throw std::runtime_error("no entry has " + part);
  }
  Deployment d = Deployment::at(Stage::kReleased);
  std::filesystem::path file = d.path("out/audit.jsonl"), signer = d.path("out/signer.pem");
  std::vector<std::string> lines;
};

std::string entry(std::size_t line) { return "entry " + std::to_string(line + 1); }

TEST_F(AuditTest, AWholeExportIsAcceptedOffline) {
  EXPECT_TRUE(succeeded(verify()));
  const Outcome head = d.on("origin", {"audit", "verify"});
  ASSERT_TRUE(succeeded(head));
  EXPECT_THAT(head.out, HasSubstr("The log is whole"));
}

TEST_F(AuditTest, AnEditedLineIsNamed) {
  const std::size_t line = first("\"verb\":\"key release\"");
  lines[line] = replaced(lines[line], "key release", "key replace");
  EXPECT_TRUE(refused(verify(), 11, {"NOT whole", entry(line), "edited"}));
}

TEST_F(AuditTest, ADroppedLineIsNamed) {
  const std::size_t line = first("\"verb\":\"enrolment trust\"");
  lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(line));
  EXPECT_TRUE(refused(verify(), 11, {"NOT whole", entry(line), "dropped"}));
}

TEST_F(AuditTest, ReorderedLinesAreNamed) {
  const std::size_t line = first("\"verb\":\"enrolment trust\"");
  std::swap(lines[line], lines[line + 1]);
  EXPECT_TRUE(refused(verify(), 11, {"NOT whole", entry(line), "moved"}));
}

TEST_F(AuditTest, ACutOffEndIsFoundByAHeadKnownFromElsewhere) {
  const json::object whole = d.json_on("origin", {"audit", "verify"});
  const std::string head = json::text(whole, "head", "audit verify");
  EXPECT_TRUE(succeeded(verify({"--expect-head", head})));
  lines.resize(lines.size() - 4);
  EXPECT_TRUE(refused(verify({"--expect-head", head}), 11, {"missing"}));
}

TEST_F(AuditTest, AnotherOriginsSignerIsNotTaken) {
  EXPECT_TRUE(succeeded(shell("cd '" + d.path("out").string() +
                              "' && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384"
                              " -nodes -keyout x.key -out signer.pem -subj /CN=stranger")));
  EXPECT_TRUE(refused(verify(), 11, {"without a good signature"}));
}

TEST_F(AuditTest, AnEditInTheDatabaseIsNamedAndNothingIsAddedToIt) {
  {
    auto database = store::Database::open(d.home("origin") / "state.db");
    ASSERT_EQ(database.run("UPDATE audit_entry SET entry = REPLACE(entry, 'edge1', 'edge9')"
                           " WHERE entry LIKE '%\"verb\":\"enrolment trust\"%edge1%'"
                           " AND phase = 'intent'"),
              1);
  }
  const std::size_t line = first("\"verb\":\"enrolment trust\"");
  EXPECT_TRUE(refused(d.on("origin", {"audit", "verify"}), 11, {entry(line), "edited"}));
  const json::object found = d.json_on("origin", {"audit", "verify"}, 11);
  const json::object& problem = json::as_object(found, "problem", "audit verify");
  EXPECT_EQ(json::integer(problem, "seq", "problem"), static_cast<std::int64_t>(line) + 1);
  EXPECT_EQ(json::text(problem, "kind", "problem"), "edited");
}

TEST_F(AuditTest, ADroppedRowInTheDatabaseIsNamed) {
  const std::size_t line = first("\"phase\":\"checkpoint\"");
  {
    auto database = store::Database::open(d.home("origin") / "state.db");
    ASSERT_EQ(database.run("DELETE FROM audit_entry WHERE seq = :seq",
                           {{"seq", static_cast<std::int64_t>(line) + 1}}),
              1);
  }
  EXPECT_TRUE(refused(d.on("origin", {"audit", "verify"}), 11, {entry(line), "dropped"}));
}

TEST_F(AuditTest, NothingIsDoneOnTopOfAnEditedEnd) {
  {
    auto database = store::Database::open(d.home("origin") / "state.db");
    database.run(
        "UPDATE audit_entry SET entry = REPLACE(entry, 'checkpoint', 'checkpaint')"
        " WHERE seq = (SELECT MAX(seq) FROM audit_entry)");
  }
  EXPECT_TRUE(refused(d.on("origin", d.generate()), 11, {"audit verify"}));
  EXPECT_EQ(d.objects("origin", "privkey").size(), 5U) << "no key was made";
}

}  // namespace
}  // namespace poolkey::test
