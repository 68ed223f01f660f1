#include "store/sql.h"

#include <fcntl.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <functional>
#include <thread>
#include <unordered_map>

#include "base/error.h"
#include "base/log.h"
#include "store/migrations.h"

namespace poolkey::store {
namespace {

namespace fs = std::filesystem;
namespace sqlite = sqlite_api;  // where SOCI puts <sqlite3.h>

/// "PKEY": marks the file as ours among SQLite databases.
constexpr std::int64_t kApplicationId = 0x504B4559;

constexpr auto kBusyPause = std::chrono::milliseconds(5);

/// SQLite's result codes as what the caller does next. SOCI's own categories say "unknown".
struct Kind {
  int result;  // an extended code, or a primary one that stands for all of its extended codes
  Errc code;
  std::string_view sentence;
};
constexpr std::array kKinds{
    Kind{SQLITE_CONSTRAINT_UNIQUE, Errc::kAlreadyExists, "already holds such an entry"},
    Kind{SQLITE_CONSTRAINT_PRIMARYKEY, Errc::kAlreadyExists, "already holds such an entry"},
    Kind{SQLITE_CONSTRAINT_FOREIGNKEY, Errc::kConflict,
         "lacks an entry that this one refers to, or still holds one that refers to this"},
    Kind{SQLITE_BUSY, Errc::kTimeout, "is being written by another process; try again"},
    Kind{SQLITE_LOCKED, Errc::kTimeout, "is being written by another process; try again"},
    Kind{SQLITE_FULL, Errc::kUnavailable,
         "cannot grow: the disk is full; nothing was changed, make room and run again"},
    Kind{SQLITE_READONLY, Errc::kUnavailable,
         "cannot be written: the file, its folder or the disk is read-only"},
    Kind{SQLITE_CANTOPEN, Errc::kUnavailable,
         "cannot be opened: check that its folder exists and can be written"},
    Kind{SQLITE_PERM, Errc::kUnavailable, "cannot be opened: permission denied"},
    Kind{SQLITE_IOERR, Errc::kUnavailable,
         "cannot be read or written: the disk reports an error, or is full"},
    Kind{SQLITE_NOTADB, Errc::kCorrupt,
         "is damaged, or no database at all: restore it from a backup"},
    Kind{SQLITE_CORRUPT, Errc::kCorrupt, "is damaged: restore it from a backup"},
};

const Kind* kind_of(int result) {
  for (const Kind& kind : kKinds)
    if (kind.result == result || kind.result == (result & 0xff)) return &kind;
  return nullptr;
}

/// Closing any descriptor of a database file drops every lock that this process holds on it
/// (POSIX), so a file that exists is never opened here, only asked about.
void prepare_file(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd >= 0) {
    ::close(fd);
    return;
  }
  struct stat status {};
  int error = errno;
  if (error == EEXIST)
    error = ::faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK, AT_EACCESS) == 0 ? 0 : errno;
  if (error == 0 && ::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) error = EISDIR;
  if (error != 0)
    throw Error(Errc::kUnavailable, "cannot open the database '" + path.string() +
                                        "' for writing: " + std::strerror(error));
}

std::int64_t to_integer(const std::string& digits, std::string_view column) {
  std::int64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (error != std::errc{} || stop != end)
    throw Error(Errc::kInternal, "column '" + std::string(column) + "' is not a whole number");
  return value;
}

Param read_column(const soci::row& row, std::size_t column) {
  if (row.get_indicator(column) == soci::i_null) return nullptr;
  switch (row.get_properties(column).get_data_type()) {
    case soci::dt_string:  // an expression such as MAX(seq) is one, too: Row::integer() reads it
      return row.get<std::string>(column);
    case soci::dt_long_long:
      return std::int64_t{row.get<long long>(column)};
    default:
      throw Error(Errc::kInternal, "column '" + row.get_properties(column).get_name() +
                                       "' is neither TEXT nor BIGINT: SOCI would cut it short");
  }
}

/// What SOCI stands on. The sanitizer may not look: SOCI hides the type information it would need.
__attribute__((no_sanitize("vptr"))) sqlite::sqlite3* connection_of(soci::session& session) {
  return static_cast<soci::sqlite3_session_backend*>(session.get_backend())->conn_;
}

__attribute__((no_sanitize("vptr"))) sqlite::sqlite3_stmt* handle_of(soci::statement& statement) {
  return static_cast<soci::sqlite3_statement_backend*>(statement.get_backend())->stmt_;
}

bool is_integer(const std::pair<std::string, Param>& param) {
  return std::holds_alternative<std::int64_t>(param.second);
}

