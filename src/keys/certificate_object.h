// Certificates as objects in a token.
// May touch: hsm, crypto. Called by: keys (the origin's own), pool (pinned root, installation).
#pragma once

#include <string>
#include <vector>

#include "crypto/certificate.h"
#include "hsm/object.h"

namespace poolkey::keys {

/// Writes the certificate with this label and CKA_ID unless exactly it is there already; true if
/// it was written. On disk when it returns.
bool put_certificate(hsm::Token& token, const crypto::Certificate& certificate,
                     const std::string& label, ByteView id);

/// True if the token has the certificate, under whatever label.
bool holds_certificate(hsm::Token& token, const crypto::Certificate& certificate);

/// Certificates with this CKA_ID.
std::vector<crypto::Certificate> certificates_with_id(hsm::Token& token, ByteView id);

/// Certificates with this label.
std::vector<crypto::Certificate> certificates_labelled(hsm::Token& token, const std::string& label);

}  // namespace poolkey::keys
