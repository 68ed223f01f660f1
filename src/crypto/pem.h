// PEM (RFC 7468) as people and programs send it: text around the blocks, blanks at the ends of
// lines, lines of any length. May touch: std only. Called by: crypto, and tests.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace poolkey::crypto {

struct PemBlock {
  std::string label{};     ///< "CERTIFICATE"
  std::size_t line = 0;    ///< of its first line, counted from 1
  bool encrypted = false;  ///< has the header "Proc-Type: 4,ENCRYPTED" (RFC 1421); then see content
  Bytes content{};         ///< what the base64 says, never decrypted
};

/// All blocks in their order; empty where there is none. Throws kCorrupt naming the line of a block
/// that has no end, another end, or is not base64, and of a beginning with something before it: a
/// damaged block must not be passed over as if it were not there.
std::vector<PemBlock> read_pem(std::string_view text);

}  // namespace poolkey::crypto
