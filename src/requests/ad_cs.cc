#include "requests/ad_cs.h"

#include "crypto/csr.h"

namespace poolkey::requests {
namespace {

/// The template that a web server's certificate comes from (domain 2.4, 5.1).
std::string template_name(const Authority& authority) {
  if (!authority.ad_cs_template) return "WebServer";
  return authority.ad_cs_template->name.empty() ? authority.ad_cs_template->oid
                                                : authority.ad_cs_template->name;
}

std::string lines(std::initializer_list<std::string> all) {
  std::string out;
  for (const std::string& line : all) out += line + "\r\n";
  return out;
}

}  // namespace

std::string certreq_inf(const StoredRequest& request, const Authority& authority) {
  const crypto::ParsedCsr csr = crypto::parse_csr(request.csr);
  std::string out = lines(
      {"; " + request.id, "; certreq -new FILE.inf FILE.req makes a NEW key on this computer. The",
       "; request of the pool's key is made already: send that one instead.", "[Version]",
       "Signature=\"$Windows NT$\"", "", "[NewRequest]", "Subject=\"" + csr.subject + "\"",
       "Exportable=TRUE", "KeyLength=" + std::to_string(csr.public_key.bits()), "KeySpec=1",
       "KeyUsage=0xa0", "MachineKeySet=TRUE",
       "ProviderName=\"Microsoft RSA SChannel Cryptographic Provider\"", "ProviderType=12",
       "RequestType=PKCS10", "HashAlgorithm=SHA256", "AlternateSignatureAlgorithm=false", ""});
  out += lines({"[EnhancedKeyUsageExtension]", "OID=1.3.6.1.5.5.7.3.1", ""});
  if (!csr.sans.dns.empty()) {
    out += lines({"[Extensions]", "2.5.29.17=\"{text}\""});
    for (std::size_t i = 0; i < csr.sans.dns.size(); ++i)
      out += "_continue_=\"DNS=" + csr.sans.dns[i] +
             (i + 1 < csr.sans.dns.size() ? "&\"\r\n" : "\"\r\n");
    out += "\r\n";
  }
  return out + lines({"[RequestAttributes]", "CertificateTemplate=" + template_name(authority)});
}

std::string certreq_commands(const StoredRequest& request, const Authority& authority,
                             const std::string& file) {
  const std::string config =
      authority.config.empty() ? "" : "-config \"" + authority.config + "\" ";
  return lines({"rem " + request.id + ", to be run where the CA can be reached",
                "certreq -submit " + config + "-attrib \"CertificateTemplate:" +
                    template_name(authority) + "\" " + file + " answer.cer answer.p7b",
                "rem where the CA holds the request back, once it was issued there:",
                "rem certreq -retrieve " + config + "<RequestId> answer.cer answer.p7b",
                "rem then bring answer.p7b to the origin: poolkey request import answer.p7b",
                "rem certreq -accept is not for this request: its key is not on this computer"});
}

}  // namespace poolkey::requests
