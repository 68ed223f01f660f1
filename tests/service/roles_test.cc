// Every role tries every call that it may not make, as the served OpenAPI document names them.
#include <gmock/gmock.h>

#include <set>

#include "live.h"
#include "policy/access.h"
#include "store/sql.h"

namespace poolkey::test {
namespace {

using policy::AccessAction;
using policy::AccessRole;

/// One operation of the document.
struct Operation {
  std::string method, path, action, body_type;
};

std::vector<Operation> operations_of(const json::value& document) {
  std::vector<Operation> out;
  for (const auto& [path, item] : document.at("paths").as_object())
    for (const auto& [method, value] : item.as_object()) {
      const json::object& operation = value.as_object();
      Operation one{std::string(method), std::string(path),
                    std::string(operation.at("x-poolkey-action").as_string()), ""};
      for (char& c : one.method) c = static_cast<char>(c & ~0x20);
      if (const json::value* body = operation.if_contains("requestBody"))
        one.body_type = std::string(body->at("content").as_object().begin()->key());
      out.push_back(std::move(one));
    }
  return out;
}

/// The path with things that exist in the place of its parameters; members are never the caller.
std::string filled(std::string path) {
  static const std::map<std::string, std::string> kThings{
      {"pool", "edge"}, {"member", "edge2"}, {"key", "av@1"}};
  for (std::size_t at = path.find('{'); at != path.npos; at = path.find('{')) {
    const std::size_t end = path.find('}', at);
    const auto thing = kThings.find(path.substr(at + 1, end - at - 1));
    path.replace(at, end - at + 1, thing == kThings.end() ? "none" : thing->second);
  }
  return path;
}

class RolesTest : public testing::Test {
 protected:
  /// The status, and that a refusal is a problem document which tells nothing else.
  long ask(http::Client& client, const Operation& operation) const {
    http::Request request{.method = operation.method, .url = service.url(filled(operation.path))};
    if (!operation.body_type.empty()) {
      request.headers.emplace_back("Content-Type", operation.body_type == "*/*"
                                                       ? "application/octet-stream"
                                                       : operation.body_type);
      request.body = "{}";
    }
    http::Response answer = client.send(request);
    // There are more calls than a stranger may make at once.
    for (int tries = 0; answer.status == 429 && tries < 20; ++tries) {
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
      answer = client.send(request);
    }
    if (answer.status == 401 || answer.status == 403) {
      EXPECT_EQ(answer.header("content-type"), "application/problem+json");
    }
    return answer.status;
  }
  /// Denials of the audit log, as "actor verb".
  std::multiset<std::string> denials() const {
    std::multiset<std::string> out;
    auto database = store::Database::open(d.home("origin") / "state.db");
    for (const store::Row& row : database.rows(
             "SELECT entry FROM audit_entry WHERE entry LIKE '%\"result\":\"denied\"%'")) {
      const json::value entry = json::parse(row.text("entry"), "an entry");
      out.insert(json::text(entry.as_object(), "actor", "an entry") + " " +
                 json::text(entry.as_object(), "verb", "an entry"));
    }
    return out;
  }
  /// Asks for everything that the role may not have; gives how much that was.
  int everything_forbidden(const Shown& who, std::optional<AccessRole> role) {
    http::Client client = service.client(who);
    const auto before = denials().size();
    std::set<std::string> refused_actions;
    int refused = 0;
    for (const Operation& operation : operations) {
      if (operation.action == "public") continue;
      const auto action = policy::parse_word<AccessAction>(operation.action);
      // A member has its own actions for itself; here the path is another member's.
      const bool own = operation.path.find("{member}") != std::string::npos;
      const bool for_others =
          own && (!action || policy::access_rows()[static_cast<std::size_t>(*action)].reach ==
                                 policy::AccessReach::kOwn);
      if (action && role && has_action(*role, *action) && !for_others &&
          *role != AccessRole::kMember)
        continue;
      const long status = ask(client, operation);
      EXPECT_TRUE(status == 401 || status == 403)
          << operation.method << " " << operation.path << ": " << status;
      ++refused;
      if (action) refused_actions.insert(operation.action);
    }
    // Each call of somebody, and each action of a stranger.
    const auto recorded = denials().size() - before;
    EXPECT_GE(recorded, refused_actions.size());
    return refused;
  }

  Deployment d = Deployment::at(Stage::kCertified);
  LiveService service{d};
  std::vector<Operation> operations;
};

TEST_F(RolesTest, NoneMayDoWhatItMayNot) {
  std::map<std::string, Shown> people;
  for (const char* name : {"officer", "operator", "requester", "auditor", "nobody"})
    people[name] = service.certify(name);
  certify_member(d, "edge1");
  service.start();
  operations = operations_of(json::parse(
      service.client().must({.url = service.url("/v1/openapi.json")}).body, "the document"));
  ASSERT_GT(operations.size(), 40U);

  EXPECT_GT(everything_forbidden({}, std::nullopt), 35);
  EXPECT_GT(everything_forbidden(people["nobody"], std::nullopt), 35);
  EXPECT_GT(everything_forbidden(people["officer"], AccessRole::kSecurityOfficer), 8);
  EXPECT_GT(everything_forbidden(people["operator"], AccessRole::kOperator), 8);
  EXPECT_GT(everything_forbidden(people["requester"], AccessRole::kRequester), 15);
  EXPECT_GT(everything_forbidden(people["auditor"], AccessRole::kAuditor), 15);

  const LiveMember edge1(d, "edge1");
  EXPECT_GT(everything_forbidden(edge1.shown(), AccessRole::kMember), 35);
  http::Client client = service.client(edge1.shown());
  EXPECT_EQ(client.send({.url = service.url("/v1/pools/edge/members/edge1/documents")}).status,
            200);
  EXPECT_EQ(client.send({.url = service.url("/v1/pools/edge/members/edge2/documents")}).status,
            403);

  EXPECT_EQ(service.process().stop(), 0);
  EXPECT_TRUE(d.audit_is_whole());
}

}  // namespace
}  // namespace poolkey::test
