#include "e2e/deployment.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <tuple>

#include "base/file.h"
#include "store/sql.h"

namespace poolkey::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPoolkey = POOLKEY_PROGRAM;
constexpr const char* kModule = "/usr/lib/softhsm/libsofthsm2.so";
constexpr const char* kNss = "/usr/lib/x86_64-linux-gnu/libsoftokn3.so";
constexpr const char* kMemory = "/dev/shm";
constexpr std::size_t kMostInTopology = 20;

std::string source(const std::string& file) { return std::string(POOLKEY_SOURCE_DIR "/") + file; }

[[noreturn]] void give_up(const Words& verb, const Outcome& outcome) {
  std::string line;
  for (const std::string& word : verb) line += word + " ";
  throw std::runtime_error(line + "did not end as it should: " + outcome.text());
}

void change_file(const fs::path& file, const std::string& from, const std::string& to) {
  std::string text = read_file(file);
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  write_file(file, text, 0600);
}

/// Numbers that are found nowhere by chance, for the search for PINs in files.
void make_pin(const fs::path& file) {
  static std::ifstream random("/dev/urandom", std::ios::binary);
  std::uint64_t number = 0;
  random.read(reinterpret_cast<char*>(&number), sizeof number);
  write_file(file, std::to_string(number | (std::uint64_t{1} << 60)), 0600);
}

}  // namespace

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  if (at == std::string::npos) throw std::runtime_error("there is no '" + from + "' to replace");
  return text.replace(at, from.size(), to);
}

std::unique_ptr<Scratch> Deployment::folder() {
  if (fs::is_directory(kMemory) && ::access(kMemory, W_OK) == 0)
    ::setenv("TMPDIR", kMemory, /*overwrite=*/0);
  return std::make_unique<Scratch>();
}

Deployment Deployment::at(Stage stage, std::size_t members, const std::string& nss) {
  static std::map<std::tuple<Stage, std::size_t, std::string>, Deployment> made;
  auto found = made.find({stage, members, nss});
  if (found == made.end()) {
    std::vector<std::string> names;
    for (std::size_t i = 1; i <= members; ++i) names.push_back("edge" + std::to_string(i));
    Deployment fresh(folder(), std::move(names), nss);
    fresh.prepare();
    for (const Step& step : fresh.job())
      if (step.stage <= stage) fresh.must(step.side, step.words());
    found = made.emplace(std::tuple(stage, members, nss), std::move(fresh)).first;
  }
  return found->second.copy();
}

Deployment Deployment::copy() const {
  Deployment out(folder(), members_, nss_);
  out.more_for_init_ = more_for_init_;
  const Outcome copied = run({.words = {"cp", "-a", root().string() + "/.", out.root().string()}});
  if (copied.status != 0) give_up({"cp"}, copied);
  for (const std::string& side : out.set_up_sides())
    for (const char* file : {"poolkey.toml", "softhsm2.conf"})
      if (fs::exists(out.home(side) / file))
        change_file(out.home(side) / file, root().string(), out.root().string());
  return out;
}

std::vector<std::string> Deployment::sides() const {
  std::vector<std::string> out{"origin"};
  out.insert(out.end(), members_.begin(), members_.end());
  return out;
}

std::vector<std::string> Deployment::set_up_sides() const {
  std::vector<std::string> out = sides();
  std::erase_if(out, [&](const std::string& side) {
    return side != nss_ && !fs::exists(home(side) / "softhsm2.conf");
  });
  return out;
}

fs::path Deployment::mail(const std::string& member, const std::string& file) const {
  return root() / "mailbox" / "to-member" / "edge" / member / file;
}

std::string Deployment::pin(const std::string& side) const {
  return read_file(path("pins/" + side + ".user"));
}

Outcome Deployment::on(const std::string& side, const Words& verb,
                       const std::function<void(Command&)>& adjust) const {
  Command command{.words = {kPoolkey, "--home", home(side).string(), "--so-pin", "fd:3"},
                  .third = path("pins/" + side + ".so")};
  command.words.insert(command.words.end(), verb.begin(), verb.end());
  if (adjust) adjust(command);
  return run(command);
}

std::string Deployment::must(const std::string& side, const Words& verb) const {
  const Outcome outcome = on(side, verb);
  if (outcome.status != 0) give_up(verb, outcome);
  return outcome.out;
}

json::object Deployment::json_on(const std::string& side, Words verb, int status) const {
  verb.insert(verb.begin(), {"--format", "json"});
  const Outcome outcome = on(side, verb);
  if (outcome.status != 0 && outcome.status != status) give_up(verb, outcome);
  return json::parse(outcome.out, "the output").as_object();
}

void Deployment::crash(const std::string& side, const Words& verb, const std::string& point) const {
  const Outcome outcome =
      on(side, verb, [&](Command& c) { c.environment["POOLKEY_FAILPOINT"] = point; });
  if (outcome.status != 128 + SIGKILL) give_up(verb, outcome);
}

