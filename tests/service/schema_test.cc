// Bodies read strictly: what is refused, and where the sentence says it is.
#include "service/schema.h"

#include <regex>
#include <set>

#include "tests/support/matchers.h"

namespace poolkey::service {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kSchema = R"({
  "type": "object", "required": ["name"], "additionalProperties": false,
  "properties": {
    "name": {"$ref": "#/components/schemas/Name"},
    "days": {"type": "integer", "minimum": 1, "maximum": 398},
    "why": {"type": "string", "minLength": 2, "maxLength": 4},
    "mode": {"type": "string", "enum": ["fast", "slow"]},
    "force": {"type": "boolean"},
    "keys": {"type": "array", "minItems": 1, "maxItems": 2,
             "items": {"$ref": "#/components/schemas/KeyVersion"}},
    "a/b~c": {"type": "object", "properties": {}, "additionalProperties": false}
  }})";

/// "POINTER: SENTENCE" of what is refused; empty if nothing is.
std::string refused(std::string_view document) {
  try {
    check(json::parse(document, "a test"), json::parse(kSchema, "a schema").as_object());
  } catch (const BodyError& error) {
    EXPECT_EQ(error.status(), 400U);
    return error.pointer() + ": " + error.what();
  }
  return "";
}

std::string unreadable(std::string_view body) {
  try {
    read_body(body, "Problem");
  } catch (const BodyError& error) {
    EXPECT_EQ(error.status(), 400U);
    return error.pointer() + ": " + error.what();
  }
  return "";
}

TEST(SchemaTest, TakesWhatFits) {
  EXPECT_EQ(refused(R"({"name":"edge"})"), "");
  EXPECT_EQ(refused(R"({"name":"edge","days":398,"why":"äöü€","mode":"slow","force":true,
                       "keys":["av@1","av@12"],"a/b~c":{}})"),
            "");
}

TEST(SchemaTest, SaysWhereAndWhat) {
  const std::pair<const char*, const char*> kCases[]{
      {R"([])", ": the body must be an object"},
      {R"({})", ": the body lacks 'name'"},
      {R"({"name":"Edge"})", "/name: '/name' must be a name"},
      {R"({"name":"-"})", "/name: '/name' must be a name"},
      {R"({"name":7})", "/name: '/name' must be a string"},
      {R"({"name":null})", "/name: '/name' must be a string"},
      {R"({"name":"edge","other":1})", "/other: '/other' is not known here"},
      {R"({"name":"edge","days":0})", "/days: '/days' must be at least 1"},
      {R"({"name":"edge","days":399})", "/days: '/days' must be at most 398"},
      {R"({"name":"edge","days":"5"})", "/days: '/days' must be an integer"},
      {R"({"name":"edge","why":"a"})", "/why: '/why' must be at least 2 characters long"},
      {R"({"name":"edge","why":"abcde"})", "/why: '/why' must be at most 4 characters long"},
      {R"({"name":"edge","mode":"Fast"})", "/mode: '/mode' must be one of 'fast', 'slow'"},
      {R"({"name":"edge","force":1})", "/force: '/force' must be true or false"},
      {R"({"name":"edge","keys":[]})", "/keys: '/keys' must be at least 1 entries long"},
      {R"({"name":"edge","keys":["a@1","a@2","a@3"]})", "/keys: '/keys' must be at most 2 entries"},
      {R"({"name":"edge","keys":["av@1","av@0"]})", "/keys/1: '/keys/1' must be a key version"},
      {R"({"name":"edge","a/b~c":{"x":1}})", "/a~1b~0c/x: '/a~1b~0c/x' is not known here"},
  };
  for (const auto& [document, sentence] : kCases)
    EXPECT_THAT(refused(document), StartsWith(sentence)) << document;
}

