// TOML files read strictly: every fault of a file in one report, each with file:line:column.
// May touch: toml++ (only in the .cc). Called by: policy, requests (topologies), app (config).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace poolkey::toml {

/// Where a value stands; lines and columns count from 1.
struct Location {
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  /// "policies/av-auth.toml:12:1"
  std::string str() const;
  bool operator==(const Location&) const = default;
};

struct Fault {
  Location where;
  std::string sentence;
};

/// Collects what is wrong with a file; nothing is thrown until all of it is known.
class Faults {
 public:
  void add(const Location& where, std::string sentence) {
    faults_.push_back({where, std::move(sentence)});
  }
  bool empty() const { return faults_.empty(); }
  /// In file order.
  std::vector<Fault> sorted() const;
  /// Throws kInvalidArgument with one line per fault ("file:line:column: sentence") if there are
  /// any.
  void throw_if_any(std::string_view what) const;

 private:
  std::vector<Fault> faults_;
};

struct Node;
struct Member;
using Array = std::vector<Node>;
/// In file order.
using Table = std::vector<Member>;

/// A value and where it stands. Dates and floats are not used in our files and come as monostate.
struct Node {
  std::variant<std::monostate, bool, std::int64_t, std::string, Array, Table> value;
  Location where;
};

struct Member {
  std::string key;
  Node node;
};

/// Parses a whole file. A syntax error is one fault and gives an empty table.
Node parse(std::string_view text, const std::string& file, Faults& faults);

/// A TOML basic string with this text, for files that we write.
std::string quoted(std::string_view text);

/// A value with its place, as a reader hands it out.
template <class T>
struct Located {
  T value{};
  Location where;
};
template <class T>
Located(T, Location) -> Located<T>;

/// Reads the members of one table. Each getter marks its key as known and files a fault where the
/// type is wrong (or, for the ones without `optional`, where the key is missing); finish() files a
/// fault for every key that nobody asked for, naming the nearest known one.
class Reader {
 public:
  /// `name` is the table's dotted name for sentences; "" is the top level. `node` must outlive it.
  Reader(const Node& node, std::string name, Faults& faults)
      : Reader(node, std::move(name), faults, false) {}

  Located<std::string> string(std::string_view key);
  Located<std::int64_t> integer(std::string_view key, std::int64_t low, std::int64_t high);
  Located<bool> boolean(std::string_view key);
  Located<std::vector<Located<std::string>>> strings(std::string_view key);
  std::optional<Located<std::string>> optional_string(std::string_view key);
  std::optional<Located<std::int64_t>> optional_integer(std::string_view key, std::int64_t low,
                                                        std::int64_t high);
  std::optional<Located<bool>> optional_boolean(std::string_view key);
  std::optional<Located<std::vector<Located<std::string>>>> optional_strings(std::string_view key);
  /// One of `choices`; a fault lists them.
  Located<std::string> choice(std::string_view key, const std::vector<std::string>& choices);
  /// A sub-table; a missing one is a fault and reads as empty.
  Reader table(std::string_view key);
  std::optional<Reader> optional_table(std::string_view key);
  /// Every member of a table of tables, by name ("[member.edge1]").
  std::vector<std::pair<std::string, Reader>> tables(std::string_view key);
  /// The elements of an array of tables ("[[case]]"); a missing one is empty.
  std::vector<Reader> table_array(std::string_view key);
  /// Marks a key as known and gives its node, for a caller with a shape of its own; null if
  /// missing.
  const Node* node(std::string_view key);
  /// The keys present, in file order (also marks nothing).
  std::vector<std::string> keys() const;

  const Location& where() const { return where_; }
  void fault(const Location& where, std::string sentence) { add_fault(where, std::move(sentence)); }
  void finish();

 private:
  Reader(const Node& node, std::string name, Faults& faults, bool silent);
  void add_fault(const Location& where, std::string sentence) {
    if (!silent_) faults_->add(where, std::move(sentence));
  }
  const Node* take(std::string_view key, bool required);
  void wrong_type(const Node& node, std::string_view key, std::string_view expected);
  std::string full_name(std::string_view key) const;
  const Table* table_;
  Location where_;
  std::string name_;
  Faults* faults_;
  bool silent_;  ///< the whole table is missing, which is one fault and has been filed
  std::vector<std::string> known_;
};

}  // namespace poolkey::toml
