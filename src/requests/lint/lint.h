// The linter for certificate requests and certificates: one table of rules, three profiles.
// May touch: crypto's types (pure). Called by: requests, app.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "crypto/certificate.h"
#include "crypto/csr.h"
#include "requests/lint/weak_keys.h"
#include "requests/names.h"

namespace poolkey::requests {

enum class Severity { kInfo, kWarn, kError };
/// "info", "warn", "error"
std::string_view name(Severity severity);

/// Whose rules count: a public CA's (Baseline Requirements), the product's, or our own CA's.
using Profile = policy::LintProfile;
/// Throws kInvalidArgument listing the profiles.
Profile parse_profile(std::string_view text);

/// What the topology asks of the certificate, where it is known what the request is for.
struct PoolContext {
  Role role = Role::kEdgeExternal;
  std::string common_name{};
  std::vector<std::string> names{};   ///< that the certificate must have
  std::vector<std::string> lesser{};  ///< that it should have: XMPP
  std::string av{};                   ///< A/V Edge FQDN, which nothing reads; may be empty
};

/// Throws as names_for().
PoolContext pool_context(const Topology& topology, const PoolName& pool, Role role,
                         CaKind ca = CaKind::kInternal,
                         const std::optional<MemberName>& server = std::nullopt);
/// The same where the names are known already.
PoolContext pool_context(const RequestedNames& names, const Pool& pool, Role role);

/// A request or a certificate, and what its caller knows beside it.
struct LintSubject {
  LintSubject(crypto::ParsedCsr csr, std::optional<PoolContext> context = {});
  LintSubject(const crypto::Certificate& found, std::optional<PoolContext> context = {});

  crypto::X509Content content;
  bool signature_valid = true;                     ///< of a request, by the key inside
  std::optional<crypto::Certificate> certificate;  ///< empty: it is a request
  std::optional<PoolContext> pool;
  /// Of the key's policy: it may leave its token wrapped, which a pool needs.
  std::optional<bool> key_exportable{};
  /// Of the CA's profile that the request is for: its certificates have a CRL distribution point.
  std::optional<bool> profile_has_cdp{};
};

/// Reads a PKCS#10 or a certificate, PEM or DER; of a bundle its first certificate. Throws kCorrupt
/// for what is neither, kUnsupported as PublicKey::from_spki_der.
LintSubject read_lint_subject(std::string_view file);

struct Finding {
  std::string rule;  ///< stable: "name.underscore"
  Severity severity;
  std::string message;  ///< what is wrong, with the offending value
  std::string fix;      ///< what to do
  std::string source;   ///< whose rule it is: "BR 7.1.4.3"
};

/// What the rules of `profile` find, in the order of the table, at most 16 findings a rule; `now`
/// decides rules that change on a date, for a certificate its first day does. Nothing is thrown for
/// a bad request: that is a finding. What is costly about a key is found once for each key. May be
/// called by several threads.
std::vector<Finding> lint(const LintSubject& subject, Profile profile, Time now,
                          const WeakKeys& weak_keys = WeakKeys::built_in());

/// A row of the table, for people to read.
struct RuleText {
  std::string_view id;
  std::string_view applies;                              ///< "both", "request", "certificate"
  std::vector<std::pair<Profile, Severity>> severities;  ///< of the profiles that have the rule
  std::string_view message;
  std::string_view fix;
  std::string_view source;
};
std::vector<RuleText> rule_texts();

/// The gravest severity; empty if there is no finding.
std::optional<Severity> worst(const std::vector<Finding>& findings);

}  // namespace poolkey::requests
