// Errors of ours on their way through OpenSSL's queue: how the provider puts them in, and how
// whoever called OpenSSL gets them back. May touch: OpenSSL. Called by: crypto, provider.
#pragma once

#include <openssl/core.h>

#include <cstdint>
#include <optional>

#include "base/error.h"

namespace poolkey::crypto {

/// The name that OpenSSL knows the provider's errors by.
inline constexpr const char* kProviderName = "poolkey";

/// The number under which an Errc is put into the queue; from 1 on.
std::uint32_t reason_of(Errc code) noexcept;
/// The texts of these numbers, for OpenSSL to print.
const OSSL_ITEM* reason_strings() noexcept;

/// Empties the queue. The first error of ours that was in it, with its sentence; nothing if there
/// was none, and then `others` has what OpenSSL said itself, joined with "; ".
std::optional<Error> take_queued_error(std::string& others);

}  // namespace poolkey::crypto
