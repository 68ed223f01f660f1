// What the engine is told about an act. Plain data, gathered by whoever is about to act.
// May touch: base. Called by: keys, pool, requests and the CLI state facts; the engine judges them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "policy/words.h"

namespace poolkey::policy {

/// State what the act needs (the table in policies/README.md says which). A fact left out is taken
/// at its worst; only what a certificate asks for (key_usage, extended_key_usage, an organizational
/// unit, path_length) is taken as not asked for.
struct Facts {
  Action action;
  KeyVersion key;                      ///< the version that is acted on
  std::optional<PoolName> pool{};      ///< the pool that receives or holds it
  std::optional<MemberName> member{};  ///< the one member that acts or is acted on
  std::string algorithm{};             ///< of the key at hand, as Policy::algorithm_name() writes
  std::optional<Duration> key_age{};   ///< since generation
  std::optional<Usage> usage{};        ///< what a signature is for
  std::optional<Suite> suite{};        ///< how the key is wrapped
  std::uint32_t recipients = 0;        ///< members that a release is for
  std::vector<MemberName> standbys{};  ///< standby origins that a release is for as well
  bool standby = false;                ///< the member that acts is a standby origin
  /// Members of `pool` that receive, or the one that acts, and have their transport keys in
  /// software.
  std::vector<MemberName> software{};
  /// The standby origin that has taken the lost origin's place, if one has, and releases.
  std::optional<MemberName> promoted{};
  bool enrolled = false;     ///< every member concerned is enrolled in the pool
  bool from_origin = false;  ///< the releasing token is the one it was born in
  bool safeguarded = false;  ///< proven in a backup of the origin, or at a standby
  /// By the token that has the key, or is to have it; the worst of several.
  WrapWithTrusted wrap_with_trusted = WrapWithTrusted::kUnknown;
  std::optional<Role> role{};             ///< what the certificate is for
  std::optional<CaKind> ca{};             ///< who issues it
  std::optional<Duration> validity{};     ///< of the certificate: notAfter - notBefore
  std::vector<LintProfile> linted{};      ///< profiles that the request passed without an error
  std::vector<LintProfile> overridden{};  ///< those whose errors a person overrides, with a reason
  std::string overrider{};                ///< the person's account: "alice"
  std::vector<KeyUsage> key_usage{};      ///< bits that the certificate is to have
  std::vector<ExtendedKeyUsage> extended_key_usage{};
  bool organizational_unit = false;            ///< the subject names one
  std::optional<Hash> hash{};                  ///< of the request's signature
  std::optional<std::uint32_t> path_length{};  ///< of a CA certificate that is to be signed
  bool compromised = false;                    ///< the operator declared the version so
  bool was_in_force = true;                    ///< some member was ever told to use the version
  std::optional<Duration> superseded_for{};    ///< how long its successor has been in force
};

}  // namespace poolkey::policy
