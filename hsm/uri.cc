#include "hsm/uri.h"

#include <array>
#include <charconv>

#include "base/error.h"
#include "hsm/module.h"
#include "hsm/rv.h"

namespace poolkey::hsm {
namespace {

constexpr std::string_view kScheme = "pkcs11:";
constexpr std::array<std::string_view, 4> kQueryNames{"pin-source", "pin-value", "module-name",
                                                      "module-path"};

[[noreturn]] void bad(const std::string& sentence) {
  throw Error(Errc::kInvalidArgument, "PKCS#11 URI: " + sentence);
}

bool is_query_name(std::string_view name) {
  return std::find(kQueryNames.begin(), kQueryNames.end(), name) != kQueryNames.end();
}

std::string decode(std::string_view text, std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const auto is_hex = [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    };
    if (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2]))
      bad("'" + std::string(name) + "' has a '%' that is not followed by two hexadecimal digits");
    out += static_cast<char>(from_hex(text.substr(i + 1, 2)).front());
    i += 2;
  }
  return out;
}

std::string encode(ByteView bytes, bool all) {
  std::string out;
  for (const std::uint8_t b : bytes) {
    const bool plain = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') ||
                       b == '-' || b == '.' || b == '_' || b == '~';
    if (plain && !all)
      out += static_cast<char>(b);
    else
      out += "%" + hex(Bytes{b});
  }
  return out;
}

template <class T>
void set_once(std::optional<T>& field, T value, std::string_view name) {
  if (field) bad("'" + std::string(name) + "' stands twice");
  field = std::move(value);
}

void set_type(Uri& uri, std::string value) {
  static constexpr std::array<std::string_view, 5> kTypes{"private", "public", "cert", "secret-key",
                                                          "data"};
  if (std::find(kTypes.begin(), kTypes.end(), value) == kTypes.end())
    bad("the type '" + value + "' is none of private, public, cert, secret-key and data");
  set_once(uri.type, std::move(value), "type");
}

/// Decimal digits only.
template <class Number>
Number number(std::string_view text, std::string_view name) {
  Number out{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size() || text.front() == '-')
    bad("'" + std::string(name) + "' is not a number");
  return out;
}

/// "2" is 2.0 (RFC 7512 2.3).
std::string version(std::string_view text, std::string_view name) {
  const auto dot = text.find('.');
  const auto part = [&](std::string_view digits) {
    return std::to_string(unsigned{number<std::uint8_t>(digits, name)});
  };
  return part(text.substr(0, dot)) + "." +
         (dot == std::string_view::npos ? "0" : part(text.substr(dot + 1)));
}

/// The components of a path that are plain texts.
struct TextRow {
  std::string_view name;
  std::optional<std::string> Uri::*field;
};
constexpr std::array kTexts{TextRow{"token", &Uri::token},
                            TextRow{"serial", &Uri::serial},
                            TextRow{"manufacturer", &Uri::manufacturer},
                            TextRow{"model", &Uri::model},
                            TextRow{"library-manufacturer", &Uri::library_manufacturer},
                            TextRow{"library-description", &Uri::library_description},
                            TextRow{"library-version", &Uri::library_version},
                            TextRow{"slot-manufacturer", &Uri::slot_manufacturer},
                            TextRow{"slot-description", &Uri::slot_description},
                            TextRow{"object", &Uri::object}};

