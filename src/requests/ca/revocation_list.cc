#include "requests/ca/revocation_list.h"

#include "crypto/digest.h"
#include "keys/number.h"
#include "keys/signer.h"
#include "pool/safeguard.h"

namespace poolkey::requests {
namespace {

/// What the next list has to say. A certificate that has ended stays until one list that is later
/// than its end has had it (RFC 5280 3.3).
std::vector<crypto::RevokedSerial> wanted(store::Database& database, const KeyVersion& ca,
                                          const std::optional<crypto::Crl>& newest) {
  std::vector<crypto::RevokedSerial> out;
  for (const keys::IssuedCertificate& one : keys::revoked_of(database, ca))
    if (!newest || one.not_after >= newest->this_update() || !newest->find(one.serial))
      out.push_back({one.serial, one.revocation});
  return out;
}

/// True if somebody was revoked or released since the newest list. What only fell out of it by its
/// age makes no list due.
bool changed(store::Database& database, const KeyVersion& ca, const crypto::Crl& newest) {
  const auto revoked = keys::revoked_of(database, ca);
  std::size_t known = 0;
  for (const keys::IssuedCertificate& one : revoked) {
    const auto listed = newest.find(one.serial);
    if (listed) ++known;
    const bool said = listed && *listed == one.revocation;
    if (!said && one.not_after >= newest.this_update()) return true;
  }
  return known < newest.size();
}

bool signs_lists(store::Database& database, const keys::StoredKey& key) {
  return policy::contains(keys::policy_of(database, key).key().usages, policy::Usage::kRevocation);
}

CrlState state_of(store::Database& database, const CaConfig& config, keys::OriginSigner ca,
                  Time now) {
  CrlState out{.ca = std::move(ca), .crl = {}};
  out.crl = keys::newest_crl(database, out.ca.key.name);
  if (!out.crl) {
    out.due = now;
    out.why = "there is none yet";
    // An origin that nobody uses as a CA with lists is not in arrears with them.
    out.overdue = config.configured();
    return out;
  }
  const Time end = out.crl->next_update().value();
  out.due = std::max(out.crl->this_update(), end - config.crl_overlap);
  out.overdue = now > end;
  if (now >= out.due)
    out.why = (now > end ? "the last one ended at " : "the last one ends at ") + rfc3339(end);
  else if (changed(database, out.ca.key.name, *out.crl))
    out.why = "somebody was revoked or released since the last one";
  return out;
}

/// Which list an operation makes: the one after `newest`, with these entries. One that was
/// interrupted after it had made its list is not taken up again for the next.
std::string about(const std::optional<crypto::Crl>& newest,
                  const std::vector<crypto::RevokedSerial>& entries) {
  std::string text = newest ? newest->number() : "none";
  for (const crypto::RevokedSerial& entry : entries)
    text += "\n" + entry.serial + " " + std::string(crypto::name(entry.revocation.reason)) + " " +
            rfc3339(entry.revocation.at);
  return hex(crypto::sha256(view(text)));
}

CrlMade make_crl(keys::Context& context, const CaConfig& config, const CrlState& state,
                 const std::string& why) {
  store::Database& database = context.database;
  const keys::StoredKey& ca = state.ca.key;
  CrlMade out{.ca = ca.name, .why = why};
  const RevocationKey signer = revocation_key(context, ca);
  const auto newest = keys::newest_crl(database, ca.name);
  const std::vector<crypto::RevokedSerial> entries = wanted(database, ca.name, newest);
  out.size = entries.size();
  store::Operation operation =
      context.journal.begin("ca crl", ca.name.str(), about(newest, entries));
  const std::int64_t number = std::stoll(operation.step("number", [&] {
    const auto row = database.row("SELECT MAX(number) AS newest FROM ca_crl");
    return std::to_string(keys::next_number(database, keys::Counter::kCrl,
                                            row->is_null("newest") ? 0 : row->integer("newest")));
  }));
  out.number = std::to_string(number);
  operation.step("sign", [&]() -> std::string {
    keys::record(context, "ca crl", ca.name.str(), signer.rule, &operation, [&]() -> json::object {
      const policy::Policy policy = keys::policy_of(database, ca);
      crypto::CrlSpec spec{.number = number,
                           .this_update = context.clock.now(),
                           .next_update = context.clock.now() + config.crl_validity,
                           .revoked = entries};
      if (policy.request().hash.value == policy::Hash::kSha384) spec.hash = "SHA384";
      const crypto::Crl made = crypto::Crl::from_der(
          crypto::issue_crl(spec, state.ca.certificate, signer.key.get(), context.library));
      keys::store_crl(database, ca.name, number, made);
      return {{"number", number},
              {"revoked", static_cast<std::int64_t>(made.size())},
              {"next_update", rfc3339(spec.next_update)},
              {"sha256", hex(made.sha256())}};
    });
    return "done";
  });
  operation.finish();
  return out;
}

}  // namespace

std::vector<CrlState> crl_states(store::Database& database, const CaConfig& config, Time now) {
  std::vector<CrlState> out;
  for (const keys::OriginRole role : {keys::OriginRole::kRoot, keys::OriginRole::kIssuingCa}) {
    std::vector<keys::OriginSigner> versions = keys::origin_versions(database, role);
    for (keys::OriginSigner& ca : versions) {
      const keys::StoredKey& key = ca.key;
      if (ca.certificate.not_after() < now || pool::is_elsewhere(database, key.name)) continue;
      const bool last = &ca == &versions.back();
      if (!last && !signs_lists(database, key) && keys::revoked_of(database, key.name).empty())
        continue;
      out.push_back(state_of(database, config, std::move(ca), now));
    }
  }
  return out;
}

std::vector<CrlMade> make_crls(keys::Context& context, const CaConfig& config, bool force) {
  std::vector<CrlMade> out;
  for (const CrlState& state : crl_states(context.database, config, context.clock.now())) {
    if (state.why.empty() && !force) {
      context.journal.settle("ca crl", state.ca.key.name.str());
      continue;
    }
    try {
      out.push_back(make_crl(context, config, state, state.why.empty() ? "by force" : state.why));
    } catch (const Error& error) {
      if (error.code() != Errc::kDenied) throw;
      out.push_back({.ca = state.ca.key.name, .why = state.why, .refused = error.what()});
    }
  }
  return out;
}

RevocationKey revocation_key(keys::Context& context, const keys::StoredKey& key) {
  if (!signs_lists(context.database, key))
    throw Error(Errc::kDenied,
                key.name.str() + " was made under a policy without the usage 'revocation' (" +
                    keys::policy_of(context.database, key).key().usages.where.str() +
                    "), and a policy stays with its key: it signs neither CRLs nor OCSP responses. "
                    "'poolkey ca rollover " +
                    std::string(key.name.key.str() == "root" ? "root" : "issuing") +
                    " --policy policies/issuing-ca.toml' makes a version that does");
  policy::Permit allowed = keys::permit(context, keys::policy_of(context.database, key),
                                        {.action = policy::Action::kSign,
                                         .key = key.name,
                                         .algorithm = key.public_key.algorithm(),
                                         .key_age = context.clock.now() - key.created,
                                         .usage = policy::Usage::kRevocation});
  std::string rule = allowed.rule();
  return {keys::signing_key(context, std::move(allowed), policy::Usage::kRevocation, key),
          std::move(rule)};
}

}  // namespace poolkey::requests
