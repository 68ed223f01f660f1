// The object identifiers of poolkey's signed documents and of the roles of their signers.
// May touch: nothing. Called by: keys (certificates), pool (documents), provider (the statement).
#pragma once

#include <string_view>

namespace poolkey::home::oid {

// Under 2.25 anybody has an arc of his own from a UUID, without registration (ITU-T X.667).
#define POOLKEY_ARC "2.25.190143442148644934619660429304037353412."
inline constexpr std::string_view kConfirmation = POOLKEY_ARC "1.1";
inline constexpr std::string_view kEnvelope = POOLKEY_ARC "1.2";
inline constexpr std::string_view kStatement = POOLKEY_ARC "1.3";
inline constexpr std::string_view kChallenge = POOLKEY_ARC "1.4";
inline constexpr std::string_view kAttestation = POOLKEY_ARC "1.5";
inline constexpr std::string_view kCertificateDelivery = POOLKEY_ARC "1.6";
inline constexpr std::string_view kRegistry = POOLKEY_ARC "1.7";
/// Extended key usages.
inline constexpr std::string_view kEnvelopeSigner = POOLKEY_ARC "2.1";
inline constexpr std::string_view kAuditSigner = POOLKEY_ARC "2.2";
#undef POOLKEY_ARC

/// What `openssl cms -verify` looks for in a signer (RFC 5280 4.2.1.12).
inline constexpr std::string_view kEmailProtection = "1.3.6.1.5.5.7.3.4";

}  // namespace poolkey::home::oid
