#include "crypto/ocsp.h"

#include "fuzz/target.h"

namespace poolkey::fuzz {

void ocsp(ByteView octets) {
  accepted([&] {
    const crypto::OcspRequest read = crypto::parse_ocsp_request(octets);
    require(!read.ids.empty() && read.ids.size() <= 100, "a request asks for 1 to 100");
    require(read.nonce.size() <= 160, "the nonce is bounded");
    for (const crypto::OcspCertId& id : read.ids) {
      require(!id.der.empty() && !id.serial.empty(), "each id is repeated whole, with its serial");
      require(id.issuer_name_hash.size() + id.issuer_key_hash.size() <= octets.size(),
              "hashes come out of the request");
    }
  });
}

}  // namespace poolkey::fuzz
