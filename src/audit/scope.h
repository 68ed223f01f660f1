// An act with its record: the intent before it, the outcome after it.
// May touch: audit/chain.h. Called by: every verb that changes something or uses a private key.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "audit/chain.h"
#include "base/error.h"

namespace poolkey::audit {

/// What is about to happen, as its intent says it.
struct Act {
  std::string actor;
  std::string verb;
  std::string subject;
  std::string rule = {};       ///< the policy line that allows it
  std::string operation = {};  ///< the journal's operation id
  json::object detail = {};
};

/// Writes the intent when made; if that fails it throws, and the act must not happen. The outcome
/// is written once, by succeed(), fail() or deny(). A scope that ends without one writes `failed`,
/// and a process that dies leaves an intent without outcome, which Chain::open_intents() finds.
class Scope {
 public:
  Scope(Chain& chain, Act act);
  /// The intent becomes durable with the caller's transaction.
  Scope(Chain& chain, store::Transaction& transaction, Act act);
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope();

  void succeed(json::object detail = {});
  /// The outcome becomes durable with the caller's transaction, together with what it tells of.
  void succeed(store::Transaction& transaction, json::object detail);
  void fail(const Error& error);
  /// `rule` is the policy line that forbids it.
  void deny(std::string_view rule, json::object detail = {});

  /// The transaction with the intent was not committed: there is nothing to close.
  void forget() { closed_ = true; }

  /// Runs the act and returns what it returns. What it throws is recorded as the outcome, with its
  /// sentence, and thrown on; success is still to be recorded by succeed().
  template <class F>
  decltype(auto) run(F&& act) {
    try {
      return std::forward<F>(act)();
    } catch (const Error& error) {
      fail_quietly(error);
      throw;
    }
  }

  /// The seq of the intent.
  std::int64_t intent() const { return intent_; }

 private:
  Event intent_event();
  Event outcome(Result result, std::string rule, json::object detail);
  void close(Result result, std::string rule, json::object detail);
  void fail_quietly(const Error& error) noexcept;

  Chain& chain_;
  Act act_;
  std::int64_t intent_ = 0;
  int exceptions_ = 0;  ///< in flight when the scope began
  bool closed_ = false;
};

}  // namespace poolkey::audit
