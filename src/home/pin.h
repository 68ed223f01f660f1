// Where PINs come from: a file, a file descriptor, a systemd credential, or a prompt.
// May touch: base, POSIX. Called by: app; provider, for the PIN of a home.
#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"

namespace poolkey::home {

/// "file:PATH", "fd:N", "credential:NAME" (a file in $CREDENTIALS_DIRECTORY) or "prompt".
struct PinSource {
  enum class Kind { kFile, kDescriptor, kCredential, kPrompt };
  Kind kind;
  std::string value;
};

/// Throws kInvalidArgument for anything else; a PIN itself is never taken on the command line, and
/// is not repeated in the sentence.
PinSource parse_pin_source(std::string_view text);

/// The same, for a security officer's PIN, which is the master secret of a token: only "fd:N" and
/// "prompt" are taken.
PinSource parse_so_pin_source(std::string_view text);

/// The source with its path made absolute, as a configuration keeps it.
std::string absolute_pin_source(const std::string& source);

/// Reads the PIN; one newline at its end is dropped. `whose` stands in the prompt and in sentences.
/// A descriptor is read once, so ask once. Throws kNotFound, kUnavailable, or kInvalidArgument for
/// an empty PIN or a prompt without a terminal.
Pin read_pin(const PinSource& source, const std::string& whose);

/// As read_pin, for a PIN that is being set: a prompt asks twice, because a typing error in a new
/// PIN locks everybody out. Throws kInvalidArgument if the two differ.
Pin read_new_pin(const PinSource& source, const std::string& whose);

}  // namespace poolkey::home
