// Looking at access policies: are they sound, who may do what, and what a role is.
#include "base/file.h"
#include "cli/command.h"
#include "policy/access.h"

namespace poolkey::cli {
namespace {

using policy::AccessAction;
using policy::AccessRole;

policy::Access read_access(const std::string& file) {
  return policy::parse_access(read_file(file), file);
}

std::vector<std::string> actions_of(AccessRole role) {
  std::vector<std::string> out;
  for (const policy::AccessRow& row : policy::access_rows())
    if (has_action(role, row.action)) out.emplace_back(word(row.action));
  return out;
}

json::array to_json(const std::vector<std::string>& words) {
  json::array out;
  for (const std::string& w : words) out.emplace_back(w);
  return out;
}

std::string or_none(const std::vector<std::string>& names) {
  return names.empty() ? "-" : listed(names);
}

int access_check(Call& call) {
  const std::string file = call.arguments.one("FILE");
  const policy::Access access = read_access(file);
  call.out.say(file + ": sound (" + std::to_string(access.bindings().size()) + " bindings)");
  call.out.result({{"file", file}, {"bindings", access.bindings().size()}});
  return 0;
}

int access_roles(Call& call) {
  std::vector<std::vector<std::string>> rows;
  json::array actions;
  for (const policy::AccessRow& row : policy::access_rows()) {
    std::vector<std::string> roles;
    for (const auto& role : policy::words<AccessRole>())
      if (has_action(role.value, row.action)) roles.emplace_back(role.text);
    if (row.by_code) roles.emplace_back("one-time code");
    if (roles.empty()) roles.emplace_back("everybody");
    rows.push_back({std::string(word(row.action)), listed(roles), std::string(word(row.reach)),
                    std::string(row.meaning)});
    actions.emplace_back(json::object{{"action", std::string(word(row.action))},
                                      {"roles", to_json(roles)},
                                      {"within", std::string(word(row.reach))},
                                      {"meaning", std::string(row.meaning)}});
  }
  call.out.table({"ACTION", "WHO", "WITHIN", "WHAT"}, rows);
  call.out.result({{"actions", std::move(actions)}});
  return 0;
}

/// Who a binding names, as the principals are written elsewhere.
std::vector<std::string> named(const policy::AccessBinding& binding) {
  std::vector<std::string> out;
  for (const std::string& name : binding.clients) out.push_back("client:" + name);
  for (const std::string& name : binding.accounts) out.push_back("account:" + name);
  for (const std::string& name : binding.members) out.push_back("member:" + name);
  return out;
}

int access_explain(Call& call) {
  const policy::Access access = read_access(call.arguments.one("FILE"));
  std::optional<policy::Principal> only;
  if (call.arguments.has("--principal"))
    only = policy::parse_principal(call.arguments.one("--principal"));
  json::array bindings;
  for (const policy::AccessBinding& b : access.bindings()) {
    if (only && !b.names(*only)) continue;
    const policy::AccessLimits& l = b.limits;
    const std::vector<std::string> who = named(b);
    const std::vector<std::string> actions = actions_of(b.role);
    call.out.say(b.where.file + ":" + std::to_string(b.where.line) + ": " +
                 std::string(word(b.role)) + " for " + listed(who));
    if (b.role != AccessRole::kMember)
      call.out.say("  pools " + or_none(b.pools) + "; profiles " + or_none(b.profiles));
    call.out.say("  " + std::to_string(l.requests_per_second) + " requests a second, " +
                 std::to_string(l.burst) + " at once; " + std::to_string(l.signatures_per_day) +
                 " signatures a day");
    call.out.say("  may: " + listed(actions));
    bindings.emplace_back(json::object{{"line", b.where.line},
                                       {"role", std::string(word(b.role))},
                                       {"principals", to_json(who)},
                                       {"pools", to_json(b.pools)},
                                       {"profiles", to_json(b.profiles)},
                                       {"requests_per_second", l.requests_per_second},
                                       {"burst", l.burst},
                                       {"signatures_per_day", l.signatures_per_day},
                                       {"actions", to_json(actions)}});
  }
  if (bindings.empty())
    call.out.say(only ? only->str() + " is named by no binding: everything is denied"
                      : "No bindings: everything is denied");
  call.out.result({{"file", access.file()}, {"bindings", std::move(bindings)}});
  return 0;
}

}  // namespace

std::span<const Command> access_commands() {
  static const auto& commands = *new std::vector<Command>{
      {"access check",
       "either",
       "read an access policy and report every fault with file:line:column",
       {{"FILE", "FILE", "access policy", true}},
       access_check},
      {"access explain",
       "either",
       "show which line of an access policy gives whom what",
       {{"FILE", "FILE", "access policy", true},
        {"--principal", "KIND:NAME",
         "this one alone: client:NAME, account:NAME, member:POOL/MEMBER"}},
       access_explain},
      {"access roles", "either", "show what each role may do over the service", {}, access_roles},
  };
  return commands;
}

}  // namespace poolkey::cli
