// The member's side of the network: a loop that fetches what the origin has for this member, does
// what it asks for, and tells what came of it. May touch: app and below. Called by: cli.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <random>

#include "agent/backoff.h"
#include "agent/link.h"
#include "agent/settings.h"
#include "app/app.h"
#include "base/service_manager.h"
#include "pool/sync.h"

namespace poolkey::agent {

/// Everything it does may be done again, so it may be killed at any point. What the token or the
/// disk refuses closes both, and after a while they are opened again; what the service refuses is
/// waited out, and meanwhile the member's own dates and files are looked after.
class Agent {
 public:
  /// What others tell it while it runs, from signal handlers.
  struct Orders {
    std::atomic<bool> stop{false};
    std::atomic<bool> reload{false};  ///< read agent.toml and the certificate again
  };

  /// `options` as for every verb. Throws what app::App, read_settings() and read_certificate()
  /// throw.
  Agent(app::Options options, std::string version, Orders& orders, ServiceManager manager);
  ~Agent();

  /// Until it is told to stop, and then for some seconds at most. Throws kAuthFailed for a wrong
  /// PIN, which is never tried twice.
  void run();

 private:
  using Clock = std::chrono::steady_clock;
  struct Open;

  void open();
  void reload();
  void connect();
  /// One long poll and what follows from it.
  void round();
  void take_listing(const std::string& body);
  std::optional<std::string> fetch(const std::string& name);
  /// Ends the round because the service gave no answer.
  [[noreturn]] void lose();
  /// SHA-256 of the challenge in the mailbox, unless its answer is prepared or has arrived; else
  /// empty.
  std::string pending_challenge();
  /// Does what the mailbox asks for, and sends the receipts.
  void work();
  void say(const pool::Synced& done);
  /// Those that are prepared, if any; what the service has not taken is sent again later.
  void send_receipts();
  void note_taken();
  /// The service drops an envelope by itself once its replica is proven, which is soon.
  void delete_taken();
  /// What has its time: a version that comes into force, the look, the report, the certificate.
  void duties();
  void look();
  void report();
  void renew();
  void heed_clock();
  /// An unreachable service, or one that does not take us: told once, then waited out.
  void wait_out(const std::string& why, std::optional<std::chrono::seconds> retry_after);
  void require_token();
  void nap(std::chrono::milliseconds time);
  /// False once it is to end or to begin anew; feeds the watchdog, so called every second or so.
  bool go_on();
  double chance();

  app::Options options_;
  std::string version_;
  Orders& orders_;
  ServiceManager manager_;
  std::mt19937_64 random_;
  Settings settings_;
  std::optional<Pin> pin_;
  std::unique_ptr<Open> open_;
  Backoff service_backoff_, own_backoff_;
  std::string etag_, told_trouble_, told_report_;
  /// Envelopes by name, with their SHA-256: those that were fetched, and those of them that were
  /// taken and may lie at the service still.
  std::map<std::string, std::string> fetched_{}, taken_{};
  std::optional<std::string> lost_{};  ///< why the service went away within a round
  bool dirty_ = true;                  ///< something in the mailbox was not worked on yet
  /// The challenge (SHA-256) whose receipts were made and have to be sent, and the look then.
  struct Prepared {
    std::string challenge{}, look{};
  } prepared_{};
  std::optional<Duration> told_skew_;
  std::string note_;  ///< what the origin should know, of the last work
  Clock::time_point next_feeding_{}, next_work_{}, next_check_{}, next_report_{};
  std::optional<Clock::time_point> next_cleanup_{};
  std::optional<Time> next_change_{};  ///< when a version comes into force
};

}  // namespace poolkey::agent
