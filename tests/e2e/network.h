// An origin that serves and members with agents, each a process of its own with its own token
// folder and mailbox; they meet only over HTTPS on loopback.
// Called by: the tests of the network.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "e2e/background.h"
#include "e2e/deployment.h"

namespace poolkey::test {

class Network {
 public:
  /// Origin and members as they stand in `deployment`, the service set up but not running. Each
  /// member has a mailbox of its own from here on.
  explicit Network(Deployment deployment);

  Deployment d;
  const std::string& root_sha256() const { return root_sha256_; }
  std::string server() const { return "https://localhost:" + std::to_string(port_); }
  /// "https://localhost:PORT/v1/pools/edge/members/MEMBER"
  std::string url_of(const std::string& member) const;

  /// `before` are words to run it by, such as faketime's.
  void serve(Words before = {});
  Background& service() { return *service_; }
  Background& agent(const std::string& member) { return *agents_.at(member); }
  void start_agent(const std::string& member);
  void kill_agent(const std::string& member) { agents_.erase(member); }

  /// A file with a new one-time code.
  std::string invite(const std::string& member);
  /// `agent enrol`, with the code in this file and more words.
  Outcome enrol(const std::string& member, const std::string& code_file, const Words& more = {});
  /// All of it: code, request, admission, certificate.
  void join(const std::string& member);
  /// The same for all members, two at a time where their own tokens work.
  void join_all();

  /// curl with a member's client certificate and key in its token, for what an agent would not do.
  Outcome curl_as(const std::string& member, const std::string& words) const;
  /// curl without a certificate.
  Outcome curl(const std::string& words) const;

  /// Waits until `status` says so of every member's replica; what it says then, for a failure.
  testing::AssertionResult all_hold(const std::string& version,
                                    std::chrono::seconds limit = std::chrono::seconds(30)) const;

 private:
  std::string ask(const std::string& member);
  void admit(const std::string& member, const std::string& fingerprint);
  void take(const std::string& member);

  int port_;
  std::string root_sha256_;
  std::optional<Background> service_;
  std::map<std::string, std::unique_ptr<Background>> agents_;
};

}  // namespace poolkey::test