void Deployment::prepare() const {
  for (const char* folder : {"pins", "mailbox", "out"}) make_private_folder(path(folder));
  std::string list;
  for (const std::string& side : sides()) {
    make_pin(path("pins/" + side + ".user"));
    make_pin(path("pins/" + side + ".so"));
  }
  for (std::size_t i = 0; i < std::min(members_.size(), kMostInTopology); ++i)
    list += (list.empty() ? "\"" : ", \"") + members_[i] + "\"";
  write_file(path("topology.toml"), replaced(read_file(source("docs/edge-pool.toml")),
                                             R"("edge1", "edge2", "edge3")", list));
}

Words Deployment::with_more(Words init) const {
  init.insert(init.end(), more_for_init_.begin(), more_for_init_.end());
  return init;
}

Words Deployment::origin_init() const {
  return with_more({"--pin", "file:" + path("pins/origin.user").string(), "origin", "init",
                    "--policy", source("policies/issuing-ca.toml"), "--organization", "Contoso",
                    "--mailbox", path("mailbox").string()});
}

Words Deployment::member_init(const std::string& member) const {
  Words out =
      with_more({"--pin", "file:" + path("pins/" + member + ".user").string(), "member", "init",
                 "--pool", "edge", "--member", member, "--mailbox", path("mailbox").string()});
  if (member == nss_)
    for (const std::string& word : nss_token(member)) out.push_back(word);
  return out;
}

Words Deployment::admit(const std::string& member) const {
  const json::object shown = json_on("origin", {"enrolment", "show", member, "--pool", "edge"});
  return {"enrolment",
          "admit",
          member,
          "--pool",
          "edge",
          "--fingerprint",
          json::text(shown, "fingerprint", "enrolment show")};
}

Words Deployment::confirm(const std::string&) const {
  const json::object root =
      json_on("origin", {"origin", "root", "--out", path("out/root.pem").string()});
  return {"member", "confirm", "--root-fingerprint",
          json::text(root, "root_sha256", "origin root")};
}

std::vector<Step> Deployment::job() const {
  std::vector<Step> out;
  const auto add = [&](Stage stage, const std::string& side, std::function<Words()> words) {
    out.push_back({stage, side, std::move(words)});
  };
  const auto say = [&](Stage stage, const std::string& side, Words words) {
    add(stage, side, [words = std::move(words)] { return words; });
  };
  say(Stage::kSetUp, "origin", origin_init());
  for (const std::string& m : members_) add(Stage::kSetUp, m, [this, m] { return member_init(m); });
  say(Stage::kSetUp, "origin", {"pool", "define", path("topology.toml").string()});
  for (const std::string& m : members_) {
    say(Stage::kEnrolled, m, {"member", "enrol"});
    add(Stage::kEnrolled, "origin", [this, m] { return admit(m); });
    add(Stage::kEnrolled, m, [this, m] { return confirm(m); });
  }
  say(Stage::kGenerated, "origin", generate());
  say(Stage::kReleased, "origin", release());
  for (const std::string& m : members_) say(Stage::kDelivered, m, {"member", "receive"});
  say(Stage::kProven, "origin", {"pool", "challenge", "edge"});
  for (const std::string& m : members_) say(Stage::kProven, m, {"member", "prove"});
  say(Stage::kProven, "origin",
      {"pool", "attest", "edge", "--out", path("out/attestation.cms").string()});
  say(Stage::kCertified, "origin", create_request());
  say(Stage::kCertified, "origin", issue());
  say(Stage::kCertified, "origin", {"certificate", "publish", "av@1"});
  for (const std::string& m : members_) say(Stage::kCertified, m, {"member", "install"});
  return out;
}

std::string Deployment::nss_arguments(const std::string& side) const {
  return "configdir='sql:" + path("nss-" + side).string() +
         "' certPrefix='' keyPrefix='' secmod='secmod.db' flags= ";
}

Words Deployment::nss_token(const std::string& side) const {
  const fs::path folder = path("nss-" + side);
  make_private_folder(folder);
  // certutil wants a line; poolkey drops one newline.
  write_file(path("pins/" + side + ".line"), pin(side) + "\n", 0600);
  const Outcome made = run({.words = {"certutil", "-N", "-d", "sql:" + folder.string(), "-f",
                                      path("pins/" + side + ".line").string()}});
  if (made.status != 0) give_up({"certutil"}, made);
  return {"--existing-token",   "--module",         kNss, "--token", "NSS Certificate DB",
          "--module-arguments", nss_arguments(side)};
}

Words Deployment::generate(const std::string& name, const std::string& policy) const {
  return {"key",
          "generate",
          name,
          "--pool",
          "edge",
          "--policy",
          policy.empty() ? source("policies/av-auth.toml") : policy};
}

