// The one attack on SoftHSM that takes a pool key: the security officer's PIN, and nothing else.
// Called by: the tests of what that PIN gives, and of what the token's files show of the key.
#pragma once

#include <string_view>

#include "crypto/digest.h"
#include "crypto/wrap.h"
#include "hsm/rv.h"
#include "support/raw_calls.h"
#include "support/sides.h"

namespace poolkey::test {

inline constexpr std::string_view kAttackersPin = "attacker";

/// Sets a user PIN of the attacker's own, makes a trusted AES key of known value, wraps the key
/// under it, and opens the blob with OpenSSL. The attacker stays logged in as the user. Throws with
/// the first code other than CKR_OK.
inline crypto::EvpPkey steal_by_security_officer(Sides& sides, const PooledKey& key) {
  hsm::Session& session = sides.origin->keeper();
  const auto need = [](Rv rv, const std::string& doing) { hsm::check(rv.value, doing); };
  const Bytes known = crypto::random_bytes(32);
  CK_OBJECT_HANDLE trusted = CK_INVALID_HANDLE;
  Bytes wrapped;
  sides.become_security_officer();
  const ByteView pin = view(kAttackersPin);
  need({session.fn().C_InitPIN(session.handle(), const_cast<CK_UTF8CHAR*>(pin.data()),
                               static_cast<CK_ULONG>(pin.size()))},
       "set another user PIN");
  need(raw_create(session, known_aes_key(known).set(CKA_PRIVATE, false).set(CKA_TRUSTED, true),
                  &trusted),
       "import a trusted key of known value");
  sides.origin->logout();
  need(raw_login(session, CKU_USER, kAttackersPin), "log in with the PIN just set");
  need(raw_wrap(session, kwp(), trusted, Sides::object(session, key), &wrapped), "wrap the key");
  return crypto::parse_pkcs8_padded(crypto::kwp_unwrap(known, wrapped).view());
}

}  // namespace poolkey::test
