// The OpenAPI document: sound by a foreign reader, and of the same calls as the router.
#include "service/openapi.h"

#include <set>

#include "base/file.h"
#include "base/program.h"
#include "service/schema.h"
#include "tests/base/process.h"
#include "tests/support/matchers.h"

namespace poolkey::service {
namespace {

/// What the checker says of a document; empty: it is sound.
std::string said_of(const json::value& document) {
  const test::Scratch folder;
  write_file(folder / "openapi.json", json::compact(document));
  const std::string command =
      "/usr/bin/python3 -W ignore " POOLKEY_SOURCE_DIR "/tests/service/openapi_check.py < " +
      (folder / "openapi.json").string() + " > " + (folder / "said").string() + " 2>&1";
  const int status = std::system(command.c_str());
  const std::string said = read_file(folder / "said");
  EXPECT_EQ(status == 0, said.empty()) << said;
  return said;
}

json::object document() { return openapi_document(all_routes()); }

TEST(OpenApiTest, IsSound) { EXPECT_EQ(said_of(document()), ""); }

TEST(OpenApiTest, IsReadByACheckerThatFindsFaults) {
  json::object broken = document();
  json::object& operation = broken["paths"].at("/v1/pools/{pool}").as_object()["get"].as_object();
  operation.erase("parameters");
  operation["responses"] = json::object{{"999", json::object{}}};
  operation["extra"] = 1;
  broken["components"].at("schemas").as_object()["Name"] = json::object{{"type", "text"}};
  const std::string said = said_of(broken);
  for (const char* sentence : {"the path has the parameters ['pool']", "'999' is no status",
                               "lacks 'description'", "'extra' is nothing", "'text' is not valid"})
    EXPECT_THAT(said, testing::HasSubstr(sentence));
}

TEST(OpenApiTest, HasEveryRouteAndNoOther) {
  std::set<std::string> in_router, in_document;
  for (const Route& route : all_routes())
    EXPECT_TRUE(in_router.insert(std::string(route.method) + " " + std::string(route.path)).second);
  const json::object whole = document();
  for (const auto& [path, item] : whole.at("paths").as_object())
    for (const auto& [method, operation] : item.as_object()) {
      std::string upper(method);
      for (char& c : upper) c = static_cast<char>(c & ~0x20);
      in_document.insert(upper + " " + std::string(path));
    }
  EXPECT_EQ(in_document, in_router);
}

/// What a row leaves out would make it open, or its body unread.
TEST(OpenApiTest, IsMadeOfWholeRows) {
  for (const Route& route : all_routes()) {
    SCOPED_TRACE(std::string(route.method) + " " + std::string(route.path));
    EXPECT_TRUE((route.handle == nullptr) != (route.together == nullptr));
    EXPECT_FALSE(route.summary.empty());
    EXPECT_EQ(route.method == "GET", route.repeat == Repeat::kSafe);
    EXPECT_TRUE(route.access != Access::kPolicy ||
                route.action != policy::AccessAction::kPublicRead);
    EXPECT_EQ(route.body.type.empty(), route.body.limit == 0);
    EXPECT_EQ(route.body.type == "application/json", !route.body.schema.empty());
    for (const std::string_view schema : {route.body.schema, route.answer})
      EXPECT_TRUE(schema.empty() || schemas().contains(schema)) << schema;
  }
}

TEST(OpenApiTest, HasNoSchemaThatNobodyUses) {
  const std::string text = json::compact(document());
  for (const auto& [name, schema] : schemas()) {
    const std::string reference = "schemas/" + std::string(name) + "\"";
    EXPECT_NE(text.find(reference), std::string::npos) << name;
  }
}

TEST(OpenApiTest, SaysOfEachCallWhoMay) {
  const json::object whole = document();
  for (const Route& route : all_routes()) {
    std::string method(route.method);
    for (char& c : method) c = static_cast<char>(c | 0x20);
    const json::object& operation = whole.at("paths").at(route.path).at(method).as_object();
    const std::string action(operation.at("x-poolkey-action").as_string());
    const bool open = operation.at("security").as_array().empty();
    EXPECT_EQ(open, route.access == Access::kPublic) << action;
    EXPECT_EQ(open, action == "public");
    if (route.access == Access::kPolicy) {
      EXPECT_TRUE(policy::parse_word<policy::AccessAction>(action)) << action;
    }
  }
}

}  // namespace
}  // namespace poolkey::service
