// How the embedded CA is configured: where its lists are published, for how long, and the profiles
// under which it signs foreign requests. May touch: keys, store. Called by: requests/ca, cli.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/toml.h"
#include "keys/own_certificate.h"
#include "requests/lint/lint.h"

namespace poolkey::requests {

/// What the register calls certificates of pool keys, and of a root's key by another root.
inline constexpr std::string_view kPoolProfile = "pool";
inline constexpr std::string_view kCrossProfile = "cross";

/// The same of certificates by which the service, members, and persons or applications are known to
/// each other: requests/ca/client. No profile of a configuration has one of these names.
inline constexpr std::string_view kServiceProfile = "service";
inline constexpr std::string_view kMemberProfile = "member";
inline constexpr std::string_view kClientProfile = "client";

/// What a foreign request gets, whatever it asks for.
struct CaProfile {
  std::string name;
  Days max{};
  crypto::KeyUsages key_usage{};
  std::vector<std::string> extended_key_usage{};  ///< dotted OIDs
  Profile lint = Profile::kInternal;
  std::vector<std::string> suffixes{};  ///< lower case; every name is one of these or below it
  std::vector<std::string> key_algorithms{};  ///< as crypto::PublicKey::algorithm()
  std::string organization{};                 ///< O of the subject; empty: none
  std::size_t max_names = 100;
};

/// Defaults are what an origin does that was never configured.
struct CaConfig {
  std::string file{};
  std::string text{};
  std::string sha256{};            ///< of the text; empty: never configured
  std::vector<std::string> crl{};  ///< base URLs, without a slash at the end
  std::vector<std::string> ca_issuers{};
  std::vector<std::string> ocsp{};  ///< whole URLs
  std::filesystem::path folder{};   ///< where the files of the first two are written
  Days crl_validity{7};
  std::chrono::hours crl_overlap{48};  ///< how long before its end the next list is made
  std::chrono::hours ocsp_validity{24};
  Days responder_validity{30};
  Days service_validity{90};
  Days client_validity{90};
  Days member_validity{30};
  std::vector<CaProfile> profiles{};

  bool configured() const { return !sha256.empty(); }
  /// Throws kNotFound naming the profiles there are.
  const CaProfile& profile(std::string_view name) const;
  /// What stands in certificates that this CA key issues.
  keys::IssuerPointers pointers(const KeyVersion& issuer) const;
};

/// The names of the files that the pointers point to: "issuing-ca-1.crl", "issuing-ca-1.cer".
std::string crl_file(const KeyVersion& issuer);
std::string certificate_file(const KeyVersion& issuer);
/// Of a cross-certificate: "root-2-by-root-1.cer".
std::string cross_file(const KeyVersion& subject, const KeyVersion& issuer);

/// Reads format version 1 (docs/ca.toml shows every key). Throws kInvalidArgument with all faults
/// of the file in one report.
CaConfig parse_ca_config(std::string_view text, const std::string& file);

/// The newest one on record, or the defaults.
CaConfig ca_config(store::Database& database);
/// Puts a configuration on record, with the audit. False if it is the one in force already.
bool configure_ca(keys::Context& context, const CaConfig& config);

}  // namespace poolkey::requests
