// JSON in and out: strict where it comes from outside, canonical where it is signed or hashed.
// May touch: Boost.JSON (its one home). Called by: every layer that reads or writes a document.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace poolkey::json {

using boost::json::array;
using boost::json::object;
using boost::json::value;

/// Reads one document. Refuses duplicate keys, numbers that are not 64-bit integers, more than 32
/// levels and trailing data. `what` names the document in the sentence. Throws kCorrupt.
value parse(std::string_view text, std::string_view what);

/// One line, members in insertion order: the octets that are signed or hashed.
std::string compact(const value& document);

/// For people and line tools: one member a line, two blanks a level, a final newline.
std::string pretty(const value& document);

/// Members of an object, each with a clear sentence where it is missing or of another type.
/// `what` names the document. All throw kCorrupt.
const object& as_object(const value& v, std::string_view what);
const array& as_array(const object& o, std::string_view key, std::string_view what);
const object& as_object(const object& o, std::string_view key, std::string_view what);
std::string text(const object& o, std::string_view key, std::string_view what);
std::int64_t integer(const object& o, std::string_view key, std::string_view what);
bool boolean(const object& o, std::string_view key, std::string_view what);

}  // namespace poolkey::json
