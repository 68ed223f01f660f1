#include "crypto/csr.h"
#include "fuzz/target.h"
#include "requests/lint/lint.h"

namespace poolkey::fuzz {

void request(ByteView octets) {
  accepted([&] {
    const crypto::ParsedCsr read = crypto::parse_csr(octets);
    const std::string pem = crypto::csr_pem(read.der);
    require(crypto::csr_der(view(pem)) == read.der, "a request in PEM is the same request");
    if (octets[0] == 0x30 && text_of(octets).find("-----BEGIN ") == std::string_view::npos)
      require(to_text(read.der) == text_of(octets), "a request in DER is taken as it is");
    require(read.sans.dns.size() <= crypto::kMaxNames, "the number of names is bounded");
    for (const auto profile :
         {requests::Profile::kPublicBr, requests::Profile::kLync, requests::Profile::kInternal})
      for (const requests::Finding& finding :
           requests::lint({read, std::nullopt}, profile, parse_rfc3339("2026-11-22T00:00:00Z")))
        require(!finding.rule.empty() && !finding.message.empty(), "a finding says what it is");
  });
}

}  // namespace poolkey::fuzz
