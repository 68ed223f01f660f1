#include "store/journal.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/bytes.h"
#include "base/error.h"

namespace poolkey::store {
namespace {

std::string fresh_id() {
  std::array<std::uint8_t, 8> id{};
  if (::getrandom(id.data(), id.size(), 0) != static_cast<ssize_t>(id.size()))
    throw Error(Errc::kUnavailable, "the system gives no random octets");
  return hex(id);
}

/// FNV-1a, halved to stay a valid file offset: a place of its own for each verb and subject.
off_t lock_offset(std::string_view verb, std::string_view subject) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  const std::string key = std::string(verb) + '\n' + std::string(subject);
  for (const std::uint8_t octet : view(key)) hash = (hash ^ octet) * 0x100000001b3U;
  return static_cast<off_t>(hash >> 2);
}

constexpr std::string_view kInsertStep =
    "INSERT INTO operation_step (operation, name, number)"
    " SELECT CAST(:operation AS TEXT), CAST(:name AS TEXT), COUNT(*) + 1 FROM operation_step"
    " WHERE operation = :operation";
constexpr std::string_view kSetResult =
    "UPDATE operation_step SET result = :result WHERE operation = :operation AND name = :name";

}  // namespace

// One file for all operations, each locking one octet of it: nothing to clean up, and the kernel
// lets go when the process dies. Open-file-description locks, because the ordinary ones would be
// dropped by any close of the file in this process.
OperationLock::OperationLock(const std::filesystem::path& file, std::string_view verb,
                             std::string_view subject)
    : fd_(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  struct flock place {};
  place.l_type = F_WRLCK;
  place.l_whence = SEEK_SET;
  place.l_start = lock_offset(verb, subject);
  place.l_len = 1;
  if (fd_ >= 0 && ::fcntl(fd_, F_OFD_SETLK, &place) == 0) return;
  const int error = errno;
  if (fd_ >= 0) ::close(fd_);
  if (error == EAGAIN || error == EACCES)
    throw Error(Errc::kConflict, "'" + std::string(verb) + "' of '" + std::string(subject) +
                                     "' is being run by another process; wait until it has ended");
  throw Error(Errc::kUnavailable,
              "cannot lock '" + file.string() + "': " + std::string(std::strerror(error)));
}

OperationLock::~OperationLock() {
  if (fd_ >= 0) ::close(fd_);
}

Operation::Operation(Database& database, OperationLock lock, std::string fail_point)
    : database_(&database), lock_(std::move(lock)), fail_point_(std::move(fail_point)) {}

void Operation::fail_point(std::string_view step, std::string_view point) const {
  if (!fail_point_.empty() &&
      fail_point_ == verb_ + "/" + std::string(step) + ":" + std::string(point))
    (void)::kill(::getpid(), SIGKILL);
}

std::string Operation::step(std::string_view name, const std::function<std::string()>& act) {
  const Params step{{"operation", id_}, {"name", std::string(name)}};
  const auto recorded = database_->row(
      "SELECT result FROM operation_step WHERE operation = :operation AND name = :name", step);
  if (recorded && !recorded->is_null("result")) return recorded->text("result");
  if (!recorded) database_->run(kInsertStep, step);
  fail_point(name, "before");
  std::string result = act();
  fail_point(name, "after");
  Params done = step;
  done.emplace_back("result", result);
  database_->run(kSetResult, done);
  fail_point(name, "recorded");
  return result;
}

bool Operation::write(std::string_view name, const std::function<void(Transaction&)>& act) {
  if (resumed_ &&
      database_->row("SELECT result FROM operation_step WHERE operation = :operation AND name ="
                     " :name AND result IS NOT NULL",
                     {{"operation", id_}, {"name", std::string(name)}}))
    return false;
  fail_point(name, "before");
  Transaction transaction(*database_);
  write_in(transaction, name, act);
  transaction.commit();
  fail_point(name, "recorded");
  return true;
}

void Operation::write_last(std::string_view name, const std::function<void(Transaction&)>& act) {
  fail_point(name, "before");
  Transaction transaction(*database_);
  write_in(transaction, name, act);
  end("finished");
  transaction.commit();
  fail_point(name, "recorded");
}

void Operation::write_in(Transaction& transaction, std::string_view name,
                         const std::function<void(Transaction&)>& act) {
  act(transaction);
  const Params step{{"operation", id_}, {"name", std::string(name)}};
  database_->run(kInsertStep, step);
  Params done = step;
  done.emplace_back("result", "done");
  database_->run(kSetResult, done);
  fail_point(name, "after");
}

void Operation::finish() { end("finished"); }
void Operation::give_up() { end("abandoned"); }

void Operation::end(std::string_view state) {
  database_->run("UPDATE operation SET state = :state WHERE id = :id",
                 {{"id", id_}, {"state", std::string(state)}});
}

Journal::Journal(Database& database) : database_(database) {
  if (const char* point = std::getenv("POOLKEY_FAILPOINT")) fail_point_ = point;
}

Operation Journal::begin(std::string_view verb, std::string_view subject, std::string_view about) {
  Operation operation(database_, OperationLock(database_.path().string() + ".lock", verb, subject),
                      fail_point_);
  operation.verb_ = verb;
  const Params what{{"verb", std::string(verb)}, {"subject", std::string(subject)}};
  Transaction transaction(database_);
  if (const auto running = database_.row("SELECT id, about FROM operation WHERE verb = :verb"
                                         " AND subject = :subject AND state = 'running'",
                                         what)) {
    if (running->text("about") == about) {
      operation.id_ = running->text("id");
      operation.resumed_ = true;
      return operation;
    }
    database_.run("UPDATE operation SET state = 'abandoned' WHERE id = :id",
                  {{"id", running->text("id")}});
  }
  operation.id_ = fresh_id();
  Params row = what;
  row.emplace_back("id", operation.id_);
  row.emplace_back("about", std::string(about));
  database_.run(
      "INSERT INTO operation (id, number, verb, subject, about, state)"
      " SELECT CAST(:id AS TEXT), COALESCE(MAX(number), 0) + 1, CAST(:verb AS TEXT),"
      " CAST(:subject AS TEXT), CAST(:about AS TEXT), 'running' FROM operation",
      row);
  transaction.commit();
  return operation;
}

void Journal::settle(std::string_view verb, std::string_view subject) {
  database_.run(
      "UPDATE operation SET state = 'finished'"
      " WHERE verb = :verb AND subject = :subject AND state = 'running'",
      {{"verb", std::string(verb)}, {"subject", std::string(subject)}});
}

std::vector<PendingOperation> Journal::pending() {
  std::vector<PendingOperation> out;
  for (const Row& operation : database_.rows(
           "SELECT id, verb, subject FROM operation WHERE state = 'running' ORDER BY number")) {
    PendingOperation pending{
        operation.text("id"), operation.text("verb"), operation.text("subject"), {}, {}};
    for (const Row& step : database_.rows("SELECT name, result FROM operation_step"
                                          " WHERE operation = :id ORDER BY number",
                                          {{"id", pending.id}})) {
      if (step.is_null("result"))
        pending.interrupted = step.text("name");
      else
        pending.done.push_back(step.text("name"));
    }
    out.push_back(std::move(pending));
  }
  return out;
}

}  // namespace poolkey::store
