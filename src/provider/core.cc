#include "provider/core.h"

#include <openssl/params.h>

#include <cstdarg>
#include <cstring>

#include "crypto/reasons.h"

namespace poolkey::provider {
namespace {

/// A text that does not fit into OpenSSL's ERR_MAX_DATA_SIZE, with its end, is left out as a whole.
constexpr std::size_t kLongest = 1020;

}  // namespace

Core::Core(const OSSL_CORE_HANDLE* handle, const OSSL_DISPATCH* up_calls) : handle_(handle) {
  for (; up_calls->function_id != 0; ++up_calls) switch (up_calls->function_id) {
      case OSSL_FUNC_CORE_GET_PARAMS:
        get_params_ = OSSL_FUNC_core_get_params(up_calls);
        break;
      case OSSL_FUNC_CORE_NEW_ERROR:
        new_error_ = OSSL_FUNC_core_new_error(up_calls);
        break;
      case OSSL_FUNC_CORE_SET_ERROR_DEBUG:
        set_error_debug_ = OSSL_FUNC_core_set_error_debug(up_calls);
        break;
      case OSSL_FUNC_CORE_VSET_ERROR:
        vset_error_ = OSSL_FUNC_core_vset_error(up_calls);
        break;
      case OSSL_FUNC_PROVIDER_UP_REF:
        up_ref_ = OSSL_FUNC_provider_up_ref(up_calls);
        break;
      default:
        break;
    }
  if (get_params_ == nullptr || new_error_ == nullptr || set_error_debug_ == nullptr ||
      vset_error_ == nullptr || up_ref_ == nullptr)
    throw Error(Errc::kUnsupported, "this libcrypto lacks up-calls that a provider needs");
}

std::optional<std::string> Core::setting(const char* name) const {
  const char* value = nullptr;
  OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_ptr(name, const_cast<char**>(&value), 0),
                         OSSL_PARAM_construct_end()};
  if (get_params_(handle_, params) != 1 || value == nullptr) return std::nullopt;
  return value;
}

void Core::keep_for_ever() const noexcept { up_ref_(handle_, /*activate=*/0); }

void Core::set_error(std::uint32_t reason, const char* format, ...) const noexcept {
  va_list arguments;
  va_start(arguments, format);
  vset_error_(handle_, reason, format, arguments);
  va_end(arguments);
}

void Core::raise(const Error& error) const noexcept {
  const std::source_location& where = error.where();
  new_error_(handle_);
  // Without the function: its name in C++ is longer than most sentences.
  set_error_debug_(handle_, where.file_name(), static_cast<int>(where.line()), nullptr);
  set_error(crypto::reason_of(error.code()), "%.*s%s", static_cast<int>(kLongest), error.what(),
            std::strlen(error.what()) > kLongest ? "..." : "");
}

}  // namespace poolkey::provider
