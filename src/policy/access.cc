#include "policy/access.h"

#include <fmt/format.h>

#include "base/error.h"

namespace poolkey::policy {
namespace {

bool lists(const std::vector<std::string>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& n) { return n == "*" || n == name; });
}

/// True if the list covers what the scope says, or all of it where it says nothing.
bool covers(const std::vector<std::string>& names, const std::optional<std::string>& name,
            bool listing) {
  if (name) return lists(names, *name);
  return listing ? !names.empty() : lists(names, "*");
}

std::string place(const Location& where) { return fmt::format("{}:{}", where.file, where.line); }

std::string own_name(const AccessScope& scope) {
  return scope.pool && scope.member ? *scope.pool + "/" + *scope.member : "";
}

/// What of the scope the binding does not cover; empty: it covers it.
std::string_view uncovered(const AccessBinding& binding, AccessReach reach,
                           const AccessScope& scope) {
  if (binding.role == AccessRole::kMember)
    return "";  // its scope is itself, and has been looked at
  const bool pool = covers(binding.pools, scope.pool, scope.listing);
  const bool profile = covers(binding.profiles, scope.profile, scope.listing);
  switch (reach) {
    case AccessReach::kAnywhere:
      return "";
    case AccessReach::kOwn:
      return scope.member ? "own" : "";  // people are no members
    case AccessReach::kService:
      return lists(binding.pools, "*") ? "" : "pools";
    case AccessReach::kPool:
      return pool ? "" : "pools";
    case AccessReach::kProfile:
      return profile ? "" : "profiles";
    case AccessReach::kPoolAndProfile:
      return !pool ? "pools" : !profile ? "profiles" : "";
  }
  return "pools";
}

/// What the caller gets to read: the missing word of its own call, and nothing of the file.
std::string denial_sentence(const Principal& principal, AccessAction action, std::string_view key,
                            const AccessScope& scope) {
  if (key == "own")
    return fmt::format("{} may do '{}' for itself only", principal.str(), word(action));
  if (key == "pools")
    return fmt::format("{} may not do '{}' in {}", principal.str(), word(action),
                       scope.pool ? "pool '" + *scope.pool + "'" : "all pools");
  if (key == "profiles")
    return fmt::format("{} may not do '{}' under {}", principal.str(), word(action),
                       scope.profile ? "profile '" + *scope.profile + "'" : "all profiles");
  if (principal.kind == PrincipalKind::kAnonymous)
    return fmt::format("'{}' needs a client certificate", word(action));
  return fmt::format("{} may not do '{}'; a security officer binds roles in the access policy",
                     principal.str(), word(action));
}

/// A decision that no binding has a part in; nothing where the bindings decide.
std::optional<AccessDecision> built_in(const Principal& principal, const AccessRow& row,
                                       const AccessScope& scope) {
  const auto no = [&](std::string_view key) {
    return AccessDecision{false, "built-in", std::string(key),
                          denial_sentence(principal, row.action, key, scope)};
  };
  if (row.action == AccessAction::kPublicRead)
    return AccessDecision{true, "built-in: public", "public", ""};
  if (principal.kind == PrincipalKind::kAnonymous) return no("principal");
  if (principal.kind == PrincipalKind::kCode) {
    if (row.by_code) return AccessDecision{true, "built-in: one-time code", "code", ""};
    return no("code");
  }
  if (principal.kind != PrincipalKind::kMember) return std::nullopt;
  if (!has_action(AccessRole::kMember, row.action)) return no("role");
  if (own_name(scope) != principal.name) return no("own");
  return std::nullopt;
}

}  // namespace

std::string Principal::str() const {
  const std::string_view kind_word = word(kind);
  return name.empty() ? std::string(kind_word) : fmt::format("{}:{}", kind_word, name);
}

Principal parse_principal(std::string_view text) {
  const auto colon = std::min(text.find(':'), text.size());
  const auto kind = parse_word<PrincipalKind>(text.substr(0, colon));
  const bool named = kind && *kind != PrincipalKind::kAnonymous && *kind != PrincipalKind::kCode;
  if (!kind || named != (colon + 1 < text.size()) || (!named && colon != text.size()))
    throw Error(Errc::kInvalidArgument,
                fmt::format("'{}' is no principal; write client:NAME, account:NAME, "
                            "member:POOL/MEMBER, code or anonymous",
                            text));
  return {*kind, named ? std::string(text.substr(colon + 1)) : ""};
}

bool AccessBinding::names(const Principal& principal) const {
  switch (principal.kind) {
    case PrincipalKind::kClient:
      return lists(clients, principal.name);
    case PrincipalKind::kAccount:
      return lists(accounts, principal.name);
    case PrincipalKind::kMember:
      return lists(members, principal.name) ||
             lists(members, principal.name.substr(0, principal.name.find('/')) + "/*");
    case PrincipalKind::kAnonymous:
    case PrincipalKind::kCode:
      return false;
  }
  return false;
}

AccessDecision decide(const Access& access, const Principal& principal, AccessAction action,
                      const AccessScope& scope) {
  const AccessRow& row = access_rows()[static_cast<std::size_t>(action)];
  if (auto decision = built_in(principal, row, scope)) return *decision;
  // Of the bindings that say no, the one that comes nearest to a yes is named.
  AccessDecision nearest{false, access.file(), "principal", ""};
  for (const AccessBinding& binding : access.bindings()) {
    if (!binding.names(principal)) continue;
    if (!has_action(binding.role, action)) {
      if (nearest.key == "principal") nearest = {false, place(binding.where), "role", ""};
      continue;
    }
    const std::string_view missing = uncovered(binding, row.reach, scope);
    if (missing.empty()) return {true, place(binding.where), "role", ""};
    if (nearest.key != "profiles")
      nearest = {false, place(binding.where), std::string(missing), ""};
  }
  nearest.sentence = denial_sentence(principal, action, nearest.key, scope);
  return nearest;
}

AccessLimits limits_of(const Access& access, const Principal& principal) {
  std::optional<AccessLimits> out;
  for (const AccessBinding& binding : access.bindings()) {
    if (!binding.names(principal)) continue;
    if (!out) out = binding.limits;
    out->requests_per_second =
        std::max(out->requests_per_second, binding.limits.requests_per_second);
    out->burst = std::max(out->burst, binding.limits.burst);
    out->signatures_per_day = std::max(out->signatures_per_day, binding.limits.signatures_per_day);
  }
  return out.value_or(AccessLimits{});
}

}  // namespace poolkey::policy
