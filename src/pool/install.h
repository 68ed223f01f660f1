// The certificate on its way from the origin to every member's token.
// May touch: keys and below. Called by: app, for `certificate publish` and `member install`.
#pragma once

#include <vector>

#include "keys/origin.h"
#include "pool/member_side.h"
#include "pool/repository.h"

namespace poolkey::pool {

/// The origin's side: posts the newest certificate of a key version, with its chain, to every
/// enrolled member. Gives the members. Throws kNotFound if there is no certificate.
std::vector<MemberName> publish_certificate(keys::Context& context, const Mailbox& mailbox,
                                            const PoolName& pool, const KeyVersion& key);

/// A certificate from the mailbox that may stand beside the key.
struct CheckedDelivery {
  CertificateDelivery delivery;
  Statement::Version version;
  policy::Permit allowed;
};
/// The member's side: reads one and checks that it is the origin's, for this member, and for the
/// key of the version that `held` names, and that the policy allows it. Throws kCorrupt, kConflict,
/// kDenied.
CheckedDelivery check_delivery(MemberSide& side, const Statement& held,
                               const std::filesystem::path& file);

struct Installed {
  KeyVersion key;
  crypto::Certificate certificate;
  bool written = false;         ///< false: it was there
  std::filesystem::path files;  ///< certificate.pem, key.pem and both.pem; see put_pair()
};
/// The member's side: writes each certificate from the mailbox beside its key, with the key's
/// CKA_ID, and the chain; then, for programs that read files, both as a pair. Throws kConflict if
/// the replica is not in the token, kCorrupt if the certificate is for another key.
std::vector<Installed> install_certificates(MemberSide& side);

}  // namespace poolkey::pool
