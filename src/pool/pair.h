// Certificate and key reference as files, for the programs that serve with them.
// May touch: base, crypto. Called by: install.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/ids.h"
#include "crypto/certificate.h"

namespace poolkey::pool {

/// Where a member keeps them: FOLDER/KEY is a link to FOLDER/KEY@N-CERTIFICATE, and in that folder
/// are `certificate.pem` (leaf and chain, without the root), `key.pem` (the reference) and
/// `both.pem` (for haproxy). A program that opens FOLDER/KEY/... never sees one of them without the
/// other: the folder is whole before the link is renamed to it. The link follows the newest
/// certificate of the version in force. Gives the path of the link. May be called again.
std::filesystem::path put_pair(const std::filesystem::path& folder, const KeyVersion& key,
                               const std::vector<crypto::Certificate>& leaf_first,
                               const std::string& reference, bool in_force);

/// Removes the folders of a version, except one that the link leads to.
void remove_pairs(const std::filesystem::path& folder, const KeyVersion& key);

/// What the links lead to, "KEY TARGET" a line: changes whenever what programs read does.
std::string linked_pairs(const std::filesystem::path& folder);

}  // namespace poolkey::pool
