#include "e2e/network.h"

#include "base/file.h"
#include "base/parallel.h"
#include "home/config.h"
#include "keys/reference.h"
#include "keys/repository.h"

namespace poolkey::test {
namespace {

constexpr const char* kPoolkey = POOLKEY_PROGRAM;

/// A member's token for the curl command, by our provider.
std::string provider_conf(const Deployment& d, const std::string& member) {
  return "openssl_conf = init\n[init]\nproviders = provs\n[provs]\ndefault = def\npoolkey = pk\n"
         "[def]\nactivate = 1\n[pk]\nidentity = poolkey\nmodule = " POOLKEY_PROVIDER
         "\npoolkey-home = " +
         d.home(member).string() + "\nactivate = 1\n";
}

/// The member's identity key as a file for curl.
std::string identity_reference(const Deployment& d, const std::string& member) {
  auto database = store::Database::open(d.home(member) / "state.db");
  const std::string stored = keys::setting(database, "poolkey-identity.spki").value();
  const auto blank = stored.find(' ');
  const home::Config config = home::read_config(d.home(member));
  return keys::key_reference(
      {config.token_label, config.token_serial},
      crypto::PublicKey::from_spki_der(from_base64(stored.substr(blank + 1))),
      from_hex(stored.substr(0, blank)));
}

}  // namespace

Network::Network(Deployment deployment) : d(std::move(deployment)), port_(free_port()) {
  for (const std::string& m : d.members()) {
    const auto file = d.home(m) / "poolkey.toml";
    write_file(
        file,
        replaced(read_file(file), d.path("mailbox").string(), d.path("mailbox-" + m).string()),
        0600);
  }
  write_file(d.path("pins/service.user"), "3141592653589793", 0600);
  write_file(d.home("origin") / "access.toml",
             read_file(POOLKEY_SOURCE_DIR "/policies/access.toml"), 0600);
  const json::object made =
      d.json_on("origin", {"service", "init", "--name", "localhost", "--listen",
                           "127.0.0.1:" + std::to_string(port_), "--service-pin",
                           "file:" + d.path("pins/service.user").string()});
  root_sha256_ = json::text(made, "root_sha256", "service init");
  d.must("origin", {"origin", "root", "--out", d.path("out/root.pem").string()});
}

std::string Network::url_of(const std::string& member) const {
  return server() + "/v1/pools/edge/members/" + member;
}

void Network::serve(Words before) {
  service_.reset();
  for (const std::string& word :
       {std::string(kPoolkey), std::string("--home"), d.home("origin").string(),
        std::string("--log-level"), std::string("info"), std::string("serve")})
    before.push_back(word);
  service_.emplace(std::move(before), d.path("service.log"));
  service_->await_port(port_);
}

void Network::start_agent(const std::string& member) {
  agents_.erase(member);
  agents_.emplace(member, std::make_unique<Background>(
                              std::vector<std::string>{kPoolkey, "--home", d.home(member).string(),
                                                       "--log-level", "info", "agent", "run"},
                              d.path("agent-" + member + ".log")));
}

std::string Network::invite(const std::string& member) {
  const std::string file = d.path("pins/" + member + ".code").string();
  d.must("origin", {"enrolment", "invite", "--pool", "edge", "--member", member, "--out", file});
  return file;
}

Outcome Network::enrol(const std::string& member, const std::string& code_file, const Words& more) {
  Words words{"agent",  "enrol",      "--server", server(),
              "--root", root_sha256_, "--code",   "file:" + code_file};
  words.insert(words.end(), more.begin(), more.end());
  return d.on(member, words);
}

/// The fingerprint of the request that it posted.
std::string Network::ask(const std::string& member) {
  const Outcome asked =
      enrol(member, d.path("pins/" + member + ".code").string(), {"--format", "json"});
  if (asked.status != 0) throw std::runtime_error("agent enrol: " + asked.text());
  return json::text(json::parse(asked.out, "agent enrol").as_object(), "fingerprint",
                    "agent enrol");
}

void Network::admit(const std::string& member, const std::string& fingerprint) {
  d.must("origin", {"enrolment", "admit", member, "--pool", "edge", "--fingerprint", fingerprint});
}

void Network::take(const std::string& member) {
  (void)ask(member);
  // As quick as it may be.
  write_file(d.home(member) / "agent.toml",
             read_file(d.home(member) / "agent.toml") + "check_seconds = 1\nretry_seconds = 1\n",
             0600);
}

void Network::join(const std::string& member) {
  (void)invite(member);
  admit(member, ask(member));
  take(member);
}

void Network::join_all() {
  const std::vector<std::string>& all = d.members();
  for (const std::string& m : all) (void)invite(m);
  std::vector<std::string> fingerprints(all.size());
  for_each_index(all.size(), 2, [&](std::size_t i) { fingerprints[i] = ask(all[i]); });
  for (std::size_t i = 0; i < all.size(); ++i) admit(all[i], fingerprints[i]);
  for_each_index(all.size(), 2, [&](std::size_t i) { take(all[i]); });
}

Outcome Network::curl(const std::string& words) const {
  return shell("curl -sS --max-time 20 --cacert '" + d.path("out/root.pem").string() + "' " +
               words);
}

Outcome Network::curl_as(const std::string& member, const std::string& words) const {
  const std::string conf = d.path("pins/" + member + ".cnf").string();
  const std::string key = d.path("pins/" + member + ".identity.pem").string();
  write_file(conf, provider_conf(d, member));
  write_file(key, identity_reference(d, member));
  return shell("curl -sS --max-time 20 --cacert '" + d.path("out/root.pem").string() +
                   "' --cert '" + (d.home(member) / "agent/certificate.pem").string() +
                   "' --key '" + key + "' " + words,
               {{"OPENSSL_CONF", conf}});
}

testing::AssertionResult Network::all_hold(const std::string& version,
                                           std::chrono::seconds limit) const {
  std::string said;
  const bool good = within(limit, [&] {
    said.clear();
    for (const std::string& m : d.members())
      if (const std::string state = d.replica(m, version); state != "present")
        said += m + ": " + state + "\n";
    return said.empty();
  });
  return good ? testing::AssertionSuccess() : testing::AssertionFailure() << said;
}

}  // namespace poolkey::test
