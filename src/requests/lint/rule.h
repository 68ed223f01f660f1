// What a lint rule is, and the families of them.
// May touch: crypto's types (pure). Called by: lint.cc; each family is a file of this folder.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "requests/lint/key_facts.h"
#include "requests/lint/lint.h"

namespace poolkey::requests {

/// What a rule weighs under a profile; off where the profile does not know it.
enum class Level { kOff, kInfo, kWarn, kError };

/// Every rule sees the same; it copies nothing but what offends.
struct LintInput {
  const LintSubject& subject;
  const crypto::X509Content& content;
  const std::optional<crypto::Certificate>& certificate;
  Profile profile;
  Time now;
  Time issued;  ///< the certificate's first moment; of a request: now
  const KeyFacts& key;
  const WeakKeys& weak_keys;
  std::vector<std::string_view> sorted_sans;  ///< DNS names of the SAN
  std::vector<std::string_view> names;        ///< the same in their order, then other common names

  /// Octet for octet.
  bool has_san(std::string_view name) const {
    return std::ranges::binary_search(sorted_sans, name);
  }
};

inline bool is_rsa(const LintInput& in) { return in.key.kind == KeyFacts::Kind::kRsa; }
inline bool is_ec(const LintInput& in) { return in.key.kind == KeyFacts::Kind::kEc; }

/// The offending values, one finding each; an empty string where there is nothing to quote.
using Offences = std::vector<std::string>;

enum class Applies { kBoth, kRequest, kCertificate };

/// One row. `message` stands before the offending value.
struct Rule {
  std::string_view id;
  Level public_br;
  Level lync;
  Level internal;
  std::string_view message;
  std::string_view fix;
  std::string_view source;
  Offences (*check)(const LintInput&);
  Applies applies = Applies::kBoth;
};

std::span<const Rule> name_rules();
std::span<const Rule> subject_rules();
std::span<const Rule> key_rules();
std::span<const Rule> usage_rules();
std::span<const Rule> certificate_rules();
std::span<const Rule> edge_rules();
std::span<const Rule> stated_rules();

/// Names of signature algorithms, as OpenSSL has them.
inline constexpr std::string_view kPssSignature = "rsassaPss";
bool is_sha1_signature(std::string_view algorithm);
/// SHA-256, 384 or 512 with RSA PKCS#1 v1.5 or ECDSA.
bool is_good_signature(std::string_view algorithm);

/// One offence without a value, if `bad`.
inline Offences offence_if(bool bad) { return bad ? Offences{""} : Offences{}; }

}  // namespace poolkey::requests
