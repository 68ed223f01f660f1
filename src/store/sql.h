// The database: one connection, rows and parameters, transactions. SQLite today, by way of SOCI.
// May touch: base; SOCI and SQLite only in the .cc, their one home. Called by: repositories, audit.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace poolkey::store {

/// A value bound to a parameter or read from a column. Octets are stored as base64 or hex text.
using Param = std::variant<std::nullptr_t, std::int64_t, std::string>;

/// Values by name: `{{"pool", pool.str()}, {"version", 3}}` for ":pool" and ":version". Each name
/// in the SQL has exactly one value here, and the other way round.
using Params = std::vector<std::pair<std::string, Param>>;

/// One row of an answer. Column names are those of the SELECT ("COUNT(*) AS n" is "n").
class Row {
 public:
  /// Throws kInternal if there is no such column, it is NULL, or it is not text.
  const std::string& text(std::string_view column) const;
  /// As text(), for whole numbers (also those of an expression, which come as digits).
  std::int64_t integer(std::string_view column) const;
  /// The text, or nothing where the column is NULL.
  std::optional<std::string> optional_text(std::string_view column) const;
  /// Throws kInternal if there is no such column.
  bool is_null(std::string_view column) const;

 private:
  friend class Database;
  const Param& at(std::string_view column) const;
  std::vector<std::pair<std::string, Param>> columns_;
};

/// A connection. One thread at a time; never used on both sides of a fork. Every statement runs
/// durably in a transaction of its own unless a Transaction is open. SQL is one statement a call,
/// with named parameters, and in the words that SQLite and PostgreSQL share.
///
/// All calls throw kAlreadyExists (a unique name is taken), kConflict (a foreign key is missing or
/// still in use), kTimeout (another process is writing), kUnavailable (disk full, read-only,
/// unreadable), kCorrupt (the file is damaged), kInternal (a defect). Sentences name the file and
/// at most tables and columns: neither SQL text nor values.
class Database {
 public:
  /// Opens the file or makes it (mode 0600), and brings its schema up to date. `busy` is how long
  /// a write waits for other processes. Throws, besides the above, kInvalidArgument for a file of
  /// another application and kUnsupported for one that a newer poolkey has written.
  static Database open(const std::filesystem::path& path,
                       std::chrono::milliseconds busy = std::chrono::seconds(10));

  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();

  /// Runs a statement and returns how many rows it changed.
  std::int64_t run(std::string_view sql, const Params& params = {});
  /// The same for many rows, prepared once, in the open Transaction. The names, their order and
  /// kinds are those of the first; NULL counts as text.
  void run_each(std::string_view sql, const std::vector<Params>& rows);
  std::vector<Row> rows(std::string_view sql, const Params& params = {});
  /// The only row, or nothing. Throws kInternal if there are several.
  std::optional<Row> row(std::string_view sql, const Params& params = {});

  /// Reads the whole file and throws kCorrupt if a page or a reference is damaged; as slow as the
  /// file is large, so open() does it for files of up to 8 MiB only.
  void check();

  /// Writes a whole, compact copy of the database as it is at this moment to a new file (mode
  /// 0600), last commits and all; other processes go on meanwhile. Not within a Transaction. Throws
  /// kAlreadyExists if the file is there, and kUnavailable naming it where it cannot be written.
  void copy_to(const std::filesystem::path& file);

  /// A number that is another one after somebody else has committed a change: what was read before
  /// may not hold any more. For whoever waits for news; own commits do not count.
  std::int64_t version();

  const std::filesystem::path& path() const;

 private:
  friend class Transaction;
  struct Impl;
  explicit Database(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Several statements that happen together or not at all. It takes the write lock when it is
/// made (BEGIN IMMEDIATE), so what is read inside is still true when it is written; it rolls back
/// when destroyed without commit(). One within another is a defect (kInternal), and so is
/// commit() after a statement has failed: PostgreSQL would not keep such a transaction either.
class Transaction {
 public:
  explicit Transaction(Database& database);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();

  void commit();

 private:
  Database::Impl& impl_;
  bool open_ = true;
};

}  // namespace poolkey::store
