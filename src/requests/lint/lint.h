// The linter for certificate requests: one table of rules, three profiles.
// May touch: crypto's types (pure). Called by: app.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "crypto/csr.h"
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

struct LintSubject {
  crypto::ParsedCsr csr;
  std::optional<PoolContext> pool;
};

struct Finding {
  std::string rule;  ///< stable: "name.underscore"
  Severity severity;
  std::string message;  ///< what is wrong, with the offending value
  std::string fix;      ///< what to do
  std::string source;   ///< whose rule it is: "BR 7.1.4.3"
};

/// What the rules of `profile` find, in the order of the table; `now` decides rules that change on
/// a date. Nothing is thrown for a bad request: that is a finding.
std::vector<Finding> lint(const LintSubject& subject, Profile profile, Time now);

/// The gravest severity; empty if there is no finding.
std::optional<Severity> worst(const std::vector<Finding>& findings);

}  // namespace poolkey::requests
