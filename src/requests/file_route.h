// The way to a CA by file: a PKCS#10 out; certificates, chains and revocation lists back, whenever
// they come and in any order. May touch: requests and below. Called by: cli.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "requests/route.h"

namespace poolkey::requests {

/// Hands over by giving the PKCS#10 away; the CA answers some day.
class FileRoute : public CaRoute {
 public:
  std::string_view verb() const override { return "request export"; }
  bool is_handed_over(keys::Context& context, const StoredRequest& request) const override;
  std::optional<crypto::Certificate> submit(keys::Context& context, const StoredRequest& request,
                                            const store::Operation& operation) const override;
  std::vector<crypto::Certificate> above(keys::Context&,
                                         const crypto::Certificate&) const override {
    return {};
  }
};

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

}  // namespace poolkey::requests
