#include "store/sql.h"

#include <sys/stat.h>

#include <fstream>

#include "base/file.h"
#include "tests/base/process.h"
#include "tests/support/matchers.h"

namespace poolkey::store {
namespace {

using test::ThrowsErrc;

constexpr auto kShort = std::chrono::milliseconds(50);

class SqlTest : public testing::Test {
 protected:
  Database open() { return Database::open(file_); }
  void insert(Database& db, const std::string& name, const Param& value) {
    db.run("INSERT INTO setting (name, value) VALUES (:name, :value)",
           {{"name", name}, {"value", value}});
  }
  std::int64_t count(Database& db) {
    return db.row("SELECT COUNT(*) AS n FROM setting")->integer("n");
  }
  test::Scratch folder_;
  const std::filesystem::path file_ = folder_ / "state.db";
};

TEST_F(SqlTest, KeepsIntegersBeyond32Bits) {
  Database db = open();
  db.run("CREATE TABLE big (n BIGINT NOT NULL)");
  for (const std::int64_t n : {std::int64_t{5000000000}, INT64_MAX, INT64_MIN, std::int64_t{-1}}) {
    db.run("DELETE FROM big");
    db.run("INSERT INTO big (n) VALUES (:n)", {{"n", n}});
    EXPECT_EQ(db.row("SELECT n FROM big")->integer("n"), n);
    EXPECT_EQ(db.row("SELECT MAX(n) AS m FROM big")->integer("m"), n);
    EXPECT_EQ(db.rows("SELECT n FROM big WHERE n = :n", {{"n", n}}).size(), 1U);
  }
}

TEST_F(SqlTest, RefusesColumnsThatSociWouldCutShort) {
  Database db = open();
  db.run("CREATE TABLE small (n INTEGER)");
  db.run("INSERT INTO small (n) VALUES (5000000000)");
  EXPECT_THAT([&] { db.rows("SELECT n FROM small"); }, ThrowsErrc(Errc::kInternal, "BIGINT"));
}

TEST_F(SqlTest, KeepsTextAsItIs) {
  Database db = open();
  for (const std::string& text :
       {std::string(), std::string("it's \"quoted\"; :name ? ü"), std::string(100000, 'x')}) {
    db.run("DELETE FROM setting");
    insert(db, "a", text);
    EXPECT_EQ(db.row("SELECT value FROM setting")->text("value"), text);
  }
}

TEST_F(SqlTest, TellsNullFromEmpty) {
  Database db = open();
  db.run("CREATE TABLE maybe (t TEXT, n BIGINT)");
  db.run("INSERT INTO maybe (t, n) VALUES (:t, :n)", {{"t", nullptr}, {"n", nullptr}});
  const auto row = db.row("SELECT t, n FROM maybe");
  EXPECT_TRUE(row->is_null("t"));
  EXPECT_EQ(row->optional_text("t"), std::nullopt);
  EXPECT_THAT([&] { row->text("t"); }, ThrowsErrc(Errc::kInternal));
  EXPECT_THAT([&] { row->integer("n"); }, ThrowsErrc(Errc::kInternal));
  EXPECT_THAT([&] { (void)row->is_null("other"); }, ThrowsErrc(Errc::kInternal, "other"));
}

TEST_F(SqlTest, FindsOneRowOrNoneAndRefusesSeveral) {
  Database db = open();
  EXPECT_EQ(db.row("SELECT value FROM setting"), std::nullopt);
  insert(db, "a", "1");
  insert(db, "b", "2");
  EXPECT_EQ(db.rows("SELECT name FROM setting ORDER BY name").back().text("name"), "b");
  EXPECT_THAT([&] { db.row("SELECT name FROM setting"); }, ThrowsErrc(Errc::kInternal));
}

TEST_F(SqlTest, CountsChangedRows) {
  Database db = open();
  insert(db, "a", "1");
  insert(db, "b", "1");
  EXPECT_EQ(db.run("UPDATE setting SET value = '2' WHERE value = '1'"), 2);
  EXPECT_EQ(db.run("UPDATE setting SET value = '2' WHERE value = '1'"), 0);
}

TEST_F(SqlTest, RunsOneStatementForManyRows) {
  Database database = open();
  database.run("CREATE TABLE many (n BIGINT PRIMARY KEY, word TEXT)");
  const std::string insert = "INSERT INTO many (n, word) VALUES (:n, :word)";
  const auto row = [](std::int64_t n, Param word) { return Params{{"n", n}, {"word", word}}; };
  EXPECT_THAT([&] { database.run_each(insert, {row(1, "a")}); }, ThrowsErrc(Errc::kInternal));
  {
    Transaction transaction(database);
    database.run_each(insert, {row(1, "one"), row(2, nullptr), row(3, "three")});
    database.run_each(insert, {});
    transaction.commit();
  }
  const auto found = database.rows("SELECT word FROM many ORDER BY n");
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].text("word"), "one");
  EXPECT_TRUE(found[1].is_null("word"));
  EXPECT_EQ(found[2].text("word"), "three");
  Transaction transaction(database);
  EXPECT_THAT(
      [&] {
        database.run_each(insert, {row(4, "four"), {{"word", "x"}, {"n", 5}}});
      },
      ThrowsErrc(Errc::kInternal));
  EXPECT_THAT([&] { transaction.commit(); }, ThrowsErrc(Errc::kInternal));
}

