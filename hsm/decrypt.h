// One decryption: C_DecryptInit and C_Decrypt under one session.
// May touch: base. Called by: provider, tests.
#pragma once

#include "base/bytes.h"
#include "base/secret.h"
#include "hsm/token.h"

namespace poolkey::hsm {

/// What C_Decrypt gave. That the data are damaged is an answer and no error: which of both it was
/// must not show in the time that the rest takes, and the session stays good for the next call.
struct Decrypted {
  bool good;           ///< false: the module calls the data damaged, in whatever words it has
  SecretBytes octets;  ///< always as long as the room given, with zeros at the end
  std::size_t size;    ///< how many of them count
};

/// Decrypts `data` to at most `room` octets. Throws what check() says of anything else, and
/// kUnavailable where the module gives an impossible length; then the session must not be used
/// again (Lease).
Decrypted decrypt(Session& session, CK_OBJECT_HANDLE key, CK_MECHANISM mechanism, ByteView data,
                  std::size_t room);

}  // namespace poolkey::hsm
