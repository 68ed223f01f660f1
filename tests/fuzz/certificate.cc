#include "crypto/certificate.h"

#include <algorithm>

#include "fuzz/target.h"

namespace poolkey::fuzz {

void certificate(ByteView octets) {
  accepted([&] {
    const crypto::Certificate read = crypto::Certificate::from_der(octets);
    require(std::ranges::equal(read.der(), octets), "a certificate is kept as it is");
    require(crypto::Certificate::from_pem(read.pem()) == read, "in PEM it is the same");
    require(read.dns_sans().size() <= crypto::kMaxNames, "the number of names is bounded");
    const std::string shown = read.subject() + read.issuer() + read.serial();
    require(std::ranges::none_of(shown, [](char c) { return c >= 0 && c < 0x20; }),
            "names that are shown have no control characters");
    require(!read.subject_der().empty() && !read.issuer_der().empty() && !read.serial_der().empty(),
            "there is something for CKA_SUBJECT, CKA_ISSUER and CKA_SERIAL_NUMBER");
    const auto key = crypto::PublicKey::from_spki_der(read.public_key().spki_der());
    require(key == read.public_key(), "its key reads the same again");
    accepted([&] { crypto::verify_chain(read, {}, read, read.not_before()); });
  });
}

}  // namespace poolkey::fuzz
