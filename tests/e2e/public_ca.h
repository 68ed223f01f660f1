// A public CA that openssl plays in a deployment's folder, and the way there by file: what an
// operator sends, and what comes back. Called by: tests/e2e.
#pragma once

#include <string>

#include "e2e/deployment.h"

namespace poolkey::test {

/// The request of the pool's external certificate: "edge.edge-external.av@1.public".
std::string public_request(const std::string& version = "av@1");

/// Makes a root and an issuing CA in the folder 'ca': NAME.pem, NAME.key and a register for each.
void make_public_ca(const Deployment& d);
/// Makes them, and has the topology send the external certificate there.
void use_public_ca(const Deployment& d);
/// Changes the topology, and defines its pools again.
void change_topology(const Deployment& d, const std::string& from, const std::string& to);

/// How the CA certifies.
struct Terms {
  std::string names{};                          ///< "DNS:a,DNS:b"; empty: those of the request
  std::string dates = "-days 90";               ///< for openssl ca
  std::string usages = "serverAuth";            ///< extended ones
  std::string by = "issuing";                   ///< or "root"
  std::string subject = "/CN=sip.contoso.com";  ///< openssl ca's -subj
};
/// Has the CA certify 'CSR', a file of the deployment's folder, into the PEM file 'OUT'.
void certify(const Deployment& d, const std::string& csr, const std::string& out,
             const Terms& terms = {});
/// Has 'issuing' or 'root' revoke 'CERTIFICATE', and make its list: 'ca/BY.crl'.
void revoke(const Deployment& d, const std::string& by, const std::string& certificate);

/// `request create` of the external certificate, and `request export` of it to 'VERSION.csr'.
Words create(const Deployment& d, const std::string& version = "av@1");
Words send(const Deployment& d, const std::string& version = "av@1");
/// Both.
void submit(const Deployment& d, const std::string& version = "av@1");
/// As submit(), with the certificate that comes back in 'VERSION.pem'.
void submit_and_certify(const Deployment& d, const std::string& version = "av@1");

/// `request batch` for av@1, of this many requests to a CA each, which the topology then has.
Words batch_of(const Deployment& d, std::size_t requests);
/// `request import` of files in the deployment's folder.
Words import(const Deployment& d, const Words& files);
Words accept(const std::string& version = "av@1");
/// The state that `request show` tells.
std::string state_of(const Deployment& d, const std::string& id = public_request());
/// All states that it had, as `request show` tells them.
std::vector<std::string> history(const Deployment& d, const std::string& id = public_request());

}  // namespace poolkey::test
