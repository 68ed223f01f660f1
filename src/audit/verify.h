// Checks an exported audit log, and says which entry is the first that is not as it was written.
// May touch: base, crypto's sha256, audit/chain.h; no database. Called by: `audit verify`, tests.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/chain.h"
#include "base/bytes.h"

namespace poolkey::audit {

/// Whether `signature` over `message` is by the key whose SPKI has the hex SHA-256 `signer`, and
/// that key is one trusted to sign audit checkpoints.
using Verifier = std::function<bool(ByteView message, ByteView signature, std::string_view signer)>;

struct Problem {
  enum class Kind {
    kEdited,        ///< an entry is not the one that was written
    kDropped,       ///< entries between others are gone
    kReordered,     ///< an entry stands elsewhere, or twice
    kMissing,       ///< the start of the log is gone, or an end that is known from elsewhere
    kBadSignature,  ///< a checkpoint that its signer did not sign
    kMalformed,     ///< a line that is no entry at all
  };
  std::int64_t seq;  ///< the first entry (or place) that is wrong
  Kind kind;
  std::string sentence;
};

/// "edited", "bad-signature".
std::string_view name(Problem::Kind kind) noexcept;

struct VerifyReport {
  std::int64_t entries = 0;              ///< good ones, up to the problem
  std::int64_t checkpoints = 0;          ///< with a good signature
  std::int64_t last_checkpoint_seq = 0;  ///< the entry up to which a signature vouches; 0: none
  std::int64_t unsigned_tail = 0;        ///< entries after that one, checkpoints not counted
  Head head;                             ///< of the good entries
  std::optional<Problem> problem;        ///< nothing: the log is whole
};

/// Reads the lines of an export. A log cut off at its end looks whole from inside, so heads known
/// from elsewhere (a witness, a token) can be handed in: the log must contain each.
VerifyReport verify(std::string_view jsonl, const Verifier& verifier,
                    const std::vector<Head>& expected = {});

}  // namespace poolkey::audit
