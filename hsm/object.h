// Objects of a token: found, read, compared, copied, destroyed.
// May touch: base, crypto (a key object's identity is its SPKI). Called by: keys, pool, provider.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/attribute.h"
#include "crypto/public_key.h"
#include "hsm/template.h"
#include "hsm/token.h"

namespace poolkey::hsm {

/// Everything that matches. Session objects are left out unless the template says CKA_TOKEN:
/// session copies of other parts of the process must not be found.
std::vector<CK_OBJECT_HANDLE> find_objects(Session& session, Template wanted);

/// The value of one attribute; nothing where the object does not have it or will not give it.
std::optional<Bytes> read_bytes(Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
std::optional<bool> read_bool(Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
std::optional<CK_ULONG> read_ulong(Session& session, CK_OBJECT_HANDLE object,
                                   CK_ATTRIBUTE_TYPE type);

/// The value of an attribute that policies name; nothing where the object does not tell it.
std::optional<AttributeValue> read_value(Session& session, CK_OBJECT_HANDLE object,
                                         const std::string& attribute_text);

/// What the object really has, for the attributes that `expected` names, in its order. An attribute
/// that the module does not tell, or does not keep by its profile, is left out.
AttributeSet read_back(Session& session, CK_OBJECT_HANDLE object, const AttributeSet& expected);

/// The attributes of `expected` that `found` does not have: the token does not tell them.
std::vector<std::string> untold(const AttributeSet& expected, const AttributeSet& found);

/// "CKA_EXTRACTABLE is true, not false; ...", one clause for each difference; empty: none. What is
/// not told counts as a difference, except for `may_be_untold`; what is told wrongly always does.
std::string differences(const AttributeSet& expected, const AttributeSet& found,
                        const std::vector<std::string>& may_be_untold = {});

/// What the object tells otherwise than `expected` says, as changes for a copy of it.
Template corrections(Session& session, CK_OBJECT_HANDLE object, const AttributeSet& expected);

/// C_CopyObject with `changes`.
CK_OBJECT_HANDLE copy_object(Session& session, CK_OBJECT_HANDLE object, Template changes);
/// A session object copied to the token, with `changes`. Its CKA_ID is said again: whatever was
/// copied, should the handle have been given to another object meanwhile, is found by it and can be
/// destroyed.
CK_OBJECT_HANDLE copy_to_token(Session& session, CK_OBJECT_HANDLE object, ByteView id,
                               Template changes = {});
CK_OBJECT_HANDLE create_object(Session& session, Template attributes);
/// The same for an object of the token: where the module writes in pieces, as a session object that
/// is then copied, unless its attributes forbid that.
CK_OBJECT_HANDLE create_token_object(Session& session, Template attributes);
void destroy_object(Session& session, CK_OBJECT_HANDLE object);

/// Objects that are destroyed at the end unless they were kept: what is made step by step and
/// counts only when it is whole. Token objects are destroyed only with the CKA_ID given.
class Unfinished {
 public:
  explicit Unfinished(Session& session, Bytes id = {}) : session_(session), id_(std::move(id)) {}
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  ~Unfinished();

  CK_OBJECT_HANDLE add(CK_OBJECT_HANDLE object) {
    objects_.push_back(object);
    return object;
  }
  void keep() { objects_.clear(); }

 private:
  bool is_ours(CK_OBJECT_HANDLE object) const;
  Session& session_;
  Bytes id_;
  std::vector<CK_OBJECT_HANDLE> objects_;
};

/// The public key that an object holds: a public key object, or an RSA private one.
/// Nothing where the object does not have the parts.
std::optional<crypto::PublicKey> public_key_of(Session& session, CK_OBJECT_HANDLE object);

/// A private key object with what is known about it.
struct KeyObject {
  CK_OBJECT_HANDLE handle;
  CK_KEY_TYPE type;
  Bytes id;
  std::string label;
  /// Of the key itself (RSA), or of the public object with the same CKA_ID (EC: the private object
  /// has no point); nothing where neither tells.
  std::optional<crypto::PublicKey> public_key;
};

/// Throws kUnavailable unless the user is logged in: a token that lost its login, as an HSM that
/// was restarted, says OK and shows no private object, which is not the same as having none.
void require_login(Session& session);

/// Private keys that match `wanted` (class is added), each with its public key. Throws kUnavailable
/// where there is none because nobody is logged in.
std::vector<KeyObject> find_private_keys(Session& session, Template wanted);

/// The private key with this public key: by CKA_ID where it is known, else by the modulus (RSA) or
/// by the CKA_ID of the public object with this point (EC). So the number of calls does not grow
/// with what else is in the token. Nothing if the token has none: the caller has a login, so that
/// means absent.
std::optional<KeyObject> find_private_key(Session& session, const crypto::PublicKey& key,
                                          ByteView id = {});

/// CKA_EC_POINT of an EC key: the DER of an OCTET STRING (PKCS#11 v2.40 section 2.3.3). Some tokens
/// hold the bare point.
Bytes ec_point_attribute(const crypto::PublicKey& key);

}  // namespace poolkey::hsm
