// An origin and its members as separate processes see them: a home, a token, PINs and a
// configuration for each, and a mailbox between them. Only the command line is used.
// Called by: tests/e2e, tests/cli.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/process.h"
#include "e2e/command.h"

namespace poolkey::test {

/// How far the main job has come.
enum class Stage {
  kNothing,
  kSetUp,
  kEnrolled,
  kGenerated,
  kReleased,
  kDelivered,
  kProven,
  kCertified
};

/// Words of one verb.
using Words = std::vector<std::string>;

/// One verb of the main job. Its words may hold what earlier verbs gave, so they are asked for when
/// it is its turn.
struct Step {
  Stage stage;
  std::string side;
  std::function<Words()> words;
};

class Deployment {
 public:
  /// Pool 'edge' with this many members (edge1, edge2, ...), its key av@1 brought up to `stage`.
  /// The first of a kind in a process is made, later ones are copies of it.
  /// Beyond 20 members, which is what a topology may name, the pool does not know them yet.
  /// The token of the member `nss` is one of NSS softokn, which was there before.
  static Deployment at(Stage stage, std::size_t members = 2, const std::string& nss = "");
  /// As it stands, in a folder of its own.
  Deployment copy() const;
  /// What the verbs that set up a side are given on top ("--module").
  void init_with(Words more) { more_for_init_ = std::move(more); }
  /// Every verb of the main job, in order. For as long as the deployment stays where it is.
  std::vector<Step> job() const;

  /// Where NSS softokn finds the token of `side`, as C_Initialize is told.
  std::string nss_arguments(const std::string& side) const;
  /// What an init verb is told to use an existing token of NSS softokn, made here for `side`.
  Words nss_token(const std::string& side) const;

  /// A scratch folder: in memory where there is some, because every act is synced to the disk.
  static std::unique_ptr<Scratch> folder();

  Deployment(Deployment&&) = default;

  const std::vector<std::string>& members() const { return members_; }
  std::filesystem::path path(const std::string& name) const { return root() / name; }
  std::filesystem::path home(const std::string& side) const { return path(side); }
  /// What the origin put into the mailbox for a member.
  std::filesystem::path mail(const std::string& member, const std::string& file) const;
  std::string pin(const std::string& side) const;
  /// The origin, then the members.
  std::vector<std::string> sides() const;

  /// Runs a verb of one side, with the security officer's PIN on descriptor 3. `adjust` may change
  /// the command before it runs.
  Outcome on(const std::string& side, const Words& verb,
             const std::function<void(Command&)>& adjust = {}) const;
  /// The same with --format json; throws unless it succeeds or ends with `status`.
  json::object json_on(const std::string& side, Words verb, int status = 0) const;
  /// The same for a verb that has to succeed; throws with all that was said if it does not.
  std::string must(const std::string& side, const Words& verb) const;
  /// A verb that is killed at a point of its journal ("key generate/record:after"); throws unless
  /// it came to that point.
  void crash(const std::string& side, const Words& verb, const std::string& point) const;

  // The verbs of the main job.
  Words generate(const std::string& name = "av", const std::string& policy = "") const;
  Words release(const std::string& version = "av@1") const;
  Words issue() const;
  Words origin_init() const;
  Words member_init(const std::string& member) const;
  Words admit(const std::string& member) const;
  Words confirm(const std::string& member) const;
  Words create_request() const;
  void receive_all() const;
  void prove_all() const;

  /// What `status` says of a member's replica: "present", "absent" or "unknown".
  std::string replica(const std::string& member, const std::string& version = "av@1") const;
  /// Versions whose operations are unfinished, as "verb subject", on one side.
  std::vector<std::string> unfinished(const std::string& side) const;
  /// One number of a side's database.
  std::int64_t count(const std::string& side, const std::string& table_and_where) const;

  /// A token as pkcs11-tool lists it: "Private Key Object av@1 2f11...", sorted. `type` is privkey,
  /// pubkey, secrkey or cert.
  std::vector<std::string> objects(const std::string& side, const std::string& type) const;
  /// pkcs11-tool, logged in to the token of one side.
  Outcome pkcs11_tool(const std::string& side, const std::string& options) const;
  /// All that a refused verb must leave alone: every token's objects, and what the databases know.
  /// Not the audit log, the journal, reserved release numbers and statements, which only count up.
  std::string inventory() const;
  /// The same without what chance chooses: key identifiers.
  std::string shape() const;
  /// Every side's audit log is whole.
  testing::AssertionResult audit_is_whole() const;

 private:
  Deployment(std::unique_ptr<Scratch> scratch, std::vector<std::string> members, std::string nss)
      : scratch_(std::move(scratch)), members_(std::move(members)), nss_(std::move(nss)) {}
  const std::filesystem::path& root() const { return scratch_->path(); }
  std::vector<std::string> set_up_sides() const;
  void prepare() const;
  Words with_more(Words init) const;

  std::unique_ptr<Scratch> scratch_;
  std::vector<std::string> members_;
  std::string nss_;  ///< the member whose token is NSS's; empty: none
  Words more_for_init_{};
};

/// The text with the first `from` replaced; throws if there is none.
std::string replaced(std::string text, const std::string& from, const std::string& to);

}  // namespace poolkey::test