/// Values where SOCI can point at them: they stand still while the statement lives.
class Bound {
 public:
  Bound(soci::statement& statement, const Params& params)
      : integers_(params.size()), texts_(params.size()), indicators_(params.size()) {
    for (const auto& param : params) kinds_.emplace_back(param.first, is_integer(param));
    take(params);
    for (std::size_t i = 0; i < params.size(); ++i) {
      const std::string& name = params[i].first;
      if (is_integer(params[i]))
        statement.exchange(soci::use(integers_[i], indicators_[i], name));
      else
        statement.exchange(soci::use(texts_[i], indicators_[i], name));
    }
  }

  /// The values of another row.
  void take(const Params& params) {
    if (!std::ranges::equal(params, kinds_, [](const auto& one, const auto& first) {
          return one.first == first.first && is_integer(one) == first.second;
        }))
      throw Error(Errc::kInternal, "rows of one statement have parameters of different kinds");
    for (std::size_t i = 0; i < params.size(); ++i) {
      const Param& value = params[i].second;
      indicators_[i] = std::holds_alternative<std::nullptr_t>(value) ? soci::i_null : soci::i_ok;
      if (const auto* integer = std::get_if<std::int64_t>(&value)) integers_[i] = *integer;
      if (const auto* text = std::get_if<std::string>(&value)) texts_[i] = *text;
    }
  }

 private:
  std::vector<long long> integers_;
  std::vector<std::string> texts_;
  std::vector<soci::indicator> indicators_;
  std::vector<std::pair<std::string, bool>> kinds_;
};

void prepare(soci::statement& statement, std::string_view sql, const Params& params) {
  statement.alloc();
  statement.prepare(std::string(sql));
  // SQLite takes NULL for a parameter without a value.
  if (sqlite::sqlite3_bind_parameter_count(handle_of(statement)) != static_cast<int>(params.size()))
    throw Error(Errc::kInternal, "a statement has parameters without values, or values without");
  statement.define_and_bind();
}

/// A statement that is compiled once and run many times: SQLite takes longer to read the text of
/// most of ours than to run them.
struct Prepared {
  Prepared(soci::session& session, std::string_view sql, const Params& params, bool answers)
      : statement(session), bound(statement, params) {
    if (answers) statement.exchange(soci::into(row));
    prepare(statement, sql, params);
  }

  soci::row row;
  soci::statement statement;
  Bound bound;
};

/// What tells one from the others: its text, and what is bound to it.
std::string key_of(std::string_view sql, const Params& params) {
  std::string out(sql);
  for (const auto& param : params) out += is_integer(param) ? 'i' : 't';
  return out;
}

/// Only what is run again and again; others (PRAGMA, BEGIN) are cheap, or must not be kept.
bool is_kept(std::string_view sql) {
  constexpr std::array<std::string_view, 4> kKept{"SELECT", "INSERT", "UPDATE", "DELETE"};
  return std::ranges::any_of(kKept, [&](std::string_view word) { return sql.starts_with(word); });
}

}  // namespace

/// How many statements a connection keeps.
constexpr std::size_t kPrepared = 256;

/// Up to this size a file is read whole when it is opened, which takes some milliseconds.
constexpr std::uintmax_t kCheckedAtOpen = std::uintmax_t{8} << 20;

struct Database::Impl {
  Impl(const fs::path& file, std::chrono::milliseconds busy)
      : path(file), session(soci::sqlite3, "dbname=\"" + file.string() + "\"") {
    sqlite::sqlite3_busy_timeout(connection(), static_cast<int>(busy.count()));
  }

  sqlite::sqlite3* connection() { return connection_of(session); }

  /// Neither SOCI's text (it quotes the SQL and the values) nor more of SQLite's than the names in
  /// "UNIQUE constraint failed: pool.name".
  [[noreturn]] void fail() {
    const int result = sqlite::sqlite3_extended_errcode(connection());
    const std::string text = sqlite::sqlite3_errmsg(connection());
    const std::string file = "the database '" + path.string() + "' ";
    if (const Kind* kind = kind_of(result)) {
      const auto names = (result & 0xff) == SQLITE_CONSTRAINT ? text.rfind(": ") : text.npos;
      throw Error(kind->code, file + std::string(kind->sentence) +
                                  (names == text.npos ? "" : " (" + text.substr(names + 2) + ")"));
    }
    log("store").debug("SQLite: {}", text);
    throw Error(Errc::kInternal, file + "refused a statement of ours (SQLite result " +
                                     std::to_string(result) + ")");
  }

