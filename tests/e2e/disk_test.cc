// Disks that take no more, that may only be read, and databases that are not the ones they were:
// each is named, nothing is left half done, and the same verb completes once it is mended.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <sstream>

#include "base/file.h"
#include "e2e/deployment.h"
#include "store/sql.h"

namespace poolkey::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// A file system of its own, in memory, on which the deployments of a test lie. Needs the right to
/// mount.
class SmallDisk {
 public:
  SmallDisk() : at_(scratch_->path() / "disk") {
    fs::create_directory(at_);
    mounted_ = ::mount("tmpfs", at_.c_str(), "tmpfs", 0, "size=24m,mode=0755") == 0;
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted_) (void)::umount2(at_.c_str(), MNT_DETACH);
  }

  bool mounted() const { return mounted_; }
  /// A deployment that lies on it.
  Deployment at(Stage stage) const {
    const char* folder = std::getenv("TMPDIR");
    const std::string before = folder == nullptr ? "" : folder;
    ::setenv("TMPDIR", at_.c_str(), 1);
    Deployment out = Deployment::at(stage);
    ::setenv("TMPDIR", before.c_str(), 1);
    return out;
  }
  /// Leaves this many octets free.
  void fill(std::size_t free) const {
    struct statvfs room {};
    ASSERT_EQ(::statvfs(at_.c_str(), &room), 0);
    const auto octets = static_cast<off_t>(room.f_bavail * room.f_bsize - free);
    const int fd = ::open((at_ / "filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    EXPECT_EQ(::posix_fallocate(fd, 0, octets), 0);
    ::close(fd);
  }
  void clear() const { fs::remove(at_ / "filler"); }
  void set_read_only(bool read_only) const {
    ASSERT_EQ(::mount("tmpfs", at_.c_str(), "tmpfs", MS_REMOUNT | (read_only ? MS_RDONLY : 0),
                      "size=24m"),
              0);
  }

 private:
  std::unique_ptr<Scratch> scratch_ = Deployment::folder();
  fs::path at_;
  bool mounted_ = false;
};

struct Subject {
  std::string name;
  std::string side;
  Stage before;
  Words (*verb)(const Deployment&);
};

std::ostream& operator<<(std::ostream& out, const Subject& subject) { return out << subject.name; }

const std::vector<Subject>& subjects() {
  static const auto& all = *new std::vector<Subject>{
      {"KeyGenerate", "origin", Stage::kEnrolled, [](const Deployment& d) { return d.generate(); }},
      {"KeyRelease", "origin", Stage::kGenerated, [](const Deployment& d) { return d.release(); }},
      {"MemberReceive", "edge1", Stage::kReleased,
       [](const Deployment&) {
         return Words{"member", "receive"};
       }},
      {"PoolAttest", "origin", Stage::kProven,
       [](const Deployment&) {
         return Words{"pool", "attest", "edge"};
       }},
      {"RequestCreate", "origin", Stage::kProven,
       [](const Deployment& d) { return d.create_request(); }},
  };
  return all;
}

class DiskTest : public testing::TestWithParam<Subject> {
 protected:
  void SetUp() override {
    (void)Deployment::at(GetParam().before);  // made on the large disk, then copied
    disk_ = std::make_unique<SmallDisk>();
    if (!disk_->mounted()) GTEST_SKIP() << "no right to mount a file system here";
  }

  std::unique_ptr<SmallDisk> disk_;
};

TEST_P(DiskTest, FullAtAnyPointItIsNamedAndNothingIsHalfDone) {
  const auto& [name, side, before, verb] = GetParam();
  const Deployment clean = Deployment::at(before);
  clean.must(side, verb(clean));
  const std::string wanted = clean.shape();
  int refused_times = 0;
  for (const std::size_t free : {0U, 8192U, 24576U, 65536U, 131072U, 262144U}) {
    SCOPED_TRACE(std::to_string(free) + " octets free");
    const Deployment d = disk_->at(before);
    disk_->fill(free);
    const Outcome outcome = d.on(side, verb(d));
    disk_->clear();
    if (outcome.status != 0) {
      ++refused_times;
      EXPECT_EQ(outcome.status, 8) << outcome.text();
      EXPECT_THAT(outcome.err, HasSubstr("poolkey: "));
    }
    EXPECT_TRUE(succeeded(d.on(side, verb(d))));
    EXPECT_EQ(d.shape(), wanted);
    EXPECT_TRUE(d.audit_is_whole());
  }
  EXPECT_GE(refused_times, 2);
}

TEST_P(DiskTest, ReadOnlyItIsNamedAndNothingIsHalfDone) {
  const auto& [name, side, before, verb] = GetParam();
  const Deployment d = disk_->at(before);
  const Words words = verb(d);
  const std::string as_before = d.shape();
  disk_->set_read_only(true);
  EXPECT_TRUE(refused(d.on(side, words), 8, {side}));
  disk_->set_read_only(false);
  EXPECT_EQ(d.shape(), as_before);
  EXPECT_TRUE(succeeded(d.on(side, words)));
}

INSTANTIATE_TEST_SUITE_P(Verbs, DiskTest, testing::ValuesIn(subjects()),
                         [](const auto& subject) { return subject.param.name; });

// ---- Databases

fs::path database_of(const Deployment& d, const std::string& side) {
  return d.home(side) / "state.db";
}

/// The verbs that change something at the origin, whatever they need.
const std::vector<Words>& changing_verbs() {
  static const auto& all = *new std::vector<Words>{{"pool", "challenge", "edge"},
                                                   {"pool", "collect", "edge"},
                                                   {"pool", "reconcile", "edge"},
                                                   {"certificate", "publish", "av@1"},
                                                   {"key", "release", "av@1", "--pool", "edge"},
                                                   {"audit", "checkpoint"}};
  return all;
}

TEST(OlderDatabaseTest, IsRefusedByEveryVerbThatChangesSomething) {
  const Deployment d = Deployment::at(Stage::kGenerated);
  const std::string older = read_file(database_of(d, "origin"));
  d.must("origin", d.release());
  d.must("origin", d.generate());
  write_file(database_of(d, "origin"), older, 0600);
  fs::remove(database_of(d, "origin").string() + "-wal");
  const std::string before = d.inventory();
  std::vector<Words> verbs = changing_verbs();
  verbs.push_back(d.generate());
  verbs.push_back({"pool", "define", d.path("topology.toml").string()});
  for (const Words& verb : verbs) {
    SCOPED_TRACE(verb[0] + " " + verb[1]);
    EXPECT_TRUE(refused(d.on("origin", verb), 11, {"state.db", "older copy"}));
  }
  EXPECT_EQ(d.inventory(), before);
  const Outcome verified = d.on("origin", {"audit", "verify"});
  EXPECT_TRUE(refused(verified, 11, {"missing", "older copy was restored"}));
}

TEST(OlderDatabaseTest, OfAMemberIsRefused) {
  const Deployment d = Deployment::at(Stage::kEnrolled);
  const std::string older = read_file(database_of(d, "edge1"));
  d.must("origin", d.generate());
  d.must("origin", d.release());
  d.must("edge1", {"member", "receive"});
  write_file(database_of(d, "edge1"), older, 0600);
  EXPECT_TRUE(refused(d.on("edge1", {"member", "receive"}), 11, {"edge1", "older copy"}));
}

TEST(OlderDatabaseTest, IsGoneOnFromOnlyWhenToldSoAndMembersGoAlong) {
  const Deployment d = Deployment::at(Stage::kGenerated);
  const Words resume{"audit", "resume", "--reason", "the disk was lost"};
  EXPECT_TRUE(refused(d.on("origin", resume), 6, {"not an older one"}));
  const std::string older = read_file(database_of(d, "origin"));
  d.must("origin", d.release());
  d.receive_all();
  write_file(database_of(d, "origin"), older, 0600);
  EXPECT_TRUE(refused(d.on("origin", d.release()), 11, {"older copy", "audit resume"}));
  d.must("origin", resume);
  EXPECT_TRUE(succeeded(d.on("origin", {"audit", "verify"})));
  EXPECT_THAT(d.must("origin", {"audit", "export"}), HasSubstr("the disk was lost"));
  d.must("origin", d.release());
  d.receive_all();
  d.prove_all();
  d.must("origin", {"pool", "attest", "edge"});
  EXPECT_TRUE(succeeded(d.on("origin", {"status", "--check"})));
}

TEST(TruncatedAuditLogTest, IsFoundByTheTokenAndByTheWitness) {
  const Deployment d = Deployment::at(Stage::kSetUp);
  const std::string witness = d.path("witness.jsonl").string();
  d.must("origin", {"--witness", witness, "audit", "checkpoint"});
  EXPECT_THAT(d.must("origin", {"--witness", witness, "audit", "verify"}),
              HasSubstr("every head known to '" + witness + "', the token"));
  store::Database::open(database_of(d, "origin"))
      .run("DELETE FROM audit_entry WHERE seq = (SELECT MAX(seq) FROM audit_entry)");
  EXPECT_TRUE(refused(d.on("origin", {"audit", "verify"}), 11, {"missing"}));
  const std::string log = d.path("log.jsonl").string(), signer = d.path("signer.pem").string();
  d.must("origin", {"audit", "export", "--out", log, "--signer-out", signer});
  const auto offline = [&](const Words& more) {
    Words words{POOLKEY_PROGRAM, "audit", "verify", log, "--signer", signer};
    words.insert(words.end(), more.begin(), more.end());
    return run({.words = words});
  };
  EXPECT_TRUE(succeeded(offline({})));  // from inside it looks whole
  EXPECT_TRUE(refused(offline({"--witness", witness}), 11, {"missing"}));
}

TEST(WitnessTest, ALineThatTheAuditSignerDidNotSignIsNamed) {
  const Deployment d = Deployment::at(Stage::kSetUp);
  const std::string witness = d.path("witness.jsonl").string();
  d.must("origin", {"--witness", witness, "audit", "checkpoint"});
  d.must("origin", {"--witness", witness, "audit", "checkpoint"});
  const std::string good = read_file(witness);
  const std::size_t signature = good.find("\"signature\":\"");
  std::string forged = good;
  forged[signature + 40] = forged[signature + 40] == 'A' ? 'B' : 'A';
  write_file(witness, forged);
  EXPECT_TRUE(refused(d.on("origin", {"--witness", witness, "audit", "verify"}), 11,
                      {"witness.jsonl", "not signed"}));
  write_file(witness, good.substr(0, good.size() / 3));
  EXPECT_TRUE(refused(d.on("origin", {"--witness", witness, "audit", "verify"}), 11, {"line 1"}));
}

TEST(WitnessTest, OneThatCannotBeWrittenIsNamedAndTheActStands) {
  const Deployment d = Deployment::at(Stage::kEnrolled);
  Words verb = d.generate();
  verb.insert(verb.begin(), {"--witness", "/proc/nowhere/witness"});
  EXPECT_TRUE(refused(d.on("origin", verb), 8, {"is done", "/proc/nowhere/witness"}));
  EXPECT_EQ(d.count("origin", "key_version WHERE key_name = 'av'"), 1);
  d.must("origin", {"--witness", d.path("w").string(), "audit", "checkpoint"});
  EXPECT_TRUE(d.audit_is_whole());
}

/// Whole pages of the file overwritten, one after the other.
TEST(DamagedDatabaseTest, IsNamedBeforeAnythingIsDone) {
  const Deployment clean = Deployment::at(Stage::kGenerated);
  const std::string good = read_file(database_of(clean, "origin"));
  constexpr std::size_t kPage = 4096;
  const std::string before = clean.inventory();
  for (std::size_t page = 0; page < good.size() / kPage; page += 5) {
    SCOPED_TRACE("page " + std::to_string(page));
    std::string damaged = good;
    damaged.replace(page * kPage, 100, 100, '\x5a');
    write_file(database_of(clean, "origin"), damaged, 0600);
    EXPECT_TRUE(refused(clean.on("origin", clean.release()), 11, {"state.db", "backup"}));
  }
  write_file(database_of(clean, "origin"), good, 0600);
  EXPECT_EQ(clean.inventory(), before);
  clean.must("origin", clean.release());
}

}  // namespace
}  // namespace poolkey::test
