// The journal: durable steps of a running operation, so that every verb can be run again after a
// crash. May touch: base, store/sql.h. Called by: every verb of more than one step (keys, pool,
// requests), and status, which shows what is pending.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/sql.h"

namespace poolkey::store {

/// An operation that was begun and not finished.
struct PendingOperation {
  std::string id;
  std::string verb;
  std::string subject;
  std::vector<std::string> done;           ///< steps with a result, in the order they were begun
  std::optional<std::string> interrupted;  ///< the step that was begun and has no result
};

/// A file descriptor that holds the lock on one verb and subject, and goes with the process.
class OperationLock {
 public:
  OperationLock(const std::filesystem::path& file, std::string_view verb, std::string_view subject);
  OperationLock(OperationLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OperationLock& operator=(OperationLock&&) = delete;
  ~OperationLock();

 private:
  int fd_ = -1;
};

/// One run of a verb on a subject. Destroyed without finish() it stays pending.
class Operation {
 public:
  /// If this step has been done, in this run or one before, returns what it returned and does not
  /// call `act`. Otherwise records the intent, runs `act`, records its result, and returns it. So
  /// `act` must bear being run again where it was interrupted: it looks for what an earlier try
  /// left (by public key, by digest) before it makes anything. Results hold no secrets.
  ///
  /// `name` is unique within the operation; the step of a loop carries what it loops over
  /// ("wrap/edge-2"). An exception of `act` leaves the step interrupted.
  std::string step(std::string_view name, const std::function<std::string()>& act);
  /// A step that does nothing but write to this database: what it writes and that it is done are
  /// one transaction. False if it was done before, and `act` was not called.
  bool write(std::string_view name, const std::function<void(Transaction&)>& act);
  /// The same for the last step, with which the operation is finished.
  void write_last(std::string_view name, const std::function<void(Transaction&)>& act);
  /// The operation is over: the next begin() of this verb and subject starts a new one.
  void finish();
  /// The operation will not be done: what it was for was refused, and nothing of it is left.
  void give_up();

  /// 16 hexadecimal digits; the audit log names it.
  const std::string& id() const { return id_; }
  /// True if an earlier run had begun it.
  bool resumed() const { return resumed_; }

 private:
  friend class Journal;
  Operation(Database& database, OperationLock lock, std::string fail_point);
  void fail_point(std::string_view step, std::string_view point) const;
  void write_in(Transaction& transaction, std::string_view name,
                const std::function<void(Transaction&)>& act);
  void end(std::string_view state);

  Database* database_;
  OperationLock lock_;
  std::string fail_point_;
  std::string id_;
  std::string verb_;
  bool resumed_ = false;
};

/// The operations of one database.
///
/// Tests stop a process dead inside an operation by POOLKEY_FAILPOINT="VERB/STEP:POINT", read when
/// the Journal is made: it sends itself SIGKILL at POINT, which is `before` (intent recorded, not
/// done), `after` (done, not recorded) or `recorded`.
class Journal {
 public:
  explicit Journal(Database& database);

  /// Resumes the unfinished operation of this verb and subject, or starts one. While it lives no
  /// other process can begin the same: that throws kConflict. `about` says what exactly the run is
  /// for (a nonce, a digest): an unfinished one that was for something else is given up, so only
  /// verbs whose steps leave nothing to be cleaned up name it.
  Operation begin(std::string_view verb, std::string_view subject, std::string_view about = "");
  /// Finishes the operation, if it was interrupted after all of its work and before finish(). For
  /// verbs that see that their work is done before they begin anything.
  void settle(std::string_view verb, std::string_view subject);

  /// What was begun and not finished, oldest first.
  std::vector<PendingOperation> pending();

 private:
  Database& database_;
  std::string fail_point_;
};

}  // namespace poolkey::store
