#include "service/gauges.h"

#include <map>

#include "pool/certificates.h"
#include "pool/recipient.h"
#include "pool/survey.h"
#include "rollover/repository.h"
#include "service/shared.h"

namespace poolkey::service {
namespace {

double days_until(Time end, Time now) {
  return std::chrono::duration<double, std::ratio<86400>>(end - now).count();
}

void refresh_replicas(Metrics& metrics, store::Database& database) {
  std::map<std::string, int> states{{"present", 0}, {"absent", 0}, {"unknown", 0}};
  for (const PoolName& pool : pool::pools(database))
    for (const pool::Observation& o : pool::survey(database, pool))
      ++states[std::string(name(o.holding))];
  for (const auto& [state, number] : states)
    metrics.set("poolkey_replicas", "Key versions on members, by what is known of them", number,
                "state", state);
}

void refresh_expiry(Metrics& metrics, store::Database& database, Time now) {
  for (const PoolName& pool : pool::pools(database)) {
    if (pool::is_standby(pool)) continue;
    for (const pool::KnownCertificate& c : pool::known_certificates(database, pool, now))
      if (c.place == pool::Place::kCurrent)
        metrics.set("poolkey_certificate_days_to_expiry",
                    "Days until the certificate in force of a pool's role ends",
                    days_until(c.stored.certificate.not_after(), now), "certificate",
                    pool.str() + "." + c.role + (c.server.empty() ? "" : "." + c.server));
  }
}

}  // namespace

void refresh_gauges(Call& call) {
  Metrics& metrics = call.shared.metrics();
  store::Database& database = call.side.database();
  const Time now = call.context().clock.now();
  refresh_replicas(metrics, database);
  refresh_expiry(metrics, database, now);
  metrics.set("poolkey_audit_unsigned_entries",
              "Entries of the audit log after its newest signed checkpoint",
              static_cast<double>(call.context().audit.unsigned_entries()));
  const Shared::Levels levels = call.shared.levels();
  metrics.set("poolkey_queue", "Calls that no worker has yet", static_cast<double>(levels.queued));
  metrics.set("poolkey_long_polls", "Calls that wait for news", static_cast<double>(levels.parked));
  metrics.set("poolkey_connections", "Open connections", static_cast<double>(levels.connections));
  metrics.set("poolkey_handshakes", "TLS handshakes since the start",
              static_cast<double>(levels.handshakes), "result", "done");
  metrics.set("poolkey_handshakes", "TLS handshakes since the start",
              static_cast<double>(levels.failed_handshakes), "result", "failed");
  const auto exposed = rollover::exposures(database);
  double longest = 0;
  for (const rollover::Exposure& e : exposed)
    longest = std::max(longest, static_cast<double>((now - e.since).count()));
  metrics.set("poolkey_exposed_versions", "Key versions that somebody knows who should not",
              static_cast<double>(exposed.size()));
  metrics.set("poolkey_exposure_seconds", "For how long the oldest of them is exposed", longest);
  int running = 0;
  for (const rollover::StoredRoll& roll : rollover::all_rolls(database))
    if (!roll.ended) ++running;
  metrics.set("poolkey_rollovers_running", "Rollovers that go on", running);
}

}  // namespace poolkey::service
