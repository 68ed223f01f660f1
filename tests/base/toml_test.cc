#include "base/toml.h"

#include "tests/support/matchers.h"

namespace poolkey::toml {
namespace {

using test::ThrowsErrc;
using testing::ElementsAre;

/// "line:column sentence" of each fault, in file order.
std::vector<std::string> lines(const Faults& faults) {
  std::vector<std::string> out;
  for (const Fault& fault : faults.sorted())
    out.push_back(std::to_string(fault.where.line) + ":" + std::to_string(fault.where.column) +
                  " " + fault.sentence);
  return out;
}

class TomlTest : public testing::Test {
 protected:
  Reader read(std::string_view text) {
    node_ = parse(text, "p.toml", faults_);
    return Reader(node_, "", faults_);
  }
  Node node_;
  Faults faults_;
};

TEST_F(TomlTest, ReadsValuesWithTheirPlaces) {
  Reader r = read("# a comment\nname = 'av'\n  bits = 3072\non = true\nlist = ['a', 'b']\n");
  const auto name = r.string("name");
  EXPECT_EQ(name.value, "av");
  EXPECT_EQ(name.where.str(), "p.toml:2:1");
  EXPECT_EQ(r.integer("bits", 1, 4096).value, 3072);
  EXPECT_EQ(r.integer("bits", 1, 4096).where.str(), "p.toml:3:3");
  EXPECT_TRUE(r.boolean("on").value);
  const auto list = r.strings("list");
  ASSERT_EQ(list.value.size(), 2U);
  EXPECT_EQ(list.value[1].value, "b");
  EXPECT_EQ(list.value[1].where.str(), "p.toml:5:14");
  EXPECT_THAT(r.keys(), ElementsAre("name", "bits", "on", "list"));
  r.finish();
  EXPECT_TRUE(faults_.empty());
  EXPECT_NO_THROW(faults_.throw_if_any("it"));
}

TEST_F(TomlTest, ReportsAllFaultsAtOnce) {
  Reader r = read("bits = 'many'\non = 1\nlist = ['a', 2]\nbig = 5000\n");
  r.string("name");
  r.integer("bits", 1, 4096);
  r.boolean("on");
  r.strings("list");
  r.integer("big", 1, 4096);
  r.finish();
  EXPECT_THAT(lines(faults_),
              ElementsAre("1:1 'name' is missing", "1:1 'bits' must be an integer from 1 to 4096",
                          "2:1 'on' must be true or false", "3:14 'list' must be a list of strings",
                          "4:1 'big' must be an integer from 1 to 4096"));
  EXPECT_THAT([&] { faults_.throw_if_any("policy 'p.toml'"); },
              ThrowsErrc(Errc::kInvalidArgument,
                         "policy 'p.toml' has 5 faults\n  p.toml:1:1: 'name' is missing\n"));
}

TEST_F(TomlTest, NamesTheNearestKnownKey) {
  Reader r = read("algoritm = 'rsa'\nzzzzzzzzzz = 1\n");
  r.optional_string("algorithm");
  r.finish();
  EXPECT_THAT(lines(faults_), ElementsAre("1:1 unknown key 'algoritm'; did you mean 'algorithm'?",
                                          "2:1 unknown key 'zzzzzzzzzz'"));
}

TEST_F(TomlTest, SuggestsNothingForAKeyThatOnlyIsShort) {
  Reader r = read("xyz = 1\n");
  r.optional_string("on");
  r.finish();
  EXPECT_THAT(lines(faults_), ElementsAre("1:1 unknown key 'xyz'"));
}

TEST_F(TomlTest, ReadsOptionalValues) {
  Reader r = read("text = 'x'\n");
  EXPECT_EQ(r.optional_string("text")->value, "x");
  EXPECT_FALSE(r.optional_string("none"));
  EXPECT_FALSE(r.optional_integer("none", 0, 1));
  EXPECT_FALSE(r.optional_boolean("none"));
  EXPECT_FALSE(r.optional_strings("none"));
  EXPECT_FALSE(r.optional_table("none"));
  EXPECT_TRUE(r.tables("none").empty());
  EXPECT_TRUE(r.table_array("none").empty());
  EXPECT_EQ(r.node("none"), nullptr);
  r.finish();
  EXPECT_TRUE(faults_.empty());
}

TEST_F(TomlTest, ReadsTablesUnderTheirFullNames) {
  Reader r =
      read("[key]\nbits = true\n[member.edge1]\n[member.edge2]\nx = 1\n[[case]]\n[[case]]\n");
  Reader key = r.table("key");
  key.integer("bits", 0, 1);
  key.finish();
  auto members = r.tables("member");
  ASSERT_EQ(members.size(), 2U);
  EXPECT_EQ(members[0].first, "edge1");
  members[1].second.finish();
  EXPECT_EQ(r.table_array("case").size(), 2U);
  r.finish();
  EXPECT_THAT(lines(faults_), ElementsAre("2:1 'key.bits' must be an integer from 0 to 1",
                                          "5:1 unknown key 'member.edge2.x'"));
}

TEST_F(TomlTest, ReportsAMissingTableOnce) {
  Reader r = read("a = 1\n");
  Reader missing = r.table("key");
  missing.string("name");
  missing.integer("bits", 0, 1);
  missing.finish();
  r.optional_integer("a", 0, 1);
  r.finish();
  EXPECT_THAT(lines(faults_), ElementsAre("1:1 'key' is missing"));
}

TEST_F(TomlTest, RefusesAValueWhereATableBelongs) {
  Reader r = read("key = 1\nmember = 2\ncase = 3\n");
  r.table("key").finish();
  r.tables("member");
  r.table_array("case");
  EXPECT_THAT(lines(faults_),
              ElementsAre("1:1 'key' must be a table", "2:1 'member' must be a table",
                          "3:1 'case' must be a list of tables"));
}

TEST_F(TomlTest, ListsTheChoices) {
  Reader r = read("mode = 'wraped'\nother = 1\n");
  r.choice("mode", {"none", "wrapped"});
  r.choice("other", {"none"});
  EXPECT_THAT(lines(faults_),
              ElementsAre("1:1 'mode' is 'wraped'; it must be one of 'none', 'wrapped'",
                          "2:1 'other' must be a string"));
}

TEST_F(TomlTest, ReportsASyntaxErrorWithItsPlace) {
  for (const std::string bad : {"a = \n", "a = 1\na = 2\n", "[a]\n[a]\n", "a = 012\n", "a = 'x\n",
                                "= 1\n", "a = \"\xff\"\n"}) {
    Faults faults;
    const Node node = parse(bad, "p.toml", faults);
    ASSERT_EQ(faults.sorted().size(), 1U) << bad;
    EXPECT_GE(faults.sorted()[0].where.line, 1U) << bad;
    EXPECT_TRUE(std::get<Table>(node.value).empty());
  }
}

// toml++ 3.3.0 ends the process at some of these, or worse (found by fuzzing).
TEST_F(TomlTest, ReportsWhatItsParserCannotBear) {
  for (const char* line : {"days = 365\xb0", "x = \"\xc3\"", "x = '\xc0\x80'", "x = '\xed\xa0\x80'",
                           "x = '\xf4\x90\x80\x80'", "x = '\xe0\x80\x80'", "\xff", "\xca\x88 = 1",
                           "v\xc3\xa2 = 1", "[:a]", "[.a]"}) {
    faults_ = {};
    read("version = 1\n" + std::string(line) + "\nb = 2\n");
    ASSERT_EQ(faults_.sorted().size(), 1U) << line;
    EXPECT_EQ(faults_.sorted()[0].where.line, 2U) << line;
  }
  faults_ = {};
  EXPECT_EQ(read("x = '\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x91'").string("x").value.size(), 11U);
  EXPECT_TRUE(faults_.empty());
}

TEST_F(TomlTest, TakesNoFloatsOrDatesForOtherTypes) {
  Reader r = read("a = 1.0\nb = 2026-11-22\n");
  r.integer("a", 0, 9);
  r.string("b");
  EXPECT_EQ(lines(faults_).size(), 2U);
}

}  // namespace
}  // namespace poolkey::toml
