// PKCS#11 URIs (RFC 7512): which token, which object, and what else was asked for.
// May touch: module (for the names of library and slot). Called by: provider, app.
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
  std::optional<std::string> library_manufacturer, library_description;
  std::optional<std::string> library_version;  ///< "2.0"
  std::optional<std::string> slot_manufacturer, slot_description;
  std::optional<CK_SLOT_ID> slot_id;
  std::optional<std::string> object;
  std::optional<Bytes> id;
  std::optional<std::string> type;  ///< "private", "public", "cert", "secret-key", "data"
  /// Query attributes ("pin-source"), also where they were written in the path. Names that nobody
  /// knows are kept too, and mean nothing (RFC 7512 2.4).
  std::map<std::string, std::string> query;

  bool matches(const TokenInfo& token_info) const;
  /// Whether the library and the slot are those that it names; asks the module only where it names
  /// one.
  bool matches_place(const Module& module, CK_SLOT_ID slot) const;
  /// CKA_LABEL and CKA_ID as given.
  Template object_template() const;
  /// As a URI again; only path attributes.
  std::string str() const;
};

/// Throws kInvalidArgument, naming the component: one without '=', one that stands twice, bad
/// percent-encoding, a NUL, an unknown type, one in the path that is not known (RFC 7512 2.4: it
/// matches nothing).
Uri parse_uri(std::string_view text);

/// The URI of a private key: "pkcs11:token=...;serial=...;id=%..;type=private".
std::string private_key_uri(const TokenName& token, ByteView id);

}  // namespace poolkey::hsm
