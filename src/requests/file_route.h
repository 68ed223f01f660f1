// The way to a CA by file: a PKCS#10 out; certificates, chains and revocation lists back, whenever
// they come and in any order. May touch: requests and below. Called by: cli.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "requests/accept.h"
#include "requests/repository.h"

namespace poolkey::requests {

/// Marks a signed request as handed over to its CA, and gives it. Run again it gives the same
/// octets. Throws kConflict for one that is not signed.
StoredRequest export_request(keys::Context& context, const std::string& id);

/// What became of one thing in an imported file.
struct Imported {
  std::string what;       ///< "certificate 'CN=sip.contoso.com', serial 0a.."
  std::string sentence;   ///< what it is for, or why it is for nothing here
  std::string request{};  ///< that it answers; empty: none
  bool taken = false;     ///< it was kept
};

/// Takes everything in a file from a CA (crypto/bundle.h): a certificate of a key version that was
/// asked for becomes an answer to its request, which then is `issued`; CA certificates and
/// revocation lists are kept for checking. Nothing is believed yet. With `only`, certificates that
/// are not for that request are refused. Run again it changes nothing. Throws as read_bundle().
std::vector<Imported> import_file(keys::Context& context, const std::string& file, ByteView octets,
                                  const std::optional<std::string>& only = std::nullopt);

struct Accepted {
  keys::StoredCertificate certificate;
  std::vector<std::string> remarks;
};

/// Checks the answer to a request (accept.h) and binds it to the key version. `fingerprint` is the
/// beginning of a SHA-256 in hex, for where several certificates came. Run again it gives what was
/// accepted. Throws kNotFound if none came, kConflict if several did and none is named, kCorrupt
/// with every fault, kDenied by policy.
Accepted accept_request(keys::Context& context, const std::string& id,
                        const std::string& fingerprint = "");

}  // namespace poolkey::requests
