// What stands in a PEM file in place of a private key: where the key is, and which key it must be.
// May touch: OpenSSL (in the .cc). Called by: provider (reads it), app (writes it).
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace poolkey::crypto {

/// Labels of PEM blocks. No "PRIVATE KEY" in them: there is none, and scanners look for that.
inline constexpr std::string_view kReferenceLabel = "POOLKEY KEY REFERENCE";
/// pkcs11-provider's, which has no fingerprint.
inline constexpr std::string_view kPeerReferenceLabel = "PKCS#11 PROVIDER URI";

/// No URI that anybody writes comes near this many octets; more is refused.
inline constexpr std::size_t kMaxReferenceUri = 4096;

/// Ours:   SEQUENCE { VisibleString "poolkey key reference v1", UTF8String uri,
///                    OCTET STRING fingerprint }
/// theirs: SEQUENCE { VisibleString "PKCS#11 Provider URI v1.0", UTF8String uri }
struct KeyReference {
  std::string uri;    ///< "pkcs11:..." or "poolkey:...", without control characters
  Bytes fingerprint;  ///< SHA-256 of the key's SubjectPublicKeyInfo; empty in theirs
};

/// A file of ours. Throws kInvalidArgument for a reference that parse_reference would refuse.
std::string reference_pem(const KeyReference& reference);

/// The contents of a PEM block with one of the labels above. Throws kCorrupt for anything but
/// exactly that in DER.
KeyReference parse_reference(std::string_view label, ByteView der);

}  // namespace poolkey::crypto
