// What the doctor's probes share: raw calls whose refusals are answers, and keys to try them with.
// May touch: base, crypto. Called by: the doctor's files only.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "crypto/public_key.h"
#include "hsm/doctor.h"
#include "hsm/object.h"

namespace poolkey::hsm::doctor {

inline constexpr std::string_view kPrefix = "poolkey-doctor-";

struct Made {
  CK_RV rv = CKR_GENERAL_ERROR;
  CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
  bool ok() const { return rv == CKR_OK; }
};
struct MadePair {
  CK_RV rv = CKR_GENERAL_ERROR;
  CK_OBJECT_HANDLE public_key = CK_INVALID_HANDLE;
  CK_OBJECT_HANDLE private_key = CK_INVALID_HANDLE;
  bool ok() const { return rv == CKR_OK; }
};
struct Blob {
  CK_RV rv = CKR_GENERAL_ERROR;
  Bytes octets{};
  bool ok() const { return rv == CKR_OK; }
};

/// A template of the doctor's own: label and CKA_TOKEN.
Template labelled(std::string_view what, bool in_token = false);
/// Private EC key that signs; `more` comes last.
Template ec_private(std::string_view what, bool extractable, const Template& more = {},
                    bool in_token = false);
/// AES key that wraps and unwraps.
Template aes_key(std::string_view what, const Template& more = {});

Made generate_aes(Session& session, Template attributes);
/// A P-256 pair; the public half only verifies.
MadePair generate_ec(Session& session, Template private_template, Template public_template);
MadePair generate_ec(Session& session, std::string_view what, bool extractable,
                     const Template& more = {});
/// An RSA-2048 pair that wraps, unwraps, signs and verifies.
MadePair generate_rsa(Session& session, std::string_view what);
Made create(Session& session, Template attributes);
Made copy(Session& session, CK_OBJECT_HANDLE object, Template changes);
CK_RV set(Session& session, CK_OBJECT_HANDLE object, Template changes);
Blob wrap(Session& session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE by, CK_OBJECT_HANDLE key);
Made unwrap(Session& session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE by, ByteView blob,
            Template attributes);
Blob sign(Session& session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE key, ByteView data);
void destroy(Session& session, CK_OBJECT_HANDLE object);

/// True if ECDSA signatures by `key` verify with `public_key`.
bool signs_as(Session& session, CK_OBJECT_HANDLE key, const crypto::PublicKey& public_key);

/// RSA-OAEP with one hash for both, and its parameters.
struct Oaep {
  CK_RSA_PKCS_OAEP_PARAMS parameters;
  CK_MECHANISM mechanism() {
    return {CKM_RSA_PKCS_OAEP, &parameters, static_cast<CK_ULONG>(sizeof parameters)};
  }
};
Oaep oaep(CK_MECHANISM_TYPE hash);

/// One examination under way.
class Bench {
 public:
  Bench(Token& token, Examination& out) : token_(token), out_(out) {}

  Token& token() { return token_; }
  /// Where the session objects live: they go with the token's own session.
  Session& session() { return token_.keeper(); }
  Profile& profile() { return out_.profile; }
  std::vector<std::string>& left_behind() { return out_.left_behind; }

  void answer(Question question, std::string_view word, std::string detail = "");
  /// `yes` where the call went well, else `no` with the code that it gave.
  void answer_by(Question question, CK_RV rv, std::string_view yes, std::string_view no);
  void answer(CK_MECHANISM_TYPE mechanism, bool works, bool as_expected = true);

  /// What the mechanism list says.
  bool is_listed(CK_MECHANISM_TYPE mechanism) const;
  void list_mechanisms();

  /// How private keys are wrapped here, with no parameters; set by the wrap probes.
  std::optional<CK_MECHANISM> kwp() const;
  /// The template for unwrapping the EC key `public_key`, as the wrap probes found that it is
  /// taken.
  Template ec_unwrap_template(const crypto::PublicKey& public_key, const Template& more = {});

  MadePair rsa;                                 ///< a session pair for all probes of the user's
  std::optional<crypto::PublicKey> rsa_public;  ///< its public key, which outlives a logout

 private:
  Token& token_;
  Examination& out_;
  std::vector<CK_MECHANISM_TYPE> listed_;
};

// The families of probes, in the order in which they run. Each leaves nothing in the token.
void probe_attributes(Bench& bench);
void probe_mechanisms(Bench& bench);
void probe_wrapping(Bench& bench);
void probe_protections(Bench& bench);
void probe_sessions(Bench& bench, const Patient& patient);
void probe_race(Bench& bench);
void probe_user_trust(Bench& bench);
/// Nobody of this process is logged in when these begin; the user is when they end.
void probe_so_trust(Bench& bench, const Patient& patient);

}  // namespace poolkey::hsm::doctor
