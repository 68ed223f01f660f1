// The member's side: who it is, what it trusts, and the keys it has of its own.
// May touch: keys and below. Called by: the member's verbs.
#pragma once

#include <filesystem>

#include "hsm/object.h"
#include "keys/context.h"
#include "pool/documents.h"
#include "pool/mailbox.h"

namespace poolkey::pool {

class SoftwareKeys;

/// A member as its own process sees it, or as its delivery station does.
struct MemberSide {
  keys::Context& context;
  Mailbox mailbox;
  PoolName pool;
  MemberName name;
  std::filesystem::path state_folder;      ///< where the signed state for the provider goes
  const SoftwareKeys* software = nullptr;  ///< of a station; there is no token then

  Address address() const;
  std::string token_label() const;
};

/// A key pair of the member's own: found by the public key on record.
struct OwnKey {
  crypto::PublicKey public_key;
  Bytes id;
};

enum class OwnRole { kIdentity, kTransport };

/// The pair of this role; made in the token where it is missing. Run again after a crash it adopts
/// the pair that was made. The transport pair is RSA-3072 and only unwraps what its unwrap template
/// allows; the identity pair is EC P-256 and only signs. Neither can leave the token.
OwnKey ensure_own_key(MemberSide& side, OwnRole role);
/// Throws kNotFound if the member has not asked for enrolment yet.
OwnKey own_key(MemberSide& side, OwnRole role);

/// The private object of an own key. Throws kConflict if the token no longer has it.
hsm::KeyObject own_object(MemberSide& side, hsm::Session& session, const OwnKey& key,
                          std::string_view what);

/// Signs with the identity key (ECDSA with SHA-256, DER).
Bytes sign_as_member(MemberSide& side, ByteView message);

/// The pinned root: from the token where it is an object there, and the same as in the state.
/// Throws kNotFound before the enrolment was confirmed, kCorrupt if the two differ.
crypto::Certificate pinned_root(MemberSide& side);

/// The content of an origin's document, after signature, chain to the pinned root and the signer's
/// role were checked. Throws kCorrupt naming the file.
std::string verified_document(MemberSide& side, const std::filesystem::path& file,
                              std::string_view content_type);
/// The same for octets that were read already; `file` names them in sentences.
std::string verified_content(MemberSide& side, std::string_view cms,
                             const std::filesystem::path& file, std::string_view content_type);
/// Throws kDenied unless the document is for this member and its token.
void check_addressee(const MemberSide& side, const Address& address, const std::string& what);

/// Signs the head of the member's audit log with its identity key.
void checkpoint_member(MemberSide& side);

}  // namespace poolkey::pool
