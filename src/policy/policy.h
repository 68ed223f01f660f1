// A policy: what may be done with the keys made under it. Read from TOML, validated, immutable.
// May touch: base. Called by: the rest of policy, keys, pool, requests, the provider and the CLI.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/toml.h"
#include "policy/words.h"

namespace poolkey::policy {

using toml::Located;
using toml::Location;
template <class T>
using LocatedList = Located<std::vector<Located<T>>>;

/// True if a list of the policy has `value`.
template <class T>
bool contains(const LocatedList<T>& list, const T& value) {
  return std::any_of(list.value.begin(), list.value.end(),
                     [&](const Located<T>& item) { return item.value == value; });
}

/// [key]: what kind of key, and what it is for.
struct KeyRules {
  Located<Algorithm> algorithm;
  std::optional<Located<std::uint32_t>> bits;  ///< of the modulus; exactly when RSA
  std::optional<Located<Curve>> curve;         ///< exactly when EC
  LocatedList<Usage> usages;
  Located<Signing> signing;
  Located<bool> require_backup;  ///< false, and without a location, where the file is silent
};

/// The rest of [export], which stands there exactly when the mode is `wrapped`.
struct WrappedRules {
  LocatedList<Suite> suites;            ///< best first
  LocatedList<std::string> recipients;  ///< pool names, or "*" alone
  Located<std::uint32_t> max_recipients;
  Located<bool> re_export;
  LocatedList<std::string> standbys;  ///< names; empty, and without a location, where it is silent
  /// "POOL/MEMBER", whose transport key may be in software; empty, and without a location, where
  /// the file is silent.
  LocatedList<std::string> software_recipients;
};

/// [export]: whether and how a key leaves the token it was born in.
struct ExportRules {
  Located<ExportMode> mode;
  std::optional<WrappedRules> wrapped;
};

/// [lifetime]: how long things last.
struct LifetimeRules {
  Located<Days> key;
  Located<Days> certificate;
  Located<std::chrono::hours> overlap;
  std::optional<Located<std::chrono::hours>> token;
};

/// [request]: what a certificate for the key may say.
struct RequestRules {
  LocatedList<Role> roles;
  LocatedList<LintProfile> lint_profiles;
  LocatedList<KeyUsage> key_usage;
  LocatedList<ExtendedKeyUsage> extended_key_usage;
  Located<OrganizationalUnit> organizational_unit;
  Located<Hash> hash;
  /// Accounts that may sign in spite of the linter's errors; empty, and without a location, where
  /// the file is silent.
  LocatedList<std::string> overrides;
};

/// [ca]: who may issue certificates for the key.
struct CaRules {
  LocatedList<CaKind> allowed;
};

/// [issue]: what a key of usage `certificate` may sign.
struct IssueRules {
  Located<std::uint32_t> path_length;
  Located<Days> max;
};

/// [ceremony]: what people do when they come together.
struct CeremonyRules {
  /// Versions that are released beside the one that is needed, for the rolls after it; 0, and
  /// without a location, where the file is silent.
  Located<std::uint32_t> ahead{};
};

/// [rollover]: what is replaced when a certificate ends.
struct RolloverRules {
  /// The certificate alone, as long as the key may be used; false, and without a location, where
  /// the file is silent.
  Located<bool> same_key{};
};

/// Everything a policy file says, section by section.
struct Sections {
  Located<std::string> name;
  Located<std::string> description;
  KeyRules key;
  ExportRules exports;
  LifetimeRules lifetime;
  RequestRules request;
  CaRules ca;
  CeremonyRules ceremony{};
  RolloverRules rollover{};
  std::optional<IssueRules> issue;
};

/// A policy without faults. Each value knows the line and column it was written at.
class Policy {
 public:
  const std::string& name() const { return sections_.name.value; }
  const std::string& description() const { return sections_.description.value; }
  const KeyRules& key() const { return sections_.key; }
  const ExportRules& exports() const { return sections_.exports; }
  const LifetimeRules& lifetime() const { return sections_.lifetime; }
  const RequestRules& request() const { return sections_.request; }
  const CaRules& ca() const { return sections_.ca; }
  const CeremonyRules& ceremony() const { return sections_.ceremony; }
  const RolloverRules& rollover() const { return sections_.rollover; }
  const std::optional<IssueRules>& issue() const { return sections_.issue; }

  /// "RSA-2048" or "EC-P-256".
  std::string algorithm_name() const;
  /// Where the size or curve is given.
  const Location& size_location() const;

  /// The file exactly as read: what is stored and hashed with every key version.
  const std::string& text() const { return text_; }
  /// The name of the file, as in every location.
  const std::string& file() const { return file_; }

 private:
  friend Policy parse_policy(std::string_view text, const std::string& file);
  Policy(Sections sections, std::string text, std::string file);

  Sections sections_;
  std::string text_;
  std::string file_;
};

/// Reads a policy file of version 1. `file` only names it in locations. Throws one kInvalidArgument
/// that lists every fault as "file:line:column: sentence".
Policy parse_policy(std::string_view text, const std::string& file);

}  // namespace poolkey::policy
