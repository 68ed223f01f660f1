#include "audit/scope.h"

#include <exception>
#include <utility>

#include "base/log.h"

namespace poolkey::audit {
namespace {

json::object describe(const Error& error) {
  json::object detail;
  detail["code"] = std::string(name(error.code()));
  detail["error"] = std::string(error.what());
  if (error.ckr()) detail["ckr"] = static_cast<std::int64_t>(*error.ckr());
  return detail;
}

json::object sentence(std::string_view text) {
  json::object detail;
  detail["error"] = std::string(text);
  return detail;
}

}  // namespace

Scope::Scope(Chain& chain, Act act)
    : chain_(chain), act_(std::move(act)), exceptions_(std::uncaught_exceptions()) {
  intent_ = chain_.append(intent_event()).seq;
}

Scope::Scope(Chain& chain, store::Transaction& transaction, Act act)
    : chain_(chain), act_(std::move(act)), exceptions_(std::uncaught_exceptions()) {
  const Event event = intent_event();
  intent_ = chain_.append_all(transaction, {&event, 1});
}

Event Scope::intent_event() {
  Event event;
  event.actor = act_.actor;
  event.verb = act_.verb;
  event.subject = act_.subject;
  event.rule = act_.rule;
  event.operation = act_.operation;
  event.detail = std::move(act_.detail);
  return event;
}

Scope::~Scope() {
  if (closed_) return;
  try {
    close(Result::kFailed, act_.rule,
          sentence(std::uncaught_exceptions() > exceptions_
                       ? "ended by an exception"
                       : "ended without saying how: a defect of poolkey"));
  } catch (const std::exception& error) {
    log("audit").error("the outcome of entry {} could not be written: {}", intent_, error.what());
  }
}

void Scope::succeed(json::object detail) { close(Result::kOk, act_.rule, std::move(detail)); }

void Scope::fail(const Error& error) { close(Result::kFailed, act_.rule, describe(error)); }

void Scope::deny(std::string_view rule, json::object detail) {
  close(Result::kDenied, std::string(rule), std::move(detail));
}

void Scope::succeed(store::Transaction& transaction, json::object detail) {
  const Event event = outcome(Result::kOk, act_.rule, std::move(detail));
  (void)chain_.append_all(transaction, {&event, 1});
}

Event Scope::outcome(Result result, std::string rule, json::object detail) {
  if (closed_) throw Error(Errc::kInternal, "an audit scope with two outcomes");
  // Before the write: where it fails, what became of the act is not known here, and the destructor
  // must not call it a failure.
  closed_ = true;
  Event event;
  event.actor = act_.actor;
  event.verb = act_.verb;
  event.phase = Phase::kOutcome;
  event.subject = act_.subject;
  event.rule = std::move(rule);
  event.result = result;
  event.operation = act_.operation;
  event.intent = intent_;
  event.detail = std::move(detail);
  return event;
}

void Scope::close(Result result, std::string rule, json::object detail) {
  chain_.append(outcome(result, std::move(rule), std::move(detail)));
}

void Scope::fail_quietly(const Error& failure) noexcept {
  if (closed_) return;
  try {
    fail(failure);
  } catch (const std::exception& error) {
    log("audit").error("the outcome of entry {} could not be written: {}", intent_, error.what());
  }
}

}  // namespace poolkey::audit
