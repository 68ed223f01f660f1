#include "rollover/expose.h"

#include <algorithm>

#include "base/file.h"
#include "crypto/csr.h"
#include "keys/force.h"
#include "keys/issued.h"
#include "keys/signer.h"
#include "pool/survey.h"
#include "requests/ca/revoke.h"
#include "requests/repository.h"
#include "rollover/advance.h"
#include "rollover/begin.h"

namespace poolkey::rollover {
namespace {

/// A roll towards a version that is exposed itself leads nowhere.
void end_vain_roll(keys::Context& context, const pool::Mailbox& mailbox, const KeyName& key) {
  const auto running = running_roll(context.database, key);
  if (!running || !is_exposed(context.database, running->to)) return;
  if (running->effective && context.clock.now() >= *running->effective) return;
  abort(context, mailbox, running->id, running->to.str() + " is exposed");
}

/// Everybody can check it with the certificate: only the holder of the key makes such a request.
std::string proof(keys::Context& context, const keys::StoredKey& key, const std::string& serial) {
  const crypto::EvpPkey signer = keys::signing_key(context, policy::Usage::kCsr, key);
  crypto::CsrSpec spec;
  spec.subject.common_name = "The key of this certificate is compromised: " + serial;
  spec.subject.common_name.resize(std::min<std::size_t>(spec.subject.common_name.size(), 64));
  return crypto::csr_pem(crypto::build_csr(spec, signer.get(), context.library));
}

std::string letter(const crypto::Certificate& c, const std::string& reason,
                   const std::string& proof_pem, Time now) {
  return "Please revoke this certificate: its private key is compromised.\n"
         "\n"
         "Certificate of: " +
         c.subject() +
         "\n"
         "Issued by:      " +
         c.issuer() +
         "\n"
         "Serial number:  " +
         c.serial() +
         "\n"
         "SHA-256:        " +
         hex(c.sha256()) +
         "\n"
         "Reason:         keyCompromise (1), RFC 5280 5.3.1\n"
         "Known since:    " +
         rfc3339(now) +
         "\n"
         "What happened:  " +
         reason +
         "\n"
         "\n"
         "The request below is signed with the compromised key; its subject says so.\n"
         "\n" +
         proof_pem + "\n" + c.pem();
}

}  // namespace

void evict(keys::Context& context, const pool::Mailbox& mailbox, const pool::EvictionPlan& plan,
           const std::string& reason) {
  // First: should the eviction be interrupted, what the member knows is known to be known.
  keys::record(context, "member expose", plan.pool.str() + "/" + plan.member.name.str(), "",
               nullptr, [&]() -> json::object {
                 store::Transaction transaction(context.database);
                 for (const KeyVersion& key : plan.held)
                   expose(context.database, {.pool = plan.pool,
                                             .member = plan.member.name,
                                             .key = key,
                                             .reason = "evicted: " + reason,
                                             .since = context.clock.now()});
                 transaction.commit();
                 return {{"versions", static_cast<std::int64_t>(plan.held.size())}};
               });
  pool::evict(context, mailbox, plan, reason);
}

std::vector<Revocation> revocations(store::Database& database, const KeyVersion& key) {
  std::vector<Revocation> out;
  for (const requests::StoredRequest& r : requests::requests_of_key(database, key))
    if (auto bound = keys::certificate_of_request(database, r.id))
      out.push_back({std::move(bound->certificate), r.ca == requests::kEmbeddedAuthority});
  return out;
}

void revoke_internal(keys::Context& context, const KeyVersion& key) {
  for (const Revocation& one : revocations(context.database, key)) {
    if (!one.internal) continue;
    const auto issued = keys::find_issued(context.database, one.certificate.serial());
    if (issued && issued->state != keys::IssuedState::kRevoked)
      requests::revoke(context, *issued, crypto::parse_revocation_reason("keyCompromise"));
  }
}

std::vector<Revocation> compromise(keys::Context& context, const pool::Mailbox& mailbox,
                                   const KeyVersion& name, const std::string& reason,
                                   const std::filesystem::path& folder, bool revoke_now) {
  const keys::StoredKey key = keys::key(context.database, name);
  if (!key.pool)
    throw Error(
        Errc::kInvalidArgument,
        name.str() + " is a key of the origin's own: 'poolkey ca rollover' replaces CA keys");
  if (key.state == "destroyed")
    throw Error(Errc::kConflict, name.str() +
                                     " was destroyed everywhere; there is nothing left "
                                     "that could be compromised but what it signed");
  const Time now = context.clock.now();
  keys::record(context, "key compromise", name.str(), "", nullptr, [&]() -> json::object {
    expose(context.database, {.pool = *key.pool,
                              .member = {},
                              .key = name,
                              .reason = "compromised: " + reason,
                              .since = now,
                              .deadline = now + kCompromiseDeadline});
    return {{"reason", reason}, {"deadline", rfc3339(now + kCompromiseDeadline)}};
  });
  std::vector<Revocation> out = revocations(context.database, name);
  for (Revocation& one : out) {
    if (one.internal) continue;
    const std::string serial = one.certificate.serial();
    one.file = folder / ("revoke-" + serial + ".txt");
    write_file(one.file, letter(one.certificate, reason, proof(context, key, serial), now));
  }
  if (revoke_now) revoke_internal(context, name);
  begin_necessary(context, mailbox, false);
  return out;
}

std::vector<StoredRoll> begin_necessary(keys::Context& context, const pool::Mailbox& mailbox,
                                        bool due) {
  std::vector<StoredRoll> out;
  pool::settle_evictions(context, mailbox);
  for (const Exposure& e : exposures(context.database)) {
    end_vain_roll(context, mailbox, e.key.key);
    const auto versions = keys::versions_of(context.database, e.pool, e.key.key);
    if (running_roll(context.database, e.key.key) ||
        keys::in_force(context.database, versions, context.clock.now()) != e.key)
      continue;
    out.push_back(begin(context, {.pool = e.pool,
                                  .key = e.key.key,
                                  .cause = e.member ? Cause::kEvicted : Cause::kCompromised,
                                  .reason = e.reason,
                                  .deadline = e.deadline}));
  }
  if (!due) return out;
  for (const Upcoming& next : upcoming(context))
    if (next.start <= context.clock.now())
      out.push_back(
          begin(context, {.pool = next.pool,
                          .key = next.in_force.key,
                          .cause = Cause::kDue,
                          .reason = "its certificate ends at " + rfc3339(next.not_after)}));
  return out;
}

std::vector<std::string> note_destructions(keys::Context& context) {
  std::vector<std::string> out;
  for (const Exposure& e : exposures(context.database, true)) {
    if (!e.member || e.destruction_proven) continue;
    for (const pool::Member& gone : pool::former_members(context.database, e.pool)) {
      if (gone.name != *e.member) continue;
      const pool::Observation seen = pool::observe(context.database, e.pool, gone, e.key);
      if (seen.holding != pool::Holding::kAbsent) continue;
      note_destruction(context.database, e.pool, *e.member, e.key);
      out.push_back(e.member->str() + ": " + e.key.str());
    }
  }
  return out;
}

}  // namespace poolkey::rollover
