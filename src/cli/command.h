// A verb as data: its words, options and function. main.cc turns the table into a command line.
// May touch: base, app, pool. Called by: the command files (one table each) and main.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/app.h"
#include "cli/output.h"
#include "pool/deliver.h"
#include "pool/documents.h"

namespace poolkey::cli {

/// One option ("--pool"), flag (no value) or positional ("NAME").
struct Option {
  std::string_view name;
  std::string_view value;  ///< what stands for the value in the help; empty for a flag
  std::string_view help;
  bool required = false;
  bool many = false;
};

/// The options as given.
class Arguments {
 public:
  void set(std::string name, std::vector<std::string> values) {
    values_[std::move(name)] = std::move(values);
  }
  bool has(const std::string& name) const {
    const auto found = values_.find(name);
    return found != values_.end() && !found->second.empty();
  }
  /// The value, or `otherwise` where the option was not given.
  std::string one(const std::string& name, const std::string& otherwise = "") const {
    return has(name) ? values_.at(name).front() : otherwise;
  }
  std::vector<std::string> all(const std::string& name) const {
    return has(name) ? values_.at(name) : std::vector<std::string>{};
  }

 private:
  std::map<std::string, std::vector<std::string>> values_;
};

/// One call of a verb.
struct Call {
  const Arguments& arguments;
  app::Options options;
  Output& out;
};

/// Writes a PEM or such to --out, or as the product to stdout.
void write_or_print(Call& call, const std::string& text);

/// Says what was taken or answered of what lay in the mailbox: of members, standbys and stations.
/// The exit status for it.
int say_deliveries(Call& call, const pool::MemberSide& side,
                   const std::vector<pool::Delivery>& deliveries);
void say_receipts(Call& call, const pool::MemberSide& side,
                  const std::vector<pool::Receipt>& receipts);
/// The verbs of one part: take, or answer, and say so.
int receive_and_say(Call& call, app::App& app, pool::MemberSide& side);
int prove_and_say(Call& call, app::App& app, pool::MemberSide& side);

struct Command {
  std::string_view path;     ///< "key release"
  std::string_view side;     ///< "origin", "member" or "either", for the help
  std::string_view summary;  ///< one line
  std::vector<Option> options;
  int (*run)(Call&);
};

/// Every verb.
std::vector<const Command*> all_commands();

std::span<const Command> setup_commands();
std::span<const Command> service_commands();
std::span<const Command> origin_commands();
std::span<const Command> policy_commands();
std::span<const Command> access_commands();
std::span<const Command> member_commands();
std::span<const Command> invitation_commands();
std::span<const Command> install_commands();
std::span<const Command> agent_commands();
std::span<const Command> station_commands();
std::span<const Command> key_commands();
std::span<const Command> pool_commands();
std::span<const Command> request_commands();
std::span<const Command> rollover_commands();
std::span<const Command> certificate_commands();
std::span<const Command> certificate_view_commands();
std::span<const Command> ca_commands();
std::span<const Command> lint_commands();
std::span<const Command> ca_view_commands();
std::span<const Command> audit_commands();
std::span<const Command> doctor_commands();

}  // namespace poolkey::cli
