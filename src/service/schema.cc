#include "service/schema.h"

#include <algorithm>
#include <array>

#include "base/error.h"

namespace poolkey::service {
namespace {

constexpr std::string_view kReference = "#/components/schemas/";

bool is_lower_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }
bool is_name_char(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; }
bool is_base64_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '/';
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 32 && std::ranges::all_of(text, is_name_char) &&
         text.front() != '-' && text.back() != '-';
}
bool is_key_version(std::string_view text) {
  const auto at = text.find('@');
  if (at == text.npos || !is_name(text.substr(0, at))) return false;
  const std::string_view number = text.substr(at + 1);
  return !number.empty() && number.size() <= 10 && number.front() != '0' &&
         std::ranges::all_of(number, [](char c) { return c >= '0' && c <= '9'; });
}
bool is_sha256(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, is_lower_hex);
}
bool is_base64(std::string_view text) {
  if (text.size() % 4 != 0) return false;
  for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
  return std::ranges::all_of(text, is_base64_char);
}
bool is_time(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:ddZ";
  return text.size() == kForm.size() && std::ranges::equal(text, kForm, [](char c, char f) {
           return f == 'd' ? c >= '0' && c <= '9' : c == f;
         });
}

/// Patterns by hand: a regular expression of the library needs stack for each character.
struct Pattern {
  std::string_view text;
  std::string_view means;
  bool (*fits)(std::string_view);
};
constexpr std::array kPatterns{
    Pattern{"^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$",
            "a name: 1 to 32 of a-z, 0-9 and '-', with a letter or digit at both ends", is_name},
    Pattern{"^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?@[1-9][0-9]{0,9}$", "a key version such as 'av@1'",
            is_key_version},
    Pattern{"^[0-9a-f]{64}$", "a SHA-256: 64 of 0-9 and a-f", is_sha256},
    Pattern{"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$", "base64, padded",
            is_base64},
    Pattern{"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
            "a time such as '2026-11-23T12:00:00Z'", is_time},
};

std::string str(boost::json::string_view text) { return {text.data(), text.size()}; }

