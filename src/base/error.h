// The one error type of poolkey, and the enumeration of what a caller does next.
// May touch: std only. Called by: everybody.
#pragma once

#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>

namespace poolkey {

/// What the caller does next; not what went wrong in detail (the sentence says that).
enum class Errc {
  kInvalidArgument,  ///< the input must be corrected
  kDenied,           ///< policy or the HSM forbids it
  kNotFound,         ///< looked for everywhere, and it is not there
  kAlreadyExists,    ///< it is there already, and is something else
  kConflict,         ///< the world is not as expected; look, then run again
  kUnsupported,      ///< this module, file or version cannot do it
  kUnavailable,      ///< could not be reached: nothing is known about it
  kTimeout,          ///< no answer in time
  kAuthFailed,       ///< wrong PIN; never retried, because PINs lock
  kCorrupt,          ///< data is damaged or forged
  kInternal,         ///< a defect of poolkey
};

/// The stable name of a code, as printed and as written to JSON ("not-found").
std::string_view name(Errc code) noexcept;

/// True where trying again may help without anybody changing anything.
bool is_retryable(Errc code) noexcept;

/// A failure: what, where, and what to do about it, in one sentence for a person.
class Error : public std::runtime_error {
 public:
  Error(Errc code, const std::string& sentence,
        std::source_location where = std::source_location::current())
      : std::runtime_error(sentence), code_(code), where_(where) {}

  /// A failure that a PKCS#11 module reported with `ckr`.
  Error(Errc code, unsigned long ckr, const std::string& sentence,
        std::source_location where = std::source_location::current())
      : std::runtime_error(sentence), code_(code), ckr_(ckr), where_(where) {}

  Errc code() const noexcept { return code_; }
  std::optional<unsigned long> ckr() const noexcept { return ckr_; }
  const std::source_location& where() const noexcept { return where_; }

 private:
  Errc code_;
  std::optional<unsigned long> ckr_;
  std::source_location where_;
};

}  // namespace poolkey