  std::int64_t execute(std::string_view sql, const Params& params, std::vector<Row>* answer);
  void execute_each(std::string_view sql, const std::vector<Params>& rows);
  std::int64_t with_prepared(std::string_view sql, const Params& params, bool answers,
                             const std::function<std::int64_t(Prepared&)>& act);

  /// Runs `act`; what SOCI throws becomes our Error, and the transaction is lost either way.
  std::int64_t translate(const std::function<std::int64_t()>& act) {
    try {
      return act();
    } catch (const Error&) {
      statement_failed = true;
      throw;
    } catch (const soci::soci_error&) {
      statement_failed = true;
      fail();
    }
  }

  fs::path path;
  soci::session session;
  std::unordered_map<std::string, std::unique_ptr<Prepared>> prepared{};
  bool in_transaction = false;
  bool statement_failed = false;
};

std::int64_t Database::Impl::execute(std::string_view sql, const Params& params,
                                     std::vector<Row>* answer) {
  return with_prepared(sql, params, answer != nullptr, [&](Prepared& p) -> std::int64_t {
    if (answer == nullptr) {
      p.statement.execute(true);
      return p.statement.get_affected_rows();
    }
    p.statement.execute(false);
    while (p.statement.fetch()) {
      Row copy;
      for (std::size_t c = 0; c < p.row.size(); ++c)
        copy.columns_.emplace_back(p.row.get_properties(c).get_name(), read_column(p.row, c));
      answer->push_back(std::move(copy));
    }
    return 0;
  });
}

std::int64_t Database::Impl::with_prepared(std::string_view sql, const Params& params, bool answers,
                                           const std::function<std::int64_t(Prepared&)>& act) {
  return translate([&]() -> std::int64_t {
    if (!is_kept(sql)) {
      Prepared once(session, sql, params, answers);
      return act(once);
    }
    const std::string key = key_of(sql, params);
    auto found = prepared.find(key);
    // Out of the map while it runs: one that fails is not used again.
    std::unique_ptr<Prepared> mine;
    if (found != prepared.end()) {
      mine = std::move(found->second);
      prepared.erase(found);
      mine->bound.take(params);
    } else {
      mine = std::make_unique<Prepared>(session, sql, params, answers);
    }
    const std::int64_t out = act(*mine);
    if (prepared.size() >= kPrepared) prepared.clear();
    prepared.emplace(key, std::move(mine));
    return out;
  });
}

void Database::Impl::execute_each(std::string_view sql, const std::vector<Params>& rows) {
  if (rows.empty()) return;
  (void)with_prepared(sql, rows.front(), false, [&](Prepared& p) -> std::int64_t {
    for (const Params& row : rows) {
      p.bound.take(row);
      p.statement.execute(true);
    }
    return 0;
  });
}

namespace {

/// A database of another application is left exactly as it is. One statement, because another
/// process may be making the file ours just now.
bool is_ours(Database& database) {
  const auto found = database.rows(
      "SELECT (SELECT application_id FROM pragma_application_id) AS id,"
      " (SELECT COUNT(*) FROM sqlite_master) AS tables");
  const std::int64_t id = found.at(0).integer("id");
  if (id == kApplicationId) return true;
  if (id != 0 || found[0].integer("tables") != 0)
    throw Error(Errc::kInvalidArgument, "'" + database.path().string() +
                                            "' is a database of another application: name "
                                            "poolkey's own, or a file that does not exist yet");
  return false;
}

/// Readers then never wait for a writer, and a commit costs one sync instead of three or four.
/// SQLite does not wait here by itself while another process has the file open in the old mode.
void use_write_ahead_log(Database& database, std::chrono::milliseconds busy) {
  const auto deadline = std::chrono::steady_clock::now() + busy;
  while (true) {
    try {
      (void)database.rows("PRAGMA journal_mode = WAL");
      return;
    } catch (const Error& error) {
      if (error.code() != Errc::kTimeout || std::chrono::steady_clock::now() >= deadline) throw;
    }
    std::this_thread::sleep_for(kBusyPause);
  }
}

/// Marks a new file as ours, unless another process has just done so.
void adopt(Database& database) {
  Transaction transaction(database);
  if (is_ours(database)) return;
  database.run("PRAGMA application_id = " + std::to_string(kApplicationId));
  database.run(
      "CREATE TABLE schema_version (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL)");
  transaction.commit();
}

}  // namespace

