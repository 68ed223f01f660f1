// A profile: what a token really does, as the doctor found it; written to and read from TOML.
// May touch: base. Called by: module (holds one), wrap, key_pair, keys, pool, app, cli.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/attribute.h"
#include "hsm/cryptoki.h"
#include "hsm/questions.h"

namespace poolkey::hsm {

/// Which software and token a profile is of. Versions are "2.6"; empty where none is told.
struct Make {
  std::string manufacturer, description, version, cryptoki;         ///< the module's, by C_GetInfo
  std::string token_manufacturer, token_model, hardware, firmware;  ///< by C_GetTokenInfo
  bool operator==(const Make&) const = default;
};

/// How a mechanism was found.
struct MechanismRow {
  CK_MECHANISM_TYPE type;
  std::string_view why;  ///< what poolkey or an attacker needs it for
};
/// The mechanisms that a profile speaks of; their answers are those of mechanism_answers().
std::span<const MechanismRow> profiled_mechanisms();
std::span<const Answer> mechanism_answers();

/// The hash of RSA-OAEP, for both label and MGF1.
enum class OaepHash { kSha1, kSha256 };

/// A value; every question and every profiled mechanism has an answer.
struct Profile {
  Make make{};
  std::map<Question, std::string> found{};
  /// By their place in profiled_mechanisms().
  std::vector<std::string> mechanisms{};
  std::int64_t sessions_opened = 0;
  /// Attributes that the token refuses to store or does not tell: they are left out of templates
  /// sent to it, and may be missing where an object is read back.
  std::vector<std::string> not_kept{};
  /// Attributes that the token tells otherwise than it was asked to set them.
  std::vector<std::string> told_otherwise{};

  bool operator==(const Profile&) const = default;

  std::string_view answer(Question question) const { return found.at(question); }
  bool says(Question question, std::string_view word) const { return answer(question) == word; }

  /// The mechanism that is RFC 5649 here; nothing if private keys cannot be wrapped.
  std::optional<CK_MECHANISM_TYPE> kwp() const;
  bool oaep(OaepHash hash) const;
  /// Protections that the token takes without keeping them: "CKA_EXTRACTABLE",
  /// "CKA_WRAP_WITH_TRUSTED" and the like.
  std::vector<std::string> not_enforced() const;
};

/// The text of a profile file, each answer with its meaning as a comment. `details` adds to the
/// comment of a question what else was seen.
std::string to_toml(const Profile& profile, const std::map<Question, std::string>& details = {});

/// Reads a profile file; `file` only names it in sentences. Throws one kInvalidArgument that lists
/// every fault as "file:line:column: sentence".
Profile parse_profile(std::string_view text, const std::string& file);

/// The profile that poolkey brings for a make that it knows, by the name of its row of quirks; null
/// for the others.
const Profile* builtin_profile(std::string_view quirks_row);

/// Throws kConflict where a home's profile is of another module, token or version than `now`.
void check_make(const Profile& profile, const Make& now, const std::string& file);

}  // namespace poolkey::hsm
