#include "base/json.h"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/serialize.hpp>
#include <set>
#include <vector>

#include "base/error.h"

namespace poolkey::json {
namespace {

/// A SAX handler that builds the document and refuses what JSON leaves open: duplicate keys, and
/// numbers that are not 64-bit integers (Boost's own parser keeps the last duplicate and turns
/// large integers into doubles).
struct Handler {
  static constexpr std::size_t max_array_size = 1U << 20;
  static constexpr std::size_t max_object_size = 1U << 16;
  static constexpr std::size_t max_string_size = 16U << 20;
  static constexpr std::size_t max_key_size = 1024;
  using error = boost::json::error_code;
  using view = boost::json::string_view;

  std::vector<value> open;        // containers being filled, innermost last
  std::vector<std::string> keys;  // the key that waits for a value, one per open object
  std::string partial;            // a string or key that came in parts
  value root;
  std::string complaint;

  bool add(value v) {
    if (open.empty()) {
      root = std::move(v);
    } else if (open.back().is_array()) {
      open.back().get_array().push_back(std::move(v));
    } else {
      open.back().get_object().emplace(keys.back(), std::move(v));
    }
    return true;
  }
  bool close() {
    value done = std::move(open.back());
    open.pop_back();
    return add(std::move(done));
  }
  bool refuse(std::string sentence, error& ec) {
    complaint = std::move(sentence);
    ec = boost::json::error::syntax;
    return false;
  }

  bool on_document_begin(error&) { return true; }
  bool on_document_end(error&) { return true; }
  bool on_object_begin(error&) {
    open.emplace_back(object{});
    keys.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t, error&) {
    keys.pop_back();
    return close();
  }
  bool on_array_begin(error&) {
    open.emplace_back(array{});
    return true;
  }
  bool on_array_end(std::size_t, error&) { return close(); }
  bool on_key_part(view part, std::size_t, error&) {
    partial.append(part.data(), part.size());
    return true;
  }
  bool on_key(view part, std::size_t, error& ec) {
    partial.append(part.data(), part.size());
    if (open.back().get_object().contains(partial))
      return refuse("the member '" + partial + "' stands twice", ec);
    keys.back() = std::move(partial);
    partial.clear();
    return true;
  }
  bool on_string_part(view part, std::size_t, error&) {
    partial.append(part.data(), part.size());
    return true;
  }
  bool on_string(view part, std::size_t, error&) {
    partial.append(part.data(), part.size());
    value v(boost::json::string_view(partial.data(), partial.size()));
    partial.clear();
    return add(std::move(v));
  }
  bool on_number_part(view, error&) { return true; }
  bool on_int64(std::int64_t n, view, error&) { return add(n); }
  bool on_uint64(std::uint64_t, view, error& ec) {
    return refuse("a number is larger than 64-bit integers go", ec);
  }
  bool on_double(double, view, error& ec) { return refuse("a number is not a 64-bit integer", ec); }
  bool on_bool(bool b, error&) { return add(b); }
  bool on_null(error&) { return add(nullptr); }
  bool on_comment_part(view, error&) { return true; }
  bool on_comment(view, error&) { return true; }
};

[[noreturn]] void wrong(std::string_view what, std::string_view key, std::string_view type) {
  throw Error(Errc::kCorrupt, std::string(what) + ": '" + std::string(key) +
                                  "' is missing or not " + std::string(type));
}

const value* find(const object& o, std::string_view key) {
  return o.if_contains(boost::json::string_view(key.data(), key.size()));
}

void write_pretty(const value& v, std::size_t depth, std::string& out) {
  const std::string indent((depth + 1) * 2, ' ');
  const auto list = [&](const auto& items, char left, char right, const auto& item) {
    if (items.empty()) {
      out += left;
      out += right;
      return;
    }
    out += left;
    const char* comma = "\n";
    for (const auto& i : items) {
      out += comma + indent;
      item(i);
      comma = ",\n";
    }
    out += '\n' + std::string(depth * 2, ' ') + right;
  };
  if (const object* o = v.if_object()) {
    list(*o, '{', '}', [&](const auto& member) {
      out += boost::json::serialize(member.key()) + ": ";
      write_pretty(member.value(), depth + 1, out);
    });
  } else if (const array* a = v.if_array()) {
    list(*a, '[', ']', [&](const value& item) { write_pretty(item, depth + 1, out); });
  } else {
    out += boost::json::serialize(v);
  }
}

}  // namespace

value parse(std::string_view text, std::string_view what) {
  boost::json::parse_options options;
  options.max_depth = 32;
  boost::json::basic_parser<Handler> parser(options);
  boost::json::error_code error;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), error);
  if (!error && read != text.size()) {
    throw Error(Errc::kCorrupt, std::string(what) +
                                    ": something follows the JSON document at octet " +
                                    std::to_string(read));
  }
  if (error) {
    const std::string& complaint = parser.handler().complaint;
    throw Error(Errc::kCorrupt, std::string(what) + " is not the JSON expected: " +
                                    (complaint.empty() ? error.message() : complaint) +
                                    " (at octet " + std::to_string(read) + ")");
  }
  return std::move(parser.handler().root);
}

std::string compact(const value& document) { return boost::json::serialize(document); }

std::string pretty(const value& document) {
  std::string out;
  write_pretty(document, 0, out);
  return out + '\n';
}

const object& as_object(const value& v, std::string_view what) {
  if (const object* o = v.if_object()) return *o;
  throw Error(Errc::kCorrupt, std::string(what) + " is not a JSON object");
}

const array& as_array(const object& o, std::string_view key, std::string_view what) {
  const value* v = find(o, key);
  if (v == nullptr || !v->is_array()) wrong(what, key, "an array");
  return v->get_array();
}

const object& as_object(const object& o, std::string_view key, std::string_view what) {
  const value* v = find(o, key);
  if (v == nullptr || !v->is_object()) wrong(what, key, "an object");
  return v->get_object();
}

std::string text(const object& o, std::string_view key, std::string_view what) {
  const value* v = find(o, key);
  if (v == nullptr || !v->is_string()) wrong(what, key, "a string");
  return {v->get_string().data(), v->get_string().size()};
}

std::int64_t integer(const object& o, std::string_view key, std::string_view what) {
  const value* v = find(o, key);
  if (v == nullptr || !v->is_int64()) wrong(what, key, "an integer");
  return v->get_int64();
}

bool boolean(const object& o, std::string_view key, std::string_view what) {
  const value* v = find(o, key);
  if (v == nullptr || !v->is_bool()) wrong(what, key, "true or false");
  return v->get_bool();
}

}  // namespace poolkey::json