TEST_F(SqlTest, NamesAParameterOnceAndUsesItTwice) {
  Database db = open();
  insert(db, "a", "a");
  EXPECT_TRUE(db.row("SELECT name FROM setting WHERE name = :x AND value = :x", {{"x", "a"}}));
}

TEST_F(SqlTest, RefusesParametersWithoutValues) {
  Database db = open();
  EXPECT_THAT([&] { db.rows("SELECT name FROM setting WHERE name = :x"); },
              ThrowsErrc(Errc::kInternal));
  EXPECT_THAT(
      [&] {
        db.rows("SELECT name FROM setting WHERE name = :x", {{"y", "a"}});
      },
      ThrowsErrc(Errc::kInternal));
  EXPECT_THAT(
      [&] {
        db.rows("SELECT name FROM setting", {{"y", "a"}});
      },
      ThrowsErrc(Errc::kInternal));
}

TEST_F(SqlTest, TranslatesConstraintsWithoutTellingValues) {
  Database db = open();
  insert(db, "a", "canary");
  try {
    insert(db, "a", "canary");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kAlreadyExists);
    EXPECT_THAT(error.what(), testing::HasSubstr("setting.name"));
    EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("canary")));
    EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("INSERT")));
  }
  EXPECT_THAT(
      [&] {
        db.run("INSERT INTO member (pool, name, state) VALUES (:pool, :name, :state)",
               {{"pool", "none"}, {"name", "edge-1"}, {"state", "invited"}});
      },
      ThrowsErrc(Errc::kConflict));
  EXPECT_THAT([&] { insert(db, "b", nullptr); }, ThrowsErrc(Errc::kInternal));
}

TEST_F(SqlTest, HidesABrokenStatement) {
  Database db = open();
  try {
    db.rows("SELECT canary FROM nowhere");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kInternal);
    EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("canary")));
  }
}

TEST_F(SqlTest, RollsBackWithoutCommit) {
  Database db = open();
  {
    Transaction transaction(db);
    insert(db, "a", "1");
    EXPECT_EQ(count(db), 1);
  }
  EXPECT_EQ(count(db), 0);
  {
    Transaction transaction(db);
    insert(db, "a", "1");
    transaction.commit();
  }
  Database again = open();
  EXPECT_EQ(count(again), 1);
}

