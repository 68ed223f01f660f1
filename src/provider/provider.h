// One loaded instance of the provider: what its callbacks find behind OpenSSL's `provctx`.
// May touch: OpenSSL, hsm. Called by: every file with callbacks; builtin.
#pragma once

#include <memory>

#include "crypto/openssl.h"
#include "provider/core.h"
#include "provider/member_state.h"
#include "provider/scheme.h"
#include "provider/tokens.h"

namespace poolkey::provider {

struct Provider {
  using LibCtx = std::unique_ptr<OSSL_LIB_CTX, crypto::Free<OSSL_LIB_CTX_free>>;

  Core core;
  /// Mirrors the application's providers; everything of OpenSSL that we use ourselves is fetched
  /// here and with kOthers, so that no default property can lead back to us.
  LibCtx child;
  std::unique_ptr<const Digests> digests;  ///< of `child`
  std::shared_ptr<MemberState> state;      ///< works in `child`
  std::shared_ptr<Tokens> tokens;
};

/// The tables, one file each.
const OSSL_ALGORITHM* keymgmt_algorithms() noexcept;
const OSSL_ALGORITHM* signature_algorithms() noexcept;
const OSSL_ALGORITHM* asym_cipher_algorithms() noexcept;
const OSSL_ALGORITHM* keyexch_algorithms() noexcept;
const OSSL_ALGORITHM* store_algorithms() noexcept;
const OSSL_ALGORITHM* decoder_algorithms() noexcept;

/// What every algorithm of ours is registered with; the name in openssl.cnf is only a handle.
inline constexpr const char* kProperties = "provider=poolkey";

/// The body of OSSL_provider_init: no call into a PKCS#11 module, no thread, no file. Takes
/// `token`, or the settings of openssl.cnf where it is null.
int initialize(const OSSL_CORE_HANDLE* handle, const OSSL_DISPATCH* up_calls,
               const OSSL_DISPATCH** out, void** provctx,
               const std::shared_ptr<hsm::Token>& token) noexcept;

}  // namespace poolkey::provider
