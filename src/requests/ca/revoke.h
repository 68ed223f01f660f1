// Revoking what the CA issued, and releasing what was only held.
// May touch: requests/ca and below. Called by: cli, for `ca revoke` and `ca unhold`.
#pragma once

#include <string>
#include <string_view>

#include "keys/issued.h"
#include "requests/ca/config.h"

namespace poolkey::requests {

/// The certificate that is meant: by a serial in hexadecimal (any case, colons allowed), or by a
/// file that holds it (PEM or DER). Throws kNotFound; kInvalidArgument for a certificate of another
/// CA.
keys::IssuedCertificate issued_certificate(keys::Context& context,
                                           const std::string& serial_or_file);

struct RevocationResult {
  keys::IssuedCertificate certificate;
  bool already = false;  ///< an earlier call did it
};

/// Revokes a certificate, for good or until unhold(). One that is held may be revoked for good; the
/// time of the hold stays then. Throws kAlreadyExists with when and why for one that is revoked for
/// another reason, kInvalidArgument for a reason that does not fit, or a root.
RevocationResult revoke(keys::Context& context, const keys::IssuedCertificate& certificate,
                        crypto::RevocationReason reason);

/// Ends a hold: the next CRL does not have the certificate any more. Throws kConflict for one that
/// is revoked for good.
RevocationResult unhold(keys::Context& context, const keys::IssuedCertificate& certificate);

}  // namespace poolkey::requests