Words Deployment::release(const std::string& version) const {
  return {"key", "release", version, "--pool", "edge"};
}

Words Deployment::create_request() const {
  return {"request",       "create", "--pool", "edge",  "--role",
          "edge-external", "--key",  "av@1",   "--out", path("out/csr.pem").string()};
}

Words Deployment::issue() const {
  return {"certificate",
          "issue",
          "edge.edge-external.av@1.internal",
          "--out",
          path("out/cert.pem").string(),
          "--chain-out",
          path("out/chain.pem").string()};
}

void Deployment::receive_all() const {
  for (const std::string& m : members_) must(m, {"member", "receive"});
}

void Deployment::prove_all() const {
  must("origin", {"pool", "challenge", "edge"});
  for (const std::string& m : members_) must(m, {"member", "prove"});
}

std::string Deployment::replica(const std::string& member, const std::string& version) const {
  const json::object status = json_on("origin", {"--direct", "status"});
  for (const json::value& pool : json::as_array(status, "pools", "status"))
    for (const json::value& m : json::as_array(pool.as_object(), "members", "status")) {
      const json::object& one = m.as_object();
      if (json::text(one, "name", "status") == member &&
          json::text(one, "key", "status") == version)
        return json::text(one, "state", "status");
    }
  return "not listed";
}

std::vector<std::string> Deployment::unfinished(const std::string& side) const {
  auto database = store::Database::open(home(side) / "state.db");
  std::vector<std::string> out;
  for (const store::Row& row :
       database.rows("SELECT verb, subject FROM operation WHERE state = 'running'"))
    out.push_back(row.text("verb") + " " + row.text("subject"));
  return out;
}

std::int64_t Deployment::count(const std::string& side, const std::string& table_and_where) const {
  auto database = store::Database::open(home(side) / "state.db");
  return database.row("SELECT COUNT(*) AS n FROM " + table_and_where)->integer("n");
}

Outcome Deployment::pkcs11_tool(const std::string& side, const std::string& options) const {
  return shell("pkcs11-tool --module " + std::string(kModule) + " --token-label " +
                   (side == "origin" ? "poolkey-origin" : side) + " --login --pin env:PIN " +
                   options,
               {{"PIN", pin(side)}, {"SOFTHSM2_CONF", (home(side) / "softhsm2.conf").string()}});
}

std::vector<std::string> Deployment::objects(const std::string& side,
                                             const std::string& type) const {
  const Outcome listed = pkcs11_tool(side, "--list-objects --type " + type);
  if (listed.status != 0) give_up({"pkcs11-tool"}, listed);
  std::vector<std::string> out;
  std::istringstream lines(listed.out);
  for (std::string line; std::getline(lines, line);) {
    const auto value = [&] {
      const std::size_t at = line.find_first_not_of(' ', line.find(':') + 1);
      return " " + (at == std::string::npos ? "(none)" : line.substr(at));
    };
    if (line.find("Object;") != std::string::npos)
      out.push_back(line.substr(0, line.find(';')));
    else if (!out.empty() && (line.starts_with("  label:") || line.starts_with("  ID:")))
      out.back() += value();
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::string Deployment::inventory() const {
  std::string out;
  for (const std::string& side : set_up_sides()) {
    if (side == nss_) continue;  // pkcs11-tool cannot tell NSS where its token is
    out += side + "\n";
    for (const char* type : {"privkey", "pubkey", "secrkey", "cert", "data"})
      for (const std::string& object : objects(side, type)) out += "  " + object + "\n";
    for (const char* table : {"pool", "policy_text", "key_version", "release_key", "envelope",
                              "receipt", "challenge", "certificate", "ca_certificate", "ca_crl",
                              "received", "accepted", "member WHERE state = 'enrolled'"})
      out += "  " + std::string(table) + " " + std::to_string(count(side, table)) + "\n";
    auto database = store::Database::open(home(side) / "state.db");
    for (const store::Row& row : database.rows("SELECT id, state FROM request ORDER BY id"))
      out += "  request " + row.text("id") + " " + row.text("state") + "\n";
  }
  return out;
}

std::string Deployment::shape() const {
  std::string out;
  std::istringstream lines(inventory());
  for (std::string line; std::getline(lines, line);) {
    const bool object = line.find(" Object ") != std::string::npos;
    out += (object ? line.substr(0, line.rfind(' ')) : line) + "\n";
  }
  return out;
}

testing::AssertionResult Deployment::audit_is_whole() const {
  for (const std::string& side : set_up_sides()) {
    if (side != "origin" && count(side, "setting WHERE name = 'poolkey-identity.spki'") == 0)
      continue;  // it has no key to sign checkpoints with yet
    const Outcome outcome = on(side, {"audit", "verify"});
    if (outcome.status != 0) return testing::AssertionFailure() << side << ": " << outcome.text();
  }
  return testing::AssertionSuccess();
}

}  // namespace poolkey::test
