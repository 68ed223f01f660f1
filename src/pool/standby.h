// A standby origin: it holds the pools' keys so that it may hand them on, and takes the origin's
// place when that is lost. May touch: keys and below. Called by: app, for `standby promote`; enrol.
#pragma once

#include <functional>

#include "keys/origin.h"
#include "pool/enrol.h"
#include "pool/member_side.h"

namespace poolkey::pool {

/// The origin's side: makes a standby's name known, so that it can be admitted. Throws kUnsupported
/// where the root's key is gone: nobody could certify its signers.
void expect_standby(keys::Context& context, const MemberName& name);

/// The origin's side: certificates under the root for the keys of a standby's request; those that
/// were made for these keys before.
std::vector<SignerCertificate> certify_standby(keys::Context& context,
                                               const EnrolmentRequest& request,
                                               const store::Operation& operation);

/// The standby's side: keeps the certificates of its own signers. Throws kCorrupt unless each of
/// them has one, under the root.
void keep_signer_certificates(keys::Context& context, const Confirmation& confirmation,
                              const crypto::Certificate& root);

/// The standby that this origin was before it was promoted.
std::optional<MemberName> promoted(store::Database& database);

/// What a promotion found.
struct Promotion {
  std::string registry_made_at;
  json::object floors{};              ///< from which numbers go on
  std::vector<KeyVersion> missing{};  ///< that members hold and this token does not
};

/// Takes the lost origin's place: its records from the registry, numbers far above those, and the
/// members' transport keys as trusted ones, for which the security officer logs in by `log_in`. The
/// token is open and nobody is logged in; ends logged in as user. `become_origin` writes the
/// configuration, last. Run again after a crash it goes on.
Promotion promote(MemberSide& side, const std::function<void(hsm::Role)>& log_in,
                  const std::function<void()>& become_origin);

}  // namespace poolkey::pool