Database Database::open(const fs::path& path, std::chrono::milliseconds busy) {
  // SOCI takes the path inside a connection string, in which a quote cannot be escaped.
  if (path.empty() || path.string().find('"') != std::string::npos)
    throw Error(Errc::kInvalidArgument,
                "'" + path.string() + "' cannot name a database: it is empty or has a quote in it");
  prepare_file(path);
  std::unique_ptr<Impl> impl;
  try {
    impl = std::make_unique<Impl>(path, busy);
  } catch (const soci::soci_error&) {
    throw Error(Errc::kUnavailable, "cannot open the database '" + path.string() +
                                        "': check that its folder can be written");
  }
  Database database(std::move(impl));
  const bool ours = is_ours(database);
  use_write_ahead_log(database, busy);
  // FULL: what a step has recorded is still there after a power failure.
  database.run("PRAGMA synchronous = FULL");
  database.run("PRAGMA foreign_keys = ON");
  database.run("PRAGMA trusted_schema = OFF");
  if (!ours) adopt(database);
  migrate(database);
  std::error_code unknown;
  if (fs::file_size(path, unknown) <= kCheckedAtOpen) database.check();
  return database;
}

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;
Database::~Database() = default;

std::int64_t Database::version() { return row("PRAGMA data_version")->integer("data_version"); }

const fs::path& Database::path() const { return impl_->path; }

std::int64_t Database::run(std::string_view sql, const Params& params) {
  return impl_->execute(sql, params, nullptr);
}

std::vector<Row> Database::rows(std::string_view sql, const Params& params) {
  std::vector<Row> answer;
  impl_->execute(sql, params, &answer);
  return answer;
}

void Database::run_each(std::string_view sql, const std::vector<Params>& rows) {
  if (!impl_->in_transaction) throw Error(Errc::kInternal, "many rows without a transaction");
  impl_->execute_each(sql, rows);
}

std::optional<Row> Database::row(std::string_view sql, const Params& params) {
  std::vector<Row> answer = rows(sql, params);
  if (answer.size() > 1) throw Error(Errc::kInternal, "a query for one row found several");
  if (answer.empty()) return std::nullopt;
  return std::move(answer.front());
}

void Database::check() {
  const auto faults = rows("PRAGMA quick_check(1)");
  const bool whole = faults.size() == 1 && faults[0].text("quick_check") == "ok";
  if (!whole || !rows("PRAGMA foreign_key_check").empty())
    throw Error(Errc::kCorrupt,
                "the database '" + path().string() + "' is damaged: restore it from a backup");
}

void Database::copy_to(const fs::path& file) {
  if (fs::exists(file))
    throw Error(Errc::kAlreadyExists, "'" + file.string() + "' is there already");
  prepare_file(file);  // SQLite takes an empty file, and would make one that others can read
  try {
    run("VACUUM INTO :file", {{"file", file.string()}});
  } catch (const Error& error) {
    std::error_code ignored;
    fs::remove(file, ignored);
    throw Error(error.code(), "cannot write the copy '" + file.string() + "': " + error.what());
  }
}

Transaction::Transaction(Database& database) : impl_(*database.impl_) {
  if (impl_.in_transaction) throw Error(Errc::kInternal, "a transaction within a transaction");
  impl_.execute("BEGIN IMMEDIATE", {}, nullptr);
  impl_.in_transaction = true;
  impl_.statement_failed = false;
}

Transaction::~Transaction() {
  if (!open_) return;
  impl_.in_transaction = false;
  // After a full disk SQLite has rolled back by itself, and ROLLBACK then fails: as good.
  (void)sqlite::sqlite3_exec(impl_.connection(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  if (impl_.statement_failed)
    throw Error(Errc::kInternal, "a transaction is to be committed though a statement has failed");
  impl_.execute("COMMIT", {}, nullptr);
  impl_.in_transaction = false;
  open_ = false;
}

const Param& Row::at(std::string_view column) const {
  for (const auto& [name, value] : columns_)
    if (name == column) return value;
  throw Error(Errc::kInternal, "the answer has no column '" + std::string(column) + "'");
}

const std::string& Row::text(std::string_view column) const {
  if (const auto* text = std::get_if<std::string>(&at(column))) return *text;
  throw Error(Errc::kInternal, "column '" + std::string(column) + "' is NULL or not text");
}

std::optional<std::string> Row::optional_text(std::string_view column) const {
  if (is_null(column)) return std::nullopt;
  return text(column);
}

std::int64_t Row::integer(std::string_view column) const {
  const Param& value = at(column);
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
  if (const auto* digits = std::get_if<std::string>(&value)) return to_integer(*digits, column);
  throw Error(Errc::kInternal, "column '" + std::string(column) + "' is NULL");
}

bool Row::is_null(std::string_view column) const {
  return std::holds_alternative<std::nullptr_t>(at(column));
}

}  // namespace poolkey::store
