#include "crypto/crl.h"

#include <algorithm>

#include "fuzz/target.h"

namespace poolkey::fuzz {

void crl(ByteView octets) {
  accepted([&] {
    const crypto::Crl read = crypto::Crl::from_der(octets);
    require(std::ranges::equal(read.der(), octets), "a list is kept as it is");
    require(crypto::Crl::from_pem(read.pem()).der() == read.der(), "in PEM it is the same");
    require(read.entries().size() == read.size(), "every entry is shown");
    for (const crypto::RevokedSerial& entry : read.entries())
      require(read.find(entry.serial).has_value(), "every entry is found by its serial");
    require(std::ranges::none_of(read.issuer(), [](char c) { return c >= 0 && c < 0x20; }),
            "the issuer that is shown has no control characters");
  });
}

}  // namespace poolkey::fuzz
