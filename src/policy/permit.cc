#include "policy/permit.h"

#include <fmt/format.h>

#include "base/error.h"

namespace poolkey::policy {
namespace {

std::string act(Action action, const std::optional<Usage>& usage, std::string_view key_version,
                std::string_view member) {
  return fmt::format("{}{}{} {}{}{}", word(action), usage ? " " : "", usage ? word(*usage) : "",
                     key_version, member.empty() ? "" : " on ", member);
}

void require_match(const Grant& grant, Action action, const std::optional<Usage>& usage,
                   std::string_view key_version, std::string_view member) {
  if (grant.action == action && grant.usage == usage && grant.key_version == key_version &&
      grant.member == member)
    return;
  throw Error(Errc::kInternal,
              fmt::format("a permit to '{}' was used to '{}'",
                          act(grant.action, grant.usage, grant.key_version, grant.member),
                          act(action, usage, key_version, member)));
}

}  // namespace

const Grant& Permit::grant() const {
  if (!grant_) throw Error(Errc::kInternal, "a permit was used after it was handed on");
  return *grant_;
}

void Permit::require(Action action, std::string_view key_version, std::string_view member) const {
  require_match(grant(), action, std::nullopt, key_version, member);
}

void Permit::require_signature(Usage usage, std::string_view key_version,
                               std::string_view member) const {
  require_match(grant(), Action::kSign, usage, key_version, member);
}

std::string Permit::rule() const { return grant().where.str() + " " + grant().rule; }

std::string explain(const Denial& denial) {
  return fmt::format("{} {} forbids this: {}", denial.where.str(), denial.rule, denial.sentence);
}

Permit permit_or_throw(Decision decision) {
  if (const auto* denial = std::get_if<Denial>(&decision))
    throw Error(Errc::kDenied, explain(*denial));
  return std::get<Permit>(std::move(decision));
}

}  // namespace poolkey::policy
