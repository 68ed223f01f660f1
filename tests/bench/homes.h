// Whole sides for the rows of release and delivery: homes as `poolkey` sets them up, opened in this
// process as `poolkey` opens them. May touch: app and below, tests/e2e. Called by: those rows.
#pragma once

#include <memory>

#include "app/app.h"
#include "bench/rows.h"
#include "bench/sync_clock.h"
#include "e2e/deployment.h"

namespace poolkey::bench {

/// The origin with a pool of `members` enrolled members and its key av@1. The members' transport
/// keys are true RSA-3072 moduli, but products of few primes, because a thousand pairs take long to
/// make and nobody opens these envelopes.
class Origin : public Fixture {
 public:
  Origin(int members, Place place);
  ~Origin() override;
  bool is_for(int members, Place place) const { return members == members_ && place == place_; }

  app::App& app() { return *app_; }
  void log_in(hsm::Role role);
  /// As a verb begins: nobody is logged in.
  void log_out();
  double login_seconds() const { return login_seconds_; }

  static PoolName pool() { return PoolName("bench"); }
  static KeyVersion key() { return {KeyName("av"), 1}; }

 private:
  void enrol(int members);

  int members_;
  Place place_;
  test::Deployment deployment_;
  std::unique_ptr<app::App> app_;
  bool logged_in_ = false;
  double login_seconds_ = 0;
};

/// A member that was sent one envelope.
class Receiver : public Fixture {
 public:
  explicit Receiver(Place place);
  bool is_for(Place place) const { return place == place_; }

  app::App& app() { return *app_; }
  const pool::Envelope& envelope() const { return *envelope_; }
  /// Puts the envelope back into the mailbox and takes the replica out of the token.
  void rewind();

 private:
  Place place_;
  test::Deployment deployment_;
  std::unique_ptr<app::App> app_;
  std::string posted_;
  std::optional<pool::Envelope> envelope_;
};

/// A deployment of two members in this place.
test::Deployment deploy(test::Stage stage, Place place);

/// What one slice waited for the disk.
class SyncSince {
 public:
  double seconds() const { return synced().seconds - before_.seconds; }
  double calls() const { return static_cast<double>(synced().calls - before_.calls); }

 private:
  SyncTotal before_ = synced();
};

}  // namespace poolkey::bench