void add_component(Uri& uri, std::string_view component, bool in_query) {
  const auto equals = component.find('=');
  if (equals == std::string_view::npos)
    bad("the component '" + std::string(component) + "' has no '='");
  const std::string_view name = component.substr(0, equals);
  std::string value = decode(component.substr(equals + 1), name);
  if (in_query || is_query_name(name)) {
    // Vendors' own attributes may stand more than once.
    if (!uri.query.emplace(std::string(name), std::move(value)).second && is_query_name(name))
      bad("'" + std::string(name) + "' stands twice");
    return;
  }
  if (name == "id") return set_once(uri.id, to_bytes(value), name);
  if (value.find('\0') != std::string::npos) bad("'" + std::string(name) + "' has a NUL in it");
  if (name == "type" || name == "object-type") return set_type(uri, std::move(value));
  if (name == "slot-id") return set_once(uri.slot_id, number<CK_SLOT_ID>(value, name), name);
  if (name == "library-version") value = version(value, name);
  for (const TextRow& row : kTexts)
    if (row.name == name) return set_once(uri.*row.field, std::move(value), name);
  bad("unknown component '" + std::string(name) + "'");
}

void add_all(Uri& uri, std::string_view text, char separator, bool in_query) {
  while (!text.empty()) {
    const auto end = text.find(separator);
    const std::string_view component = text.substr(0, end);
    // RFC 7512 lets a path be empty, but not a component between separators.
    add_component(uri, component, in_query);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

Uri parse_uri(std::string_view text) {
  if (!text.starts_with(kScheme)) bad("it does not begin with 'pkcs11:'");
  text.remove_prefix(kScheme.size());
  Uri uri;
  const auto question = text.find('?');
  add_all(uri, text.substr(0, question), ';', false);
  if (question != std::string_view::npos) add_all(uri, text.substr(question + 1), '&', true);
  return uri;
}

bool Uri::matches(const TokenInfo& info) const {
  const auto fits = [](const std::optional<std::string>& wanted, const std::string& have) {
    return !wanted || *wanted == have;
  };
  return info.initialized() && fits(token, info.label) && fits(serial, info.serial) &&
         fits(manufacturer, info.manufacturer) && fits(model, info.model);
}

bool Uri::matches_place(const Module& module, CK_SLOT_ID slot) const {
  const auto fits = [](const std::optional<std::string>& wanted, const auto& field) {
    return !wanted || *wanted == trimmed(field, sizeof field);
  };
  if (library_manufacturer || library_description || library_version) {
    CK_INFO info{};
    check(module.fn().C_GetInfo(&info), "ask '" + module.path().string() + "' what it is");
    const std::string have = std::to_string(unsigned{info.libraryVersion.major}) + "." +
                             std::to_string(unsigned{info.libraryVersion.minor});
    if (!fits(library_manufacturer, info.manufacturerID) ||
        !fits(library_description, info.libraryDescription) ||
        (library_version && *library_version != have))
      return false;
  }
  if (slot_id && *slot_id != slot) return false;
  if (slot_manufacturer || slot_description) {
    CK_SLOT_INFO info{};
    check(module.fn().C_GetSlotInfo(slot, &info),
          "ask for the name of slot " + std::to_string(slot));
    return fits(slot_manufacturer, info.manufacturerID) &&
           fits(slot_description, info.slotDescription);
  }
  return true;
}

Template Uri::object_template() const {
  Template out;
  if (object) out.set(CKA_LABEL, *object);
  if (id) out.set(CKA_ID, ByteView(*id));
  return out;
}

std::string Uri::str() const {
  std::string out(kScheme);
  const auto add = [&](std::string_view name, const std::string& value) {
    if (out.back() != ':') out += ';';
    out += std::string(name) + "=" + value;
  };
  const auto add_text = [&](std::string_view name, const std::optional<std::string>& value) {
    if (value) add(name, encode(view(*value), false));
  };
  for (const TextRow& row : kTexts) add_text(row.name, this->*row.field);
  if (slot_id) add("slot-id", std::to_string(*slot_id));
  if (id) add("id", encode(*id, true));
  add_text("type", type);
  return out;
}

std::string private_key_uri(const TokenName& token, ByteView id) {
  Uri uri;
  uri.token = token.label;
  if (!token.serial.empty()) uri.serial = token.serial;
  uri.id = Bytes(id.begin(), id.end());
  uri.type = "private";
  return uri.str();
}

}  // namespace poolkey::hsm