TEST_F(SqlTest, RefusesATransactionWithinATransaction) {
  Database db = open();
  Transaction outer(db);
  insert(db, "a", "1");
  EXPECT_THAT([&] { const Transaction inner(db); }, ThrowsErrc(Errc::kInternal));
  outer.commit();
  EXPECT_EQ(count(db), 1);
}

TEST_F(SqlTest, RefusesToCommitAfterAFailure) {
  Database db = open();
  insert(db, "a", "1");
  {
    Transaction transaction(db);
    insert(db, "b", "1");
    EXPECT_THAT([&] { insert(db, "a", "2"); }, ThrowsErrc(Errc::kAlreadyExists));
    EXPECT_THAT([&] { transaction.commit(); }, ThrowsErrc(Errc::kInternal));
  }
  EXPECT_EQ(count(db), 1);
  Transaction(db).commit();
}

TEST_F(SqlTest, TakesConcurrentWritersOfTwoProcesses) {
  constexpr int kEach = 100;
  const auto increments = [&] {
    Database db = open();
    for (int i = 0; i < kEach; ++i) {
      // Read, then write: with a deferred transaction this fails at once.
      Transaction transaction(db);
      const auto row = db.row("SELECT value FROM setting WHERE name = 'n'");
      const std::string next = std::to_string((row ? std::stoi(row->text("value")) : 0) + 1);
      db.run(
          "INSERT INTO setting (name, value) VALUES ('n', :value)"
          " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
          {{"value", next}});
      transaction.commit();
    }
  };
  // Both also find the file missing, and race to make it.
  const pid_t one = test::start_child(increments);
  const pid_t two = test::start_child(increments);
  EXPECT_EQ(test::end_of(one), 0);
  EXPECT_EQ(test::end_of(two), 0);
  EXPECT_EQ(open().row("SELECT value FROM setting")->text("value"), std::to_string(2 * kEach));
}

TEST_F(SqlTest, SaysWhenAnotherIsWriting) {
  Database holder = open();
  Database waiter = Database::open(file_, kShort);
  const Transaction held(holder);
  EXPECT_THAT([&] { insert(waiter, "a", "1"); }, ThrowsErrc(Errc::kTimeout, file_.string()));
  EXPECT_THAT([&] { const Transaction refused(waiter); }, ThrowsErrc(Errc::kTimeout));
  EXPECT_EQ(count(waiter), 0);  // readers do not wait
  EXPECT_EQ(count(holder), 0);
  const Database third = Database::open(file_, kShort);  // nor does opening
}

TEST_F(SqlTest, ASecondConnectionOfTheProcessKeepsTheLockOfTheFirst) {
  Database holder = open();
  const Transaction held(holder);
  { const Database passing = Database::open(file_, kShort); }
  EXPECT_NE(test::run_child([&] {
              Database other = Database::open(file_, kShort);
              insert(other, "a", "1");
            }),
            0);
}

TEST_F(SqlTest, KeepsTheFileToItsOwner) {
  Database db = open();
  insert(db, "a", "1");
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    struct stat status {};
    ASSERT_EQ(::stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U) << entry.path();
  }
}

TEST_F(SqlTest, OpensPathsThatConnectionStringsFindHard) {
  for (const std::string name : {"a b.db", "a=b.db", "dbname=x y.db", "it's.db"}) {
    {
      Database::open(folder_ / name).run("DELETE FROM setting");
    }
    EXPECT_TRUE(std::filesystem::file_size(folder_ / name) > 0) << name;
  }
  EXPECT_THAT([&] { Database::open(folder_ / "a\"b.db"); }, ThrowsErrc(Errc::kInvalidArgument));
}

TEST_F(SqlTest, SaysWhenTheFolderIsMissing) {
  EXPECT_THAT([&] { Database::open(folder_ / "none" / "state.db"); },
              ThrowsErrc(Errc::kUnavailable, "none/state.db"));
  EXPECT_THAT([&] { Database::open(folder_.path()); }, ThrowsErrc(Errc::kUnavailable));
}

