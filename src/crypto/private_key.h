// Private keys in software: made, kept in encrypted PKCS#8 files, opened again.
// May touch: OpenSSL. Called by: pool, for members without a token; never where an HSM holds the
// key.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/secret.h"
#include "crypto/openssl.h"

namespace poolkey::crypto {

/// One more owner of the same key.
EvpPkey another(const EvpPkey& key);

/// Has OpenSSL keep the private numbers of keys in memory that is locked, fenced and wiped, for the
/// life of the process; and locks all other memory where no limit speaks against it. False where
/// the process's limits do not let it be locked (RLIMIT_MEMLOCK). To be called before the first key
/// is made or opened.
bool guard_private_memory();

EvpPkey generate_rsa(unsigned bits);
EvpPkey generate_p256();

/// "-----BEGIN ENCRYPTED PRIVATE KEY-----": PKCS#8 under PBES2 with scrypt (N 16384, r 8, p 1: what
/// `openssl pkcs8 -scrypt` writes and every OpenSSL reads) and AES-256-CBC.
std::string encrypted_pem(EVP_PKEY* key, ByteView passphrase);

/// The key of an unencrypted PEM file, as other programs keep it. Throws kCorrupt for anything
/// else.
EvpPkey private_key_from_pem(std::string_view pem);

/// Throws kAuthFailed where it does not open, kCorrupt for what is no such PEM.
EvpPkey from_encrypted_pem(std::string_view pem, ByteView passphrase);

}  // namespace poolkey::crypto
