// The one symbol of poolkey.so. Our own programs use Builtin instead.
#include "provider/provider.h"

extern "C" [[gnu::visibility("default")]] int OSSL_provider_init(const OSSL_CORE_HANDLE* handle,
                                                                 const OSSL_DISPATCH* up_calls,
                                                                 const OSSL_DISPATCH** out,
                                                                 void** provctx) {
  return poolkey::provider::initialize(handle, up_calls, out, provctx, nullptr);
}
