// CK_RV turned into our one error, by table.
// May touch: base. Called by: everything in hsm/ that makes a C_ call.
#pragma once

#include <source_location>
#include <string>

#include "base/error.h"
#include "hsm/cryptoki.h"

namespace poolkey::hsm {

/// "CKR_PIN_INCORRECT", or "CKR_0x80000001" for what is not in the standard.
std::string rv_name(CK_RV rv);
/// What a caller does next about `rv`.
Errc rv_errc(CK_RV rv) noexcept;

/// Throws unless `rv` is CKR_OK: "cannot <doing>: CKR_...: <what it means>".
void check(CK_RV rv, const std::string& doing,
           std::source_location where = std::source_location::current());

}  // namespace poolkey::hsm
