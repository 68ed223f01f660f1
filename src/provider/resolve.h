// From a URI of either scheme to what it names, with what the configuration says of it.
// May touch: OpenSSL, home, hsm. Called by: store, decoder.
#pragma once

#include "crypto/key_reference.h"
#include "provider/lookup.h"
#include "provider/provider.h"

namespace poolkey::provider {

/// What a URI names: where it is, and which key it must be.
struct Named {
  hsm::Uri uri;
  std::string text{};           ///< a pool key's name and version; empty for a pkcs11: URI
  std::optional<Bytes> spki{};  ///< of a pool key, by the member's statement
};

/// Throws as parse_object_uri() and parse_pool_uri(); kUnsupported where no other provider is
/// active; for a pool key also kNotFound where the
/// member's statement does not name it, or there is none.
Named parse_any_uri(const Provider& provider, std::string_view text);

/// Everything that is named. Where that is one certificate, its chain follows it as far as the
/// token has it. Throws as look_up(), and kConflict where a pool key is not the one
/// that the statement names.
std::vector<Found> find(const Provider& provider, const Named& named, Expected expected,
                        const PinSource& prompt);

/// The private key of a reference. Throws as find(), and kConflict where the key is not the one
/// whose fingerprint the reference has.
std::shared_ptr<const Key> resolve(const Provider& provider, const crypto::KeyReference& reference,
                                   const PinSource& prompt);

}  // namespace poolkey::provider
