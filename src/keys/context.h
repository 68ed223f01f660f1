// What every verb works with, gathered once by app and handed down.
// May touch: base, crypto, hsm, store, policy, audit. Called by: keys, pool, requests; made by app.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "audit/scope.h"
#include "base/clock.h"
#include "crypto/openssl.h"
#include "hsm/token.h"
#include "policy/engine.h"
#include "store/journal.h"
#include "store/sql.h"

namespace poolkey::keys {

/// Loads a private key by its PKCS#11 URI as an EVP_PKEY that signs inside the token.
using KeyLoader = std::function<crypto::EvpPkey(std::string_view uri)>;

struct Context {
  store::Database& database;
  store::Journal& journal;
  audit::Chain& audit;
  const Clock& clock;
  std::shared_ptr<hsm::Token> token;  ///< null in verbs that need none
  KeyLoader load_key;                 ///< our provider on that token
  OSSL_LIB_CTX* library = nullptr;    ///< the context our provider lives in
  std::string actor;                  ///< "uid:0 root"
  std::filesystem::path home{};       ///< of this side; empty in tests that have none
  std::filesystem::path witness{};    ///< where heads of the audit log are left; empty: nowhere
};

/// Asks the engine. A denial is recorded, then thrown as kDenied with the rule and its line.
policy::Permit permit(Context& context, const policy::Policy& policy, const policy::Facts& facts);

/// What the token makes of CKA_WRAP_WITH_TRUSTED, by its profile; kUnknown without one.
policy::WrapWithTrusted wrap_with_trusted(const hsm::Token& token);

/// Runs an act between its intent and its outcome in the audit log. `act` returns the details of
/// the success.
void record(Context& context, std::string_view verb, const std::string& subject,
            const std::string& rule, const store::Operation* operation,
            const std::function<json::object()>& act);

}  // namespace poolkey::keys
