// Signed documents as JSON: strict reading of one document's members.
// May touch: base. Called by: statement; pool, for its other documents.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/json.h"

namespace poolkey::home {

/// Which member's which token.
struct Address {
  PoolName pool;
  MemberName member;
  std::string token_serial;
  bool operator==(const Address&) const = default;
};

/// The beginning of a document: its kind and version. It also keeps what members sign apart from
/// anything else that their keys sign.
json::object begin_document(std::string_view context);
void add_address(json::object& out, const Address& address);
json::array list_json(const std::vector<std::string>& items);

/// Reads the members of one document; values from outside that are malformed are kCorrupt, with
/// the document named.
class Members {
 public:
  /// Throws kCorrupt if `text` is another kind of document.
  Members(std::string_view text, std::string_view context);
  Members(const json::object& object, std::string what)
      : what_(std::move(what)), object_(&object) {}

  bool has(std::string_view k) const;
  std::string text(std::string_view k) const { return json::text(*object_, k, what_); }
  std::int64_t integer(std::string_view k) const { return json::integer(*object_, k, what_); }
  bool boolean(std::string_view k) const { return json::boolean(*object_, k, what_); }
  const json::object& object(std::string_view k) const {
    return json::as_object(*object_, k, what_);
  }
  const std::string& what() const { return what_; }

  /// The text of a member through `f`, whose errors become kCorrupt.
  template <class F>
  auto read(std::string_view k, F&& f) const {
    try {
      return f(text(k));
    } catch (const Error& error) {
      throw Error(Errc::kCorrupt, what_ + ": '" + std::string(k) + "': " + error.what());
    }
  }
  Bytes hex_bytes(std::string_view k) const;
  Bytes base64_bytes(std::string_view k) const;
  KeyVersion key_version(std::string_view k) const;
  Address address() const;
  std::vector<Members> list(std::string_view k) const;
  std::vector<std::string> texts(std::string_view k) const;

 private:
  std::string what_;
  json::value root_;
  const json::object* object_;
};

}  // namespace poolkey::home