/// RFC 6901 3.
std::string step(const std::string& pointer, std::string_view key) {
  std::string out = pointer + "/";
  for (const char c : key) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

[[noreturn]] void refuse(const std::string& pointer, const std::string& sentence) {
  throw BodyError(pointer,
                  (pointer.empty() ? std::string("the body ") : "'" + pointer + "' ") + sentence);
}

[[noreturn]] void defect(const std::string& sentence) {
  throw Error(Errc::kInternal, "a schema " + sentence);
}

struct Type {
  std::string_view word;
  std::string_view means;
  bool (*is)(const json::value&);
};
constexpr std::array kTypes{
    Type{"object", "an object", [](const json::value& v) { return v.is_object(); }},
    Type{"array", "a list", [](const json::value& v) { return v.is_array(); }},
    Type{"string", "a string", [](const json::value& v) { return v.is_string(); }},
    Type{"integer", "an integer", [](const json::value& v) { return v.is_int64(); }},
    Type{"boolean", "true or false", [](const json::value& v) { return v.is_bool(); }},
};

struct Place {
  const json::value& value;
  const std::string& pointer;
};

void check_at(const Place& at, const json::object& schema);

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

/// Sizes of texts, lists and numbers. `wanted` is what the keyword says.
void check_least(const Place& at, std::int64_t size, std::int64_t wanted, const char* what) {
  if (size < wanted) refuse(at.pointer, "must be at least " + std::to_string(wanted) + what);
}
void check_most(const Place& at, std::int64_t size, std::int64_t wanted, const char* what) {
  if (size > wanted) refuse(at.pointer, "must be at most " + std::to_string(wanted) + what);
}

std::int64_t length_of(const json::value& v) {
  const auto* text = v.if_string();
  return text == nullptr ? 0 : static_cast<std::int64_t>(characters({text->data(), text->size()}));
}
std::int64_t count_of(const json::value& v) {
  const auto* list = v.if_array();
  return list == nullptr ? 0 : static_cast<std::int64_t>(list->size());
}
std::int64_t number_of(const json::value& v) { return v.is_int64() ? v.get_int64() : 0; }

void check_type(const Place& at, const json::value& said) {
  const std::string wanted = str(said.as_string());
  const auto type = std::ranges::find(kTypes, wanted, &Type::word);
  if (type == kTypes.end()) defect("has the type '" + wanted + "'");
  if (!type->is(at.value)) refuse(at.pointer, "must be " + std::string(type->means));
}

void check_enum(const Place& at, const json::value& said) {
  std::string words;
  for (const json::value& one : said.as_array()) {
    if (one == at.value) return;
    words += (words.empty() ? "'" : ", '") + str(one.as_string()) + "'";
  }
  refuse(at.pointer, "must be one of " + words);
}

void check_pattern(const Place& at, const json::value& said) {
  const std::string wanted = str(said.as_string());
  const auto pattern = std::ranges::find(kPatterns, wanted, &Pattern::text);
  if (pattern == kPatterns.end()) defect("has the unknown pattern '" + wanted + "'");
  if (!pattern->fits(at.value.as_string()))
    refuse(at.pointer, "must be " + std::string(pattern->means));
}

void check_required(const Place& at, const json::value& said) {
  for (const json::value& name : said.as_array())
    if (!at.value.as_object().contains(name.as_string()))
      refuse(at.pointer, "lacks '" + str(name.as_string()) + "'");
}

void check_properties(const Place& at, const json::value& said) {
  for (const auto& [name, value] : at.value.as_object()) {
    const json::value* schema = said.as_object().if_contains(name);
    const std::string pointer = step(at.pointer, str(name));
    if (schema == nullptr) refuse(pointer, "is not known here");
    check_at({value, pointer}, schema->as_object());
  }
}

void check_items(const Place& at, const json::value& said) {
  std::size_t index = 0;
  for (const json::value& item : at.value.as_array()) {
    const std::string pointer = step(at.pointer, std::to_string(index++));
    check_at({item, pointer}, said.as_object());
  }
}

/// In the order of checking: the type first, so that the others may rely on it.
struct Keyword {
  std::string_view word;
  void (*check)(const Place&, const json::value&);
};
constexpr std::array kKeywords{
    Keyword{"type", check_type},
    Keyword{"enum", check_enum},
    Keyword{"minLength",
            [](const Place& at, const json::value& v) {
              check_least(at, length_of(at.value), v.as_int64(), " characters long");
            }},
    Keyword{"maxLength",
            [](const Place& at, const json::value& v) {
              check_most(at, length_of(at.value), v.as_int64(), " characters long");
            }},
    Keyword{"pattern", check_pattern},
    Keyword{"minimum",
            [](const Place& at, const json::value& v) {
              check_least(at, number_of(at.value), v.as_int64(), "");
            }},
    Keyword{"maximum",
            [](const Place& at, const json::value& v) {
              check_most(at, number_of(at.value), v.as_int64(), "");
            }},
    Keyword{"minItems",
            [](const Place& at, const json::value& v) {
              check_least(at, count_of(at.value), v.as_int64(), " entries long");
            }},
    Keyword{"maxItems",
            [](const Place& at, const json::value& v) {
              check_most(at, count_of(at.value), v.as_int64(), " entries long");
            }},
    Keyword{"required", check_required},
    Keyword{"properties", check_properties},
    Keyword{"additionalProperties", [](const Place&, const json::value&) {}},  // always false here
    Keyword{"items", check_items},
    Keyword{"description", [](const Place&, const json::value&) {}},
};

const json::object& referenced(const std::string& reference) {
  const json::value* found =
      reference.starts_with(kReference)
          ? schemas().if_contains(std::string_view(reference).substr(kReference.size()))
          : nullptr;
  if (found == nullptr) defect("refers to '" + reference + "', which is none");
  return found->as_object();
}

void check_at(const Place& at, const json::object& schema) {
  if (const json::value* reference = schema.if_contains("$ref"))
    return check_at(at, referenced(str(reference->as_string())));
  for (const auto& [word, said] : schema)
    if (std::ranges::find(kKeywords, std::string_view(word.data(), word.size()), &Keyword::word) ==
        kKeywords.end())
      defect("has the keyword '" + str(word) + "'");
  for (const Keyword& keyword : kKeywords)
    if (const json::value* said = schema.if_contains(keyword.word)) keyword.check(at, *said);
}

}  // namespace

void check(const json::value& document, const json::object& schema) {
  const std::string whole;
  check_at({document, whole}, schema);
}

json::value read_body(std::string_view body, std::string_view schema) {
  const json::object& wanted = referenced(std::string(kReference) + std::string(schema));
  json::value document;
  try {
    document = json::parse(body, "the body");
  } catch (const Error& error) {
    throw BodyError("", error.what());
  }
  check(document, wanted);
  return document;
}

}  // namespace poolkey::service