TEST(SchemaTest, ReadsBodiesStrictly) {
  EXPECT_THAT(unreadable(""), StartsWith(": the body"));
  EXPECT_THAT(unreadable("{"), StartsWith(": the body is not the JSON expected"));
  EXPECT_THAT(unreadable(R"({"type":"a","type":"b"})"), HasSubstr("stands twice"));
  EXPECT_THAT(unreadable("{} {}"), HasSubstr("something follows"));
  EXPECT_THAT(unreadable("{\"type\":\"\xff\"}"), HasSubstr("octet"));
  EXPECT_THAT(unreadable("{\"type\":\"\xed\xa0\x80\"}"), HasSubstr("octet"));
  EXPECT_THAT(unreadable(R"({"status":1e3})"), HasSubstr("64-bit"));
  EXPECT_THAT(unreadable(R"({"status":18446744073709551616})"), HasSubstr("64-bit"));
  EXPECT_THAT(unreadable(R"({"status":NaN})"), HasSubstr("octet"));
  EXPECT_THAT(unreadable(std::string(100'000, '[')), HasSubstr("octet"));
  EXPECT_THAT(unreadable("{\"type\":\"\\u0000\",\"title\":\"\n\"}"), HasSubstr("octet"));
  EXPECT_THAT(unreadable("\xef\xbb\xbf{}"), HasSubstr("octet"));
}

/// Every pattern is checked with what it takes and what it does not, also by the library's own
/// regular expressions: the table must mean what it says.
TEST(SchemaTest, ReadsPatternsAsTheyStand) {
  const char* const kTexts[]{"",
                             "a",
                             "edge-1",
                             "-a",
                             "a-",
                             "A",
                             "av@1",
                             "av@01",
                             "av@0",
                             "@1",
                             "a@",
                             "a@99999999999",
                             "AAAA",
                             "AA==",
                             "AAA=",
                             "A===",
                             "AA=A",
                             "AAAAA",
                             "====",
                             "=",
                             "a\n",
                             "2026-11-23",
                             "2026-11-23T12:00:00Z",
                             "2026-11-23T12:00:00z",
                             "2026-11-23T12:00:0aZ",
                             "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                             "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
                             "abcdefghijabcdefghijabcdefghijab",
                             "abcdefghijabcdefghijabcdefghijabc"};
  for (const auto& [name, schema] : schemas()) {
    const json::value* pattern = schema.as_object().if_contains("pattern");
    if (pattern == nullptr) continue;
    const std::regex regex(std::string(pattern->as_string()));
    for (const std::string text : kTexts) {
      bool taken = true;
      try {
        check(json::value(text), schema.as_object());
      } catch (const BodyError&) {
        taken = false;
      }
      EXPECT_EQ(taken, std::regex_match(text, regex)) << name << " " << text;
    }
  }
}

/// A defect in a schema would show only when somebody sends such a body.
void sound(const json::object& schema, const std::string& name) {
  const json::value* type = schema.if_contains("type");
  EXPECT_TRUE(type != nullptr || schema.contains("$ref")) << name;
  if (const json::value* reference = schema.if_contains("$ref")) {
    constexpr std::string_view kPrefix = "#/components/schemas/";
    const std::string to(reference->as_string());
    EXPECT_TRUE(to.starts_with(kPrefix) && schemas().contains(to.substr(kPrefix.size()))) << name;
    EXPECT_EQ(schema.size(), 1U) << name << ": $ref stands alone";
  }
  const json::value* properties = schema.if_contains("properties");
  if (properties == nullptr) {
    EXPECT_FALSE(schema.contains("required")) << name;
  }
  if (properties != nullptr) {
    EXPECT_EQ(*type, "object") << name;
    EXPECT_EQ(schema.at("additionalProperties"), false) << name;
    for (const auto& [key, one] : properties->as_object())
      sound(one.as_object(), name + "." + std::string(key));
    if (const json::value* required = schema.if_contains("required")) {
      for (const json::value& key : required->as_array())
        EXPECT_TRUE(properties->as_object().contains(key.as_string())) << name << "." << key;
    }
  }
  EXPECT_EQ(type != nullptr && *type == "array", schema.contains("items")) << name;
  if (const json::value* items = schema.if_contains("items"))
    sound(items->as_object(), name + "[]");
  if (const json::value* words = schema.if_contains("enum")) {
    for (const json::value& one : words->as_array()) EXPECT_TRUE(one.is_string()) << name;
  }
  static const std::set<std::string> kKeywords{
      "$ref",    "type",     "enum",       "properties", "required",  "additionalProperties",
      "items",   "minItems", "maxItems",   "minLength",  "maxLength", "pattern",
      "minimum", "maximum",  "description"};
  for (const auto& [keyword, value] : schema)
    EXPECT_TRUE(kKeywords.contains(std::string(keyword))) << name << ": " << keyword;
}

TEST(SchemaTest, HasNoDefects) {
  for (const auto& [name, schema] : schemas()) sound(schema.as_object(), std::string(name));
}

}  // namespace
}  // namespace poolkey::service
