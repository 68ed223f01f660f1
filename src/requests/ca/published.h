// The files for relying parties, which the pointers in certificates name.
// May touch: requests/ca and below. Called by: cli.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "requests/ca/config.h"

namespace poolkey::requests {

/// Writes CRLs, CA certificates and cross-certificates, all DER. Each file is replaced as a whole
/// where it differs. Gives those that were written.
std::vector<std::string> publish_files(store::Database& database,
                                       const std::filesystem::path& folder);

/// What CRLs in `folder` say of revocations that this origin does not know: it was restored from a
/// backup that is older than they are. A list is believed if its CA's key signed it and its number
/// is higher than that of any list on record. Serials that are not in the register are entered as
/// revoked until their CA ends. Called before a list is made, so that none is taken back. Gives the
/// serials.
std::vector<std::string> take_over_revocations(keys::Context& context,
                                               const std::filesystem::path& folder);

}  // namespace poolkey::requests
