// PKCS#11 URIs (RFC 7512): which token, which object, and what else was asked for.
// May touch: base (pure). Called by: provider (its store), app.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "hsm/template.h"
#include "hsm/token.h"

namespace poolkey::hsm {

/// A parsed URI. Absent components match everything.
struct Uri {
  std::optional<std::string> token, serial, manufacturer, model;
  std::optional<std::string> object;
  std::optional<Bytes> id;
  std::optional<std::string> type;  ///< "private", "public", "cert", "secret-key", "data"
  /// Query attributes ("pin-source"), also where they were written in the path.
  std::map<std::string, std::string> query;

  bool matches(const TokenInfo& token_info) const;
  /// CKA_LABEL and CKA_ID as given.
  Template object_template() const;
  /// As a URI again; only path attributes.
  std::string str() const;
};

/// Throws kInvalidArgument, naming the component: one without '=', one that stands twice, bad
/// percent-encoding, an unknown type.
Uri parse_uri(std::string_view text);

/// The URI of a private key: "pkcs11:token=...;serial=...;id=%..;type=private".
std::string private_key_uri(const TokenName& token, ByteView id);

}  // namespace poolkey::hsm
