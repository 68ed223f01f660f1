// SoftHSM's token.object: what every login rewrites in place, and the copy that outlives a crash
// within one. May touch: base. Called by: token (before each login), cli's `token repair`.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "hsm/module.h"

namespace poolkey::hsm {

/// The folder of the token with this serial, by SoftHSM's naming; empty where the module does not
/// keep tokens so, or there is none.
std::filesystem::path token_folder(const Module& module, const std::string& serial);

/// The files of the token's objects, half-made ones as well; empty as token_folder().
std::vector<std::filesystem::path> object_files(const Module& module, const std::string& serial);

/// True if the octets are a whole attribute file of SoftHSM's: a generation number, then attributes
/// to exactly the end.
bool is_whole_token_file(ByteView content);

/// Copies token.object (mode 0600, synced) unless the copy has the same content already. Called
/// under the processes' lock, before C_Login. Throws kCorrupt if token.object is damaged.
void keep_token_file(const Module& module, const std::string& serial);

/// Puts the copy back where token.object is damaged; false if it is whole. No process may use the
/// token meanwhile: called under the processes' lock. Throws kNotFound if there is no whole copy.
bool restore_token_file(const std::filesystem::path& folder);

/// "" or what is wrong with the token's file and what to do, for the sentence that a token is not
/// found.
std::string token_file_remark(const Module& module, const std::string& serial);

/// Where tokens are looked for, in sentences: "'<module>'", and SoftHSM's configuration.
std::string place_of(const Module& module);

}  // namespace poolkey::hsm
