#include "crypto/bundle.h"

#include "crypto/der_guard.h"
#include "fuzz/target.h"

namespace poolkey::fuzz {

void bundle(ByteView octets) {
  accepted([&] {
    const crypto::Bundle read = crypto::read_bundle(octets);
    require(!read.certificates.empty() || !read.crls.empty(), "nothing is an error");
    require(read.certificates.size() <= crypto::kMaxBundle, "the number is bounded");
    std::string pem;
    for (const crypto::Certificate& c : read.certificates) pem += c.pem();
    for (const Bytes& crl : read.crls) {
      crypto::check_der(crl, "a CRL of a bundle");
      pem += "-----BEGIN X509 CRL-----\n" + base64(crl) + "\n-----END X509 CRL-----\n";
    }
    const crypto::Bundle again = crypto::read_bundle(view(pem));
    require(again.certificates == read.certificates && again.crls == read.crls,
            "what is written as PEM reads the same again, each thing once");
  });
}

}  // namespace poolkey::fuzz
