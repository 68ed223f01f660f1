// The embedded CA of a deployment: its configuration, requests from elsewhere, and the real openssl
// as the relying party. Called by: tests/e2e.
#pragma once

#include <string>

#include "e2e/deployment.h"

namespace poolkey::test {

/// `poolkey ca configure` with profiles web-server (internal), public (public-br) and files in
/// 'pki'.
Words configure_ca(const Deployment& d);
/// A request that openssl makes, in 'NAME.csr' with its key in 'NAME.key'; made once. `names` is
/// for its SAN, `more` for openssl req.
std::string foreign_request(
    const Deployment& d, const std::string& name, const std::string& names = "DNS:a.contoso.com",
    const std::string& more = "-newkey ec -pkeyopt ec_paramgen_curve:P-256");
/// Signs it under web-server, into 'NAME.pem' and 'NAME.chain'.
Words sign_foreign(const Deployment& d, const std::string& name);

/// A line of bash in the deployment's folder, where pki/ and the files above are.
Outcome in_folder(const Deployment& d, const std::string& line);

}  // namespace poolkey::test
