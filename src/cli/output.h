// What a verb prints: talk and tables for people, one JSON document for programs.
// May touch: base. Called by: the commands and main.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace poolkey::cli {

/// The text with its control characters, but for line ends, written as "\x1b": names and sentences
/// quote what strangers send, which must not play tricks in a terminal.
std::string for_terminal(std::string_view text);

/// "a, b, c"
std::string listed(const std::vector<std::string>& words);

/// In text form everything a person should read goes to stdout. With --format json the talk goes to
/// stderr, and stdout gets exactly one JSON document at the end.
class Output {
 public:
  explicit Output(bool json) : Output(json, stdout, stderr) {}
  /// The same to other streams, which must outlive it.
  Output(bool json, std::FILE* out, std::FILE* err) : json_(json), out_(out), err_(err) {}

  /// One line of talk.
  void say(std::string_view line);
  /// Columns padded to their widest cell.
  void table(const std::vector<std::string>& header,
             const std::vector<std::vector<std::string>>& rows);
  /// What a program gets. Later calls add members.
  void result(json::object members);
  /// Adds one to a list of the result.
  void append(std::string_view list, json::object member);
  /// Text that is itself the product (a PEM, an export): stdout in text form only.
  void product(std::string_view text);

  /// Has what was said so far seen now, by whoever reads a pipe.
  void flush();

  bool is_json() const { return json_; }
  /// Prints the JSON document. Called once, by main.
  void finish();
  /// Somebody else has printed everything: finish() has nothing to do.
  void leave() { left_ = true; }

 private:
  bool json_;
  bool left_ = false;
  std::FILE *out_, *err_;
  json::object result_;
};

}  // namespace poolkey::cli