TEST_F(SqlTest, SaysWhenTheFolderIsReadOnly) {
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0555), 0);
  EXPECT_EQ(test::run_child([&] {
              test::drop_root();
              try {
                open();
              } catch (const Error& error) {
                if (error.code() == Errc::kUnavailable) return;
                throw;
              }
              throw std::runtime_error("a read-only folder was written to");
            }),
            0);
  EXPECT_FALSE(std::filesystem::exists(file_));
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0700), 0);
}

TEST_F(SqlTest, SaysWhenTheDiskIsFullAndKeepsWhatWasThere) {
  Database db = open();
  insert(db, "a", "1");
  (void)db.rows("PRAGMA max_page_count = 1");  // as full as it is now
  {
    Transaction transaction(db);
    EXPECT_THAT([&] { insert(db, "b", std::string(1 << 20, 'x')); },
                ThrowsErrc(Errc::kUnavailable, "full"));
  }
  EXPECT_EQ(count(db), 1);
  (void)db.rows("PRAGMA max_page_count = 1000000");
  insert(db, "b", "2");
  db.check();
}

TEST_F(SqlTest, SaysWhenTheFileIsNoDatabase) {
  write_file(file_, std::string_view("this is not a database, though it is a file"));
  EXPECT_THAT([&] { open(); }, ThrowsErrc(Errc::kCorrupt, file_.string()));
}

TEST_F(SqlTest, SaysWhenTheFileIsCutShort) {
  {
    Database db = open();
    insert(db, "a", std::string(50000, 'x'));
  }
  std::filesystem::resize_file(file_, std::filesystem::file_size(file_) / 2);
  EXPECT_THAT([&] { open().check(); }, ThrowsErrc(Errc::kCorrupt, file_.string()));
}

TEST_F(SqlTest, FindsADamagedPage) {
  {
    Database db = open();
    insert(db, "a", std::string(50000, 'x'));
  }
  std::string content = read_file(file_);
  for (std::size_t page = 4096; page + 4096 <= content.size(); page += 4096)
    content.replace(page, 64, 64, '\x5a');
  write_file(file_, content);
  EXPECT_THAT([&] { open().check(); }, ThrowsErrc(Errc::kCorrupt, file_.string()));
}

TEST_F(SqlTest, ChecksAWholeFile) {
  Database db = open();
  insert(db, "a", "1");
  EXPECT_NO_THROW(db.check());
}

TEST_F(SqlTest, KeepsCommitsThroughSigkill) {
  EXPECT_TRUE(test::was_killed(test::run_child([&] {
    Database db = open();
    insert(db, "a", "1");
    Transaction transaction(db);
    insert(db, "b", "1");
    ::kill(::getpid(), SIGKILL);
  })));
  Database db = open();
  EXPECT_EQ(count(db), 1);
  db.check();
}

TEST_F(SqlTest, CopiesItselfWholeWhileItIsInUse) {
  Database db = open();
  insert(db, "a", std::string("1"));  // still in the write-ahead log
  Database other = open();
  const auto copy = folder_ / "copy.db";
  {
    const Transaction still(other);  // another connection holds the write lock
    db.copy_to(copy);
  }
  struct stat status {};
  ASSERT_EQ(::stat(copy.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  insert(db, "b", std::string("2"));
  Database copied = Database::open(copy);
  copied.check();
  EXPECT_EQ(count(copied), 1);
  EXPECT_EQ(count(db), 2);
  EXPECT_THAT([&] { db.copy_to(copy); }, ThrowsErrc(Errc::kAlreadyExists, "copy.db"));
  EXPECT_THAT([&] { db.copy_to(folder_ / "nowhere" / "copy.db"); },
              ThrowsErrc(Errc::kUnavailable, "nowhere"));
}

}  // namespace
}  // namespace poolkey::store
