#include "base/toml.h"

#include <fmt/format.h>
#include <toml++/toml.h>
#include <algorithm>

#include "base/error.h"

namespace poolkey::toml {
namespace {

Location location(const ::toml::source_region& source, const std::string& file) {
  return {file, source.begin.line, source.begin.column};
}

Node convert(const ::toml::node& node, const std::string& file);

Table convert_table(const ::toml::table& table, const std::string& file) {
  Table out;
  for (const auto& [key, child] : table) {
    Node node = convert(child, file);
    // A value's own place is right of the '='; people look for the key.
    node.where = location(key.source(), file);
    out.emplace_back(std::string(key.str()), std::move(node));
  }
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second.where.line, a.second.where.column) <
           std::pair(b.second.where.line, b.second.where.column);
  });
  return out;
}

Node convert(const ::toml::node& node, const std::string& file) {
  Node out;
  out.where = location(node.source(), file);
  if (const auto* table = node.as_table()) {
    out.value = convert_table(*table, file);
  } else if (const auto* array = node.as_array()) {
    Array items;
    for (const auto& item : *array) items.push_back(convert(item, file));
    out.value = std::move(items);
  } else if (const auto* text = node.as_string()) {
    out.value = text->get();
  } else if (const auto* number = node.as_integer()) {
    out.value = number->get();
  } else if (const auto* truth = node.as_boolean()) {
    out.value = truth->get();
  }
  return out;
}

/// Levenshtein distance, for "did you mean".
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string nearest(std::string_view key, const std::vector<std::string>& known) {
  std::string best;
  // A word of which nothing is left unchanged is another word.
  std::size_t best_distance = std::min<std::size_t>(4, key.size());
  for (const std::string& k : known) {
    const std::size_t d = distance(key, k);
    if (d < best_distance) {
      best_distance = d;
      best = k;
    }
  }
  return best;
}

}  // namespace

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f')
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out + "\"";
}

std::string Location::str() const {
  return file + ":" + std::to_string(line) + ":" + std::to_string(column);
}

std::vector<Fault> Faults::sorted() const {
  std::vector<Fault> out = faults_;
  std::stable_sort(out.begin(), out.end(), [](const Fault& a, const Fault& b) {
    return std::tie(a.where.file, a.where.line, a.where.column) <
           std::tie(b.where.file, b.where.line, b.where.column);
  });
  return out;
}

void Faults::throw_if_any(std::string_view what) const {
  if (faults_.empty()) return;
  std::string sentence = std::string(what) + " has " + std::to_string(faults_.size()) +
                         (faults_.size() == 1 ? " fault" : " faults");
  for (const Fault& fault : sorted())
    sentence += "\n  " + fault.where.str() + ": " + fault.sentence;
  throw Error(Errc::kInvalidArgument, sentence);
}

Node parse(std::string_view text, const std::string& file, Faults& faults) {
  try {
    const ::toml::table table = ::toml::parse(text, std::string_view(file));
    Node out;
    out.where = {file, 1, 1};
    out.value = convert_table(table, file);
    return out;
  } catch (const ::toml::parse_error& error) {
    faults.add(location(error.source(), file), std::string(error.description()));
    return {Table{}, {file, 1, 1}};
  }
}

Reader::Reader(const Node& node, std::string name, Faults& faults, bool silent)
    : table_(std::get_if<Table>(&node.value)),
      where_(node.where),
      name_(std::move(name)),
      faults_(&faults),
      silent_(silent) {
  static const Table kEmpty;
  if (table_ == nullptr) {
    table_ = &kEmpty;
    add_fault(node.where, "'" + name_ + "' must be a table");
  }
}

std::string Reader::full_name(std::string_view key) const {
  return name_.empty() ? std::string(key) : name_ + "." + std::string(key);
}

const Node* Reader::take(std::string_view key, bool required) {
  known_.emplace_back(key);
  for (const auto& [name, node] : *table_)
    if (name == key) return &node;
  if (required) add_fault(where_, "'" + full_name(key) + "' is missing");
  return nullptr;
}

void Reader::wrong_type(const Node& node, std::string_view key, std::string_view expected) {
  add_fault(node.where, "'" + full_name(key) + "' must be " + std::string(expected));
}

std::optional<Located<std::string>> Reader::optional_string(std::string_view key) {
  const Node* node = take(key, false);
  if (node == nullptr) return std::nullopt;
  if (const auto* text = std::get_if<std::string>(&node->value)) return Located{*text, node->where};
  wrong_type(*node, key, "a string");
  return std::nullopt;
}

Located<std::string> Reader::string(std::string_view key) {
  if (take(key, true) == nullptr) return {{}, where_};
  return optional_string(key).value_or(Located<std::string>{{}, where_});
}

