// What a PKCS#11 URI may say to us. It may come from anywhere: a key file is not a weapon.
// May touch: hsm. Called by: store, resolve, lookup.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "hsm/uri.h"
#include "provider/signing_token.h"

namespace poolkey::provider {

/// What the configuration lets URIs bring along.
struct UriRules {
  std::filesystem::path module{};  ///< the one that a URI may name; empty: none
  bool allow_pin = false;          ///< poolkey-allow-uri-pin
};

/// A PKCS#11 URI that names objects. Throws kInvalidArgument for a malformed one, kUnsupported for
/// the types secret-key and data, kDenied for a PIN that the rules do not allow, a PIN from a
/// command, or a module other than the configured one: what code runs and which PIN it gets is for
/// the configuration to say.
hsm::Uri parse_object_uri(std::string_view text, const UriRules& rules = {});

/// Where the URI says that its PIN is (pin-value, or pin-source with a file); nothing if it does
/// not.
std::optional<PinSource> pin_of(const hsm::Uri& uri);

}  // namespace poolkey::provider
