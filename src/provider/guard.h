// The edge between C and C++: no exception leaves it, and no object of ours dies in a dying
// process. May touch: OpenSSL. Called by: every callback.
#pragma once

#include <openssl/err.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include <exception>
#include <memory>

#include "provider/core.h"

namespace poolkey::provider {

/// Runs a callback's body; an exception becomes an error in the caller's queue, and `failed`.
/// Whatever else the body leaves in the queue goes, unless it failed without an exception: nginx
/// reports leftovers as alerts, and SoftHSM leaves four of them with its first call.
template <class Result, class Body>
Result guard(const Core& core, Result failed, Body&& body) noexcept {
  ERR_set_mark();
  try {
    const Result result = body();
    result == failed ? ERR_clear_last_mark() : ERR_pop_to_mark();
    return result;
  } catch (const Error& error) {
    ERR_pop_to_mark();
    core.raise(error);
  } catch (const std::exception& other) {
    ERR_pop_to_mark();
    core.raise(Error(Errc::kInternal, other.what()));
  }
  return failed;
}

/// True once the process runs its exit handlers: the PKCS#11 module's own static objects may be
/// gone by then, and no call into it is safe (openssl issue 22508).
bool process_is_ending() noexcept;
/// Starts to watch for the end, and calls `then` when it comes; to be called after the module is
/// loaded, since handlers run in reverse order. Calling it again does nothing.
void watch_for_the_end(void (*then)() noexcept) noexcept;

/// Frees what a callback's `new` handed to OpenSSL, unless the process is ending: then it is left.
template <class T>
void dispose(T* object) noexcept {
  if (!process_is_ending()) {
    const std::unique_ptr<T> owner(object);
    return;
  }
#ifdef __SANITIZE_ADDRESS__
  __lsan_ignore_object(object);  // and what only it knows of: no leak, but meant
#endif
}

}  // namespace poolkey::provider
