// What the service answers is what its OpenAPI document says: every GET, and what calls make.
#include <gmock/gmock.h>

#include "base/file.h"
#include "e2e/authority.h"
#include "live.h"
#include "service/schema.h"

namespace poolkey::test {
namespace {

class ContractTest : public testing::Test {
 protected:
  json::object get(const std::string& path) {
    const http::Response answer = client->must({.url = service.url(path)});
    return json::parse(answer.body, path).as_object();
  }
  /// The id of the first entry of a list.
  std::string first(const std::string& path, const char* list, const char* id) {
    const json::object found = get(path);
    const json::array& entries = json::as_array(found, list, path);
    return entries.empty() ? "" : json::text(entries.front().as_object(), id, path);
  }
  /// An answer against the schema that the operation names; nothing where it names none.
  void check(const json::object& operation, const http::Response& answer, const std::string& what) {
    SCOPED_TRACE(what);
    ASSERT_EQ(answer.status / 100, 2) << answer.body;
    const json::value* content =
        operation.at("responses").at("2XX").as_object().if_contains("content");
    if (content == nullptr) return;
    EXPECT_EQ(answer.header("content-type"), "application/json");
    const json::value& schema = content->at("application/json").at("schema");
    try {
      service::check(json::parse(answer.body, what), schema.as_object());
      ++checked;
    } catch (const Error& error) {
      ADD_FAILURE() << error.what() << "\n" << answer.body.substr(0, 2000);
    }
  }

  Deployment d = Deployment::at(Stage::kCertified);
  LiveService service{d};
  std::optional<http::Client> client;
  int checked = 0;
};

TEST_F(ContractTest, AnswersAreAsTheirSchemasSay) {
  d.must("origin", configure_ca(d));
  const std::string csr = read_file(foreign_request(d, "a"));
  // All roles at once, for all calls.
  std::string access = "version = 1\n";
  for (const char* role : {"security-officer", "operator", "requester", "auditor"})
    access +=
        std::string("[[bind]]\nrole = \"") + role +
        "\"\nclients = [\"all\"]\npools = [\"*\"]\nrequests_per_second = 1000\nburst = 1000\n" +
        (std::string(role) == "auditor" ? "" : "profiles = [\"*\"]\n");
  write_file(d.home("origin") / "access.toml", access);
  const Shown all = service.certify("all");
  service.start();
  client.emplace(service.client(all));
  const json::object document = get("/v1/openapi.json");
  const json::object& paths = document.at("paths").as_object();
  const auto operation = [&](const char* path, const char* method) -> const json::object& {
    return paths.at(path).at(method).as_object();
  };
  const auto send = [&](const std::string& method, const std::string& path, json::object body) {
    return client->send({.method = method,
                         .url = service.url(path),
                         .headers = {{"Content-Type", "application/json"}},
                         .body = body.empty() ? "" : json::compact(body)});
  };

  check(operation("/v1/certificates", "post"),
        send("POST", "/v1/certificates", {{"profile", "web-server"}, {"csr", csr}}), "sign");
  const auto begun = send("POST", "/v1/rollovers",
                          {{"pool", "edge"}, {"key", "av"}, {"reason", "a test of the contract"}});
  check(operation("/v1/rollovers", "post"), begun, "begin a rollover");
  check(operation("/v1/pools/{pool}/challenge", "post"),
        send("POST", "/v1/pools/edge/challenge", {}), "challenge");
  check(
      operation("/v1/requests", "post"),
      send("POST", "/v1/requests", {{"pool", "edge"}, {"role", "edge-external"}, {"key", "av@2"}}),
      "request");
  EXPECT_EQ(d.count("origin",
                    "audit_entry WHERE entry LIKE '%\"verb\":\"request create\"%' AND entry LIKE "
                    "'%access.toml:%' AND entry LIKE '% all\"%'"),
            1)
      << "a request that is answered together with others is recorded with who asked by which rule";
  check(operation("/v1/request-batches", "post"),
        send("POST", "/v1/request-batches",
             {{"requests", json::array{json::object{
                               {"pool", "edge"}, {"role", "edge-external"}, {"key", "av@1"}}}}}),
        "batch");

  const std::map<std::string, std::string> things{
      {"pool", "edge"},
      {"member", "edge1"},
      {"key", "av@1"},
      {"sha256", first("/v1/policies", "policies", "sha256")},
      {"request", first("/v1/requests", "requests", "request")},
      {"rollover", first("/v1/rollovers", "rollovers", "rollover")},
      {"thumbprint", first("/v1/certificates", "certificates", "thumbprint_sha256")},
      {"profile", "web-server"}};
  for (const auto& [path, item] : paths) {
    const json::value* found = item.as_object().if_contains("get");
    std::string filled(path);
    if (found == nullptr || filled.find("/members/{member}/") != filled.npos) continue;  // its own
    for (const auto& [name, value] : things)
      if (const auto at = filled.find("{" + name + "}"); at != filled.npos)
        filled.replace(at, name.size() + 2, value);
    if (filled.find('{') != filled.npos) continue;
    check(found->as_object(), client->send({.url = service.url(filled)}), filled);
  }
  EXPECT_GT(checked, 20);

  const http::Response refused = client->send({.url = service.url("/v1/pools/none")});
  EXPECT_EQ(refused.status, 404);
  EXPECT_NO_THROW(service::read_body(refused.body, "Problem")) << refused.body;
  EXPECT_EQ(service.process().stop(), 0);
}

}  // namespace
}  // namespace poolkey::test
