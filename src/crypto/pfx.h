// PFX (PKCS#12, RFC 7292) as Windows imports it: key, certificate, chain, under a random
// passphrase. May touch: OpenSSL. Called by: pool, for Windows members.
#pragma once

#include <string>
#include <vector>

#include "base/secret.h"
#include "crypto/certificate.h"
#include "crypto/openssl.h"

namespace poolkey::crypto {

/// The provider that Lync and Skype for Business want the key in (domain: legacy CryptoAPI).
inline constexpr std::string_view kSchannelProvider =
    "Microsoft RSA SChannel Cryptographic Provider";

enum class PfxAlgorithms {
  kModern,  ///< PBES2 with PBKDF2 and AES-256-CBC, MAC with SHA-256: Windows Server 2019 and later
  kLegacy,  ///< 3DES and a MAC with SHA-1: what older ones read
};

/// 32 letters and digits, 160 bits, in four groups; none of them looks like another.
SecretBytes random_passphrase();

/// Key bag with provider name (1.3.6.1.4.1.311.17.1), friendlyName and localKeyID, and no key usage
/// attribute (2.5.29.15), without which Windows takes the key for key exchange; the leaf with the
/// same name and ID; the rest of the chain. `leaf_first` ends with the root. `key` gets the
/// provider name as an attribute. It is opened again before it is returned.
/// Throws kInvalidArgument where the key is not the leaf's, or not RSA.
Bytes make_pfx(EVP_PKEY* key, const std::vector<Certificate>& leaf_first,
               const std::string& friendly_name, ByteView passphrase, PfxAlgorithms algorithms);

}  // namespace poolkey::crypto
