#include "base/json.h"

#include "tests/support/matchers.h"

namespace poolkey::json {
namespace {

using test::ThrowsErrc;

constexpr std::string_view kWhat = "the receipt";

TEST(JsonTest, ReadsWhatItWrites) {
  const std::string text =
      R"({"z":[1,-9223372036854775808,9223372036854775807,true,null,{}],"a":{"text":"ü\n\""}})";
  EXPECT_EQ(compact(parse(text, kWhat)), text);
  EXPECT_EQ(parse(pretty(parse(text, kWhat)), kWhat), parse(text, kWhat));
}

TEST(JsonTest, TakesWhiteSpaceAround) {
  EXPECT_EQ(compact(parse(" \r\n\t{ \"a\" : [ 1 , 2 ] } \n\n", kWhat)), R"({"a":[1,2]})");
}

TEST(JsonTest, RefusesDuplicateKeysOnEveryLevel) {
  for (const std::string bad : {R"({"a":1,"a":2})", R"({"x":{"a":1,"b":2,"a":3}})",
                                R"([{"a":{},"a":{}}])", R"({"a":1,"\u0061":2})", R"({"":1,"":2})"})
    EXPECT_THAT([&] { parse(bad, kWhat); }, ThrowsErrc(Errc::kCorrupt, "stands twice")) << bad;
  EXPECT_NO_THROW(parse(R"({"a":{"a":{"a":1}},"b":{"a":1}})", kWhat));
}

TEST(JsonTest, RefusesNumbersThatAreNo64BitIntegers) {
  for (const std::string bad : {"9223372036854775808", "18446744073709551616", "1.0", "1e3",
                                "-1E-2", "123456789012345678901234567890", "-9223372036854775809"})
    EXPECT_THAT([&] { parse(bad, kWhat); }, ThrowsErrc(Errc::kCorrupt, "64-bit")) << bad;
}

TEST(JsonTest, RefusesDepth) {
  const auto nested = [](std::size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
  };
  EXPECT_NO_THROW(parse(nested(32), kWhat));
  EXPECT_THAT([&] { parse(nested(33), kWhat); }, ThrowsErrc(Errc::kCorrupt));
  EXPECT_THAT([&] { parse(std::string(100000, '['), kWhat); }, ThrowsErrc(Errc::kCorrupt));
}

TEST(JsonTest, RefusesTrailingData) {
  for (const std::string bad : {"{}{}", "{} x", "1 2", "[],", R"({"a":1}})", "{}\n//"})
    EXPECT_THAT([&] { parse(bad, kWhat); }, ThrowsErrc(Errc::kCorrupt, "the receipt")) << bad;
}

TEST(JsonTest, RefusesWhatIsNoJson) {
  for (const std::string& bad :
       {std::string(), std::string(" "), std::string("{"), std::string("{\"a\":}"),
        std::string("[1,]"), std::string("{'a':1}"), std::string("nul"), std::string("01"),
        std::string("\"\xff\""), std::string("\"\xc3\""), std::string("\"a\nb\""),
        std::string("NaN"), std::string("\xef\xbb\xbf{}"), std::string("{}\0", 3),
        std::string("/**/{}"), std::string(R"("\ud800")")})
    EXPECT_THAT([&] { parse(bad, kWhat); }, ThrowsErrc(Errc::kCorrupt, "the receipt")) << bad;
}

TEST(JsonTest, SurvivesEveryTruncation) {
  const std::string text = R"({"key":"v\u00e9","list":[1,{"n":-12,"b":true}],"s":"\"é"})";
  for (std::size_t i = 0; i < text.size(); ++i)
    EXPECT_THAT([&] { parse(text.substr(0, i), kWhat); }, ThrowsErrc(Errc::kCorrupt)) << i;
}

TEST(JsonTest, NamesTheMemberThatIsMissingOrOfAnotherType) {
  const object o = parse(R"({"t":"x","n":1,"b":true,"a":[],"o":{}})", kWhat).as_object();
  EXPECT_EQ(text(o, "t", kWhat), "x");
  EXPECT_EQ(integer(o, "n", kWhat), 1);
  EXPECT_TRUE(boolean(o, "b", kWhat));
  EXPECT_TRUE(as_array(o, "a", kWhat).empty());
  EXPECT_TRUE(as_object(o, "o", kWhat).empty());
  for (const std::string key : {"missing", "n"})
    EXPECT_THAT([&] { text(o, key, kWhat); }, ThrowsErrc(Errc::kCorrupt, "'" + key + "'"));
  EXPECT_THAT([&] { integer(o, "t", kWhat); }, ThrowsErrc(Errc::kCorrupt, "the receipt: 't'"));
  EXPECT_THAT([&] { boolean(o, "n", kWhat); }, ThrowsErrc(Errc::kCorrupt));
  EXPECT_THAT([&] { as_array(o, "o", kWhat); }, ThrowsErrc(Errc::kCorrupt));
  EXPECT_THAT([&] { as_object(o, "a", kWhat); }, ThrowsErrc(Errc::kCorrupt));
  EXPECT_THAT([&] { as_object(parse("[]", kWhat), kWhat); }, ThrowsErrc(Errc::kCorrupt));
}

TEST(JsonTest, WritesForPeople) {
  EXPECT_EQ(pretty(parse(R"({"a":[1,{}],"b":{"c":"d"},"e":[]})", kWhat)),
            "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": \"d\"\n  },\n"
            "  \"e\": []\n}\n");
}

}  // namespace
}  // namespace poolkey::json
