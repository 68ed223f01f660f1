// Looking at policies: are they sound, and what do they make of a key.
#include "base/file.h"
#include "cli/command.h"
#include "policy/attributes.h"

namespace poolkey::cli {
namespace {

policy::Policy read_policy(const std::string& file) {
  return policy::parse_policy(read_file(file), file);
}

int policy_check(Call& call) {
  std::string faults;
  json::array sound;
  const std::vector<std::string> files = call.arguments.all("FILE");
  for (const std::string& file : files) {
    try {
      const policy::Policy policy = read_policy(file);
      call.out.say(file + ": sound (policy '" + policy.name() + "', " + policy.algorithm_name() +
                   ", export " + std::string(word(policy.exports().mode.value)) + ")");
      sound.emplace_back(json::object{{"file", file}, {"policy", policy.name()}});
    } catch (const Error& error) {
      faults += (faults.empty() ? "" : "\n") + std::string(error.what());
    }
  }
  call.out.result({{"sound", std::move(sound)}});
  if (!faults.empty()) throw Error(Errc::kInvalidArgument, faults);
  return 0;
}

std::string value_text(const AttributeValue& value) {
  if (const bool* truth = std::get_if<bool>(&value)) return *truth ? "true" : "false";
  std::string out;
  for (const std::string& m : std::get<std::vector<std::string>>(value))
    out += (out.empty() ? "" : " ") + m;
  return out;
}

int policy_explain(Call& call) {
  const policy::Policy policy = read_policy(call.arguments.one("FILE"));
  call.out.say("Policy '" + policy.name() + "': " + policy.description());
  std::string side;
  std::vector<std::vector<std::string>> rows;
  json::array attributes;
  const auto flush = [&] {
    if (rows.empty()) return;
    call.out.say("\n" + side + " key");
    call.out.table({"ATTRIBUTE", "VALUE", "FROM", "BECAUSE"}, rows);
    rows.clear();
  };
  for (const policy::ExplainedAttribute& e : policy::explain(policy)) {
    if (side != name(e.side)) flush();
    side = name(e.side);
    const std::string from = (e.where ? e.where->str() + " " : "") + e.key;
    rows.push_back({e.attribute.name, value_text(e.attribute.value), from, e.reason});
    attributes.emplace_back(json::object{{"side", side},
                                         {"attribute", e.attribute.name},
                                         {"value", value_text(e.attribute.value)},
                                         {"from", from},
                                         {"reason", e.reason}});
  }
  flush();
  call.out.result({{"policy", policy.name()}, {"attributes", std::move(attributes)}});
  return 0;
}

}  // namespace

std::span<const Command> policy_commands() {
  static const auto& commands = *new std::vector<Command>{
      {"policy check",
       "either",
       "read policy files and report every fault with file:line:column",
       {{"FILE", "FILE", "policy files", true, true}},
       policy_check},
      {"policy explain",
       "either",
       "show which line of a policy gives which PKCS#11 attribute",
       {{"FILE", "FILE", "policy file", true}},
       policy_explain},
  };
  return commands;
}

}  // namespace poolkey::cli
