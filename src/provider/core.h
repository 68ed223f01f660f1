// The library that loaded us, as it is reached from inside: its up-calls, and our errors in its
// queue. May touch: OpenSSL. Called by: the whole folder.
#pragma once

#include <openssl/core.h>
#include <openssl/core_dispatch.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"

namespace poolkey::provider {

/// The up-calls that OSSL_provider_init was given. Copied freely; valid until teardown.
class Core {
 public:
  /// Throws kUnsupported if the library lacks one that we need.
  Core(const OSSL_CORE_HANDLE* handle, const OSSL_DISPATCH* up_calls);

  /// One `name = value` of our section of openssl.cnf, copied.
  std::optional<std::string> setting(const char* name) const;

  /// One more reference to the loaded provider, which is never torn down then.
  void keep_for_ever() const noexcept;

  /// Puts an error into the caller's queue: our sentence, and a reason by its Errc.
  void raise(const Error& error) const noexcept;

 private:
  [[gnu::format(printf, 3, 4)]] void set_error(std::uint32_t reason, const char* format,
                                               ...) const noexcept;

  const OSSL_CORE_HANDLE* handle_;
  OSSL_FUNC_core_get_params_fn* get_params_ = nullptr;
  OSSL_FUNC_core_new_error_fn* new_error_ = nullptr;
  OSSL_FUNC_core_set_error_debug_fn* set_error_debug_ = nullptr;
  OSSL_FUNC_core_vset_error_fn* vset_error_ = nullptr;
  OSSL_FUNC_provider_up_ref_fn* up_ref_ = nullptr;
};

}  // namespace poolkey::provider
