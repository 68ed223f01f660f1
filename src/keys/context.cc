#include "keys/context.h"

namespace poolkey::keys {

policy::Permit permit(Context& context, const policy::Policy& policy, const policy::Facts& facts) {
  policy::Decision decision = policy::Engine::decide(policy, facts);
  if (const auto* denial = std::get_if<policy::Denial>(&decision)) {
    audit::Scope scope(context.audit, {.actor = context.actor,
                                       .verb = "policy " + std::string(word(facts.action)),
                                       .subject = facts.key.str()});
    scope.deny(denial->where.str() + " " + denial->rule, {{"reason", denial->sentence}});
  }
  return policy::permit_or_throw(std::move(decision));
}

policy::WrapWithTrusted wrap_with_trusted(const hsm::Token& token) {
  if (!token.module().has_profile()) return policy::WrapWithTrusted::kUnknown;
  return policy::parse_word<policy::WrapWithTrusted>(
             token.module().profile().answer(hsm::Question::kWrapWithTrusted))
      .value_or(policy::WrapWithTrusted::kUnknown);
}

void record(Context& context, std::string_view verb, const std::string& subject,
            const std::string& rule, const store::Operation* operation,
            const std::function<json::object()>& act) {
  audit::Scope scope(context.audit, {.actor = context.actor,
                                     .verb = std::string(verb),
                                     .subject = subject,
                                     .rule = rule,
                                     .operation = operation != nullptr ? operation->id() : ""});
  scope.succeed(scope.run(act));
}

}  // namespace poolkey::keys
