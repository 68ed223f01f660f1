// CKA_TRUSTED: who can set it, and whether a release can be made with it.
#include "hsm/doctor_bench.h"
#include "hsm/rv.h"

namespace poolkey::hsm::doctor {
namespace {

Template public_rsa(const crypto::PublicKey& key) {
  return labelled("trusted")
      .set(CKA_CLASS, CK_ULONG{CKO_PUBLIC_KEY})
      .set(CKA_KEY_TYPE, CK_ULONG{CKK_RSA})
      .set(CKA_PRIVATE, false)
      .set(CKA_MODULUS, ByteView(key.modulus()))
      .set(CKA_PUBLIC_EXPONENT, ByteView(key.exponent()))
      .set(CKA_WRAP, true);
}

bool is_trusted(Session& session, CK_OBJECT_HANDLE object) {
  return read_bool(session, object, CKA_TRUSTED) == true;
}

/// CKR_OK only if the key says afterwards that it is trusted.
CK_RV at_creation(Session& session, const crypto::PublicKey& key) {
  const Made made = create(session, public_rsa(key).set(CKA_TRUSTED, true));
  const CK_RV rv =
      made.ok() && !is_trusted(session, made.object) ? CKR_ATTRIBUTE_VALUE_INVALID : made.rv;
  destroy(session, made.object);
  return rv;
}

CK_RV later(Session& session, const crypto::PublicKey& key) {
  const Made made = create(session, public_rsa(key));
  if (!made.ok()) return made.rv;
  CK_RV rv = set(session, made.object, Template().set(CKA_TRUSTED, true));
  if (rv == CKR_OK && !is_trusted(session, made.object)) rv = CKR_ATTRIBUTE_VALUE_INVALID;
  destroy(session, made.object);
  return rv;
}

/// The two trusted keys of a release, made as security officer in the session.
struct Trusted {
  Made wrapping_key, member_key;
};

Trusted make_trusted(Bench& bench) {
  Session& session = bench.session();
  Template wrapping = aes_key("trusted")
                          .set(CKA_PRIVATE, false)
                          .set(CKA_TRUSTED, true)
                          .set(CKA_WRAP_WITH_TRUSTED, true);
  return {generate_aes(session, std::move(wrapping)),
          create(session, public_rsa(*bench.rsa_public).set(CKA_TRUSTED, true))};
}

/// As the user: both wraps of a release. The first refusal.
CK_RV try_release(Bench& bench, const Trusted& trusted) {
  Session& session = bench.session();
  for (const Made& made : {trusted.wrapping_key, trusted.member_key})
    if (!made.ok()) return made.rv;
  const MadePair target = generate_ec(session, "target", /*extractable=*/true,
                                      Template().set(CKA_WRAP_WITH_TRUSTED, true));
  CK_RV rv = target.rv;
  if (target.ok())
    rv = wrap(session, *bench.kwp(), trusted.wrapping_key.object, target.private_key).rv;
  if (rv == CKR_OK) {
    const bool strong = bench.profile().oaep(OaepHash::kSha256);
    Oaep parameters = oaep(strong ? CKM_SHA256 : CKM_SHA_1);
    rv = wrap(session, parameters.mechanism(), trusted.member_key.object,
              trusted.wrapping_key.object)
             .rv;
  }
  destroy(session, target.private_key);
  destroy(session, target.public_key);
  return rv;
}

}  // namespace

void probe_user_trust(Bench& bench) {
  if (!bench.rsa_public) return;
  bench.answer_by(Question::kTrustedByUser, at_creation(bench.session(), *bench.rsa_public),
                  "allowed", "refused");
  bench.answer_by(Question::kTrustedByUserLater, later(bench.session(), *bench.rsa_public),
                  "allowed", "refused");
}

void probe_so_trust(Bench& bench, const Patient& patient) {
  bench.token().login(Role::kSecurityOfficer, *patient.so_pin);
  Trusted trusted;
  if (bench.rsa_public) {
    bench.answer_by(Question::kTrustedBySo, at_creation(bench.session(), *bench.rsa_public),
                    "allowed", "refused");
    bench.answer_by(Question::kTrustedBySoLater, later(bench.session(), *bench.rsa_public),
                    "allowed", "refused");
    trusted = make_trusted(bench);
  }
  bench.token().logout();
  bench.token().login(Role::kUser, patient.user_pin);
  if (bench.kwp() && bench.rsa_public)
    bench.answer_by(Question::kCeremony, try_release(bench, trusted), "works", "refused");
  else
    bench.answer(Question::kCeremony, "refused", "nothing can be wrapped");
  for (const Made& made : {trusted.wrapping_key, trusted.member_key})
    destroy(bench.session(), made.object);
}

}  // namespace poolkey::hsm::doctor