std::optional<Located<std::int64_t>> Reader::optional_integer(std::string_view key,
                                                              std::int64_t low, std::int64_t high) {
  const Node* node = take(key, false);
  if (node == nullptr) return std::nullopt;
  const auto* number = std::get_if<std::int64_t>(&node->value);
  if (number != nullptr && *number >= low && *number <= high) return Located{*number, node->where};
  wrong_type(*node, key, "an integer from " + std::to_string(low) + " to " + std::to_string(high));
  return std::nullopt;
}

Located<std::int64_t> Reader::integer(std::string_view key, std::int64_t low, std::int64_t high) {
  if (take(key, true) == nullptr) return {low, where_};
  return optional_integer(key, low, high).value_or(Located<std::int64_t>{low, where_});
}

std::optional<Located<bool>> Reader::optional_boolean(std::string_view key) {
  const Node* node = take(key, false);
  if (node == nullptr) return std::nullopt;
  if (const auto* truth = std::get_if<bool>(&node->value)) return Located{*truth, node->where};
  wrong_type(*node, key, "true or false");
  return std::nullopt;
}

Located<bool> Reader::boolean(std::string_view key) {
  if (take(key, true) == nullptr) return {false, where_};
  return optional_boolean(key).value_or(Located<bool>{false, where_});
}

std::optional<Located<std::vector<Located<std::string>>>> Reader::optional_strings(
    std::string_view key) {
  const Node* node = take(key, false);
  if (node == nullptr) return std::nullopt;
  const auto* items = std::get_if<Array>(&node->value);
  if (items == nullptr) {
    wrong_type(*node, key, "a list of strings");
    return std::nullopt;
  }
  Located<std::vector<Located<std::string>>> out{{}, node->where};
  for (const Node& item : *items) {
    if (const auto* text = std::get_if<std::string>(&item.value))
      out.value.push_back({*text, item.where});
    else
      wrong_type(item, key, "a list of strings");
  }
  return out;
}

Located<std::vector<Located<std::string>>> Reader::strings(std::string_view key) {
  if (take(key, true) == nullptr) return {{}, where_};
  return optional_strings(key).value_or(Located<std::vector<Located<std::string>>>{{}, where_});
}

Located<std::string> Reader::choice(std::string_view key, const std::vector<std::string>& choices) {
  Located<std::string> chosen = string(key);
  const Node* node = take(key, false);
  if (node == nullptr || !std::holds_alternative<std::string>(node->value)) return chosen;
  if (std::find(choices.begin(), choices.end(), chosen.value) == choices.end()) {
    std::string list;
    for (const std::string& c : choices) list += (list.empty() ? "" : ", ") + ("'" + c + "'");
    add_fault(chosen.where,
              "'" + full_name(key) + "' is '" + chosen.value + "'; it must be one of " + list);
  }
  return chosen;
}

std::optional<Reader> Reader::optional_table(std::string_view key) {
  const Node* node = take(key, false);
  if (node == nullptr) return std::nullopt;
  return Reader(*node, full_name(key), *faults_);
}

Reader Reader::table(std::string_view key) {
  static const Node kEmpty{Table{}, {}};
  const Node* node = take(key, true);
  if (node != nullptr) return Reader(*node, full_name(key), *faults_);
  // The missing table is reported once; its members would only repeat that.
  return Reader(kEmpty, full_name(key), *faults_, /*silent=*/true);
}

std::vector<std::pair<std::string, Reader>> Reader::tables(std::string_view key) {
  std::vector<std::pair<std::string, Reader>> out;
  const Node* node = take(key, false);
  if (node == nullptr) return out;
  const auto* members = std::get_if<Table>(&node->value);
  if (members == nullptr) {
    wrong_type(*node, key, "a table");
    return out;
  }
  for (const auto& [name, child] : *members)
    out.emplace_back(name, Reader(child, full_name(key) + "." + name, *faults_));
  return out;
}

std::vector<Reader> Reader::table_array(std::string_view key) {
  std::vector<Reader> out;
  const Node* node = take(key, false);
  if (node == nullptr) return out;
  const auto* items = std::get_if<Array>(&node->value);
  if (items == nullptr) {
    wrong_type(*node, key, "a list of tables");
    return out;
  }
  for (const Node& item : *items) out.emplace_back(item, full_name(key), *faults_);
  return out;
}

const Node* Reader::node(std::string_view key) { return take(key, false); }

std::vector<std::string> Reader::keys() const {
  std::vector<std::string> out;
  for (const auto& [name, node] : *table_) out.push_back(name);
  return out;
}

void Reader::finish() {
  for (const auto& [name, node] : *table_) {
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    const std::string near = nearest(name, known_);
    add_fault(node.where, "unknown key '" + full_name(name) + "'" +
                              (near.empty() ? "" : "; did you mean '" + near + "'?"));
  }
}

}  // namespace poolkey::toml
