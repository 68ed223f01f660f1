// OpenSSL's dispatch tables with their types back: a function of a wrong signature does not
// compile. May touch: OpenSSL. Called by: every file with a table of callbacks.
#pragma once

#include <openssl/core.h>
#include <openssl/core_dispatch.h>

namespace poolkey::provider {

/// `entry<OSSL_FUNC_keymgmt_has_fn>(OSSL_FUNC_KEYMGMT_HAS, has)`
template <class Function>
OSSL_DISPATCH entry(int id, Function* function) noexcept {
  return {id, reinterpret_cast<void (*)()>(function)};
}

/// What ends a table.
inline constexpr OSSL_DISPATCH kEndOfTable{0, nullptr};

}  // namespace poolkey::provider
