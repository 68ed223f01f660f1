#include "store/migrations.h"

#include <sqlite3.h>

#include "base/file.h"
#include "tests/base/process.h"
#include "tests/support/matchers.h"

namespace poolkey::store {
namespace {

using test::ThrowsErrc;

class MigrationsTest : public testing::Test {
 protected:
  /// As another program would: without anything of ours.
  void sqlite(const char* sql) {
    sqlite3* connection = nullptr;
    ASSERT_EQ(sqlite3_open(file_.c_str(), &connection), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(connection, sql, nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(connection);
  }
  test::Scratch folder_;
  const std::filesystem::path file_ = folder_ / "state.db";
};

TEST_F(MigrationsTest, AreNumberedWithoutGaps) {
  std::int64_t expected = 1;
  for (const Migration& migration : migrations()) EXPECT_EQ(migration.number, expected++);
}

TEST_F(MigrationsTest, HoldOneStatementEachBecauseSociIgnoresTheRest) {
  for (const Migration& migration : migrations())
    for (const std::string_view statement : migration.statements)
      EXPECT_EQ(statement.find(';'), statement.npos) << statement;
}

TEST_F(MigrationsTest, UseNoTypesButTextAndBigint) {
  Database db = Database::open(file_);
  for (const Row& table : db.rows("SELECT name FROM sqlite_master WHERE type = 'table'"))
    for (const Row& column :
         db.rows("SELECT name, type FROM pragma_table_info(:name)", {{"name", table.text("name")}}))
      EXPECT_THAT(column.text("type"), testing::AnyOf("TEXT", "BIGINT"))
          << table.text("name") << "." << column.text("name");
}

TEST_F(MigrationsTest, AreAppliedOnce) {
  Database::open(file_);
  Database db = Database::open(file_);
  EXPECT_EQ(db.rows("SELECT version FROM schema_version").size(), migrations().size());
}

TEST_F(MigrationsTest, AreAppliedOnceByManyProcesses) {
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) children.push_back(test::start_child([&] { Database::open(file_); }));
  for (const pid_t child : children) EXPECT_EQ(test::end_of(child), 0);
  Database db = Database::open(file_);
  EXPECT_EQ(db.rows("SELECT version FROM schema_version").size(), migrations().size());
}

TEST_F(MigrationsTest, RefuseANewerSchema) {
  {
    Database db = Database::open(file_);
    db.run("INSERT INTO schema_version (version, name) VALUES (999, 'later')");
  }
  EXPECT_THAT([&] { Database::open(file_); }, ThrowsErrc(Errc::kUnsupported, "schema 999"));
}

TEST_F(MigrationsTest, LeaveTheDatabaseOfAnotherApplicationAlone) {
  sqlite("CREATE TABLE theirs (a TEXT)");
  const std::string before = read_file(file_);
  EXPECT_THAT([&] { Database::open(file_); },
              ThrowsErrc(Errc::kInvalidArgument, "another application"));
  EXPECT_EQ(read_file(file_), before);
}

TEST_F(MigrationsTest, LeaveAnotherApplicationsEmptyDatabaseAlone) {
  sqlite("PRAGMA application_id = 42");
  EXPECT_THAT([&] { Database::open(file_); }, ThrowsErrc(Errc::kInvalidArgument));
}

TEST_F(MigrationsTest, TakeAnEmptyFile) {
  write_file(file_, std::string_view());
  EXPECT_NO_THROW(Database::open(file_));
}

}  // namespace
}  // namespace poolkey::store
