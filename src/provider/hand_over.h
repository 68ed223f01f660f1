// What a store and a decoder share: keys go to OpenSSL, and PINs come from the program's user.
// May touch: OpenSSL, hsm. Called by: store, decoder.
#pragma once

#include "provider/key.h"
#include "provider/signing_token.h"

namespace poolkey::provider {

/// Gives OpenSSL a key by reference: the address of a pointer that keymgmt.load takes and clears.
/// Returns what the callback says.
int hand_over_key(const Provider* provider, const std::shared_ptr<const Key>& key,
                  OSSL_CALLBACK* callback, void* argument);

/// A prompt by way of the program that wants the key; it knows how to ask its user. Throws
/// kAuthFailed where it does not.
PinSource prompt_by(OSSL_PASSPHRASE_CALLBACK* callback, void* argument, std::string_view token);

}  // namespace poolkey::provider
