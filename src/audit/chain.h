// The audit log: an append-only hash chain in the database, with signed checkpoints.
// May touch: base, crypto's sha256, store, and a signing function handed in. Called by: Scope, and
// app for checkpoints and exports.
//
// An entry is one line of compact JSON with the members seq, prev, time, actor, verb, phase,
// subject, rule, result, operation, intent and detail, in this order. Its hash is the SHA-256 of
// exactly these octets; `prev` is the hash of the entry before it (64 zeros for the first). A
// checkpoint is an entry whose detail is {seq, head, signature, signer}: a signature over
// checkpoint_message(seq, head), which vouches for every entry up to and including seq.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "audit/event.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "store/sql.h"

namespace poolkey::audit {

/// Signs a message (an HSM does) and returns the signature.
using Signer = std::function<Bytes(ByteView message)>;

/// `prev` of the first entry.
inline constexpr std::string_view kNoHash =
    "0000000000000000000000000000000000000000000000000000000000000000";

/// The end of a log: the number and hash of its last entry.
struct Head {
  std::int64_t seq = 0;
  std::string hash{kNoHash};
  bool operator==(const Head&) const = default;
};

/// A signed head, for a place outside the database as well (a token, a witness).
struct Checkpoint {
  Head head;
  Bytes signature;
  std::string signer;  ///< hex SHA-256 of the signing key's SPKI
};

/// "poolkey audit checkpoint v1\n<seq>\n<hash>\n": what a checkpoint signs.
std::string checkpoint_message(const Head& head);

class Chain {
 public:
  Chain(store::Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  /// Appends one entry, durably, and returns the new head. Safe among processes; never called with
  /// a store::Transaction open. Throws kCorrupt if the entry before it is not as it was written.
  Head append(const Event& event);
  /// The same for several, one after the other, in a transaction that the caller commits: what they
  /// tell of and they themselves are durable together. Gives the number of the first.
  std::int64_t append_all(store::Transaction& transaction, std::span<const Event> events);

  /// Has the present head signed and appends that. The signer runs outside of any transaction, so
  /// entries of other processes may come in between: they wait for the next one. Throws
  /// kInvalidArgument where there is nothing to sign yet.
  Checkpoint checkpoint(const Signer& sign, std::string_view signer_spki_sha256,
                        std::string_view actor);

  /// Seq 0 and kNoHash for an empty log.
  Head head();

  /// How many entries there are after the newest checkpoint.
  std::int64_t unsigned_entries();
  /// Up to `limit` lines as export_jsonl() has them, of the entries after `after`.
  std::vector<std::string> lines(std::int64_t after, std::size_t limit);

  /// Intents that have no outcome: acts that are running, or were interrupted.
  std::vector<Entry> open_intents();

  /// The whole log, one line an entry: {"entry":E,"hash":"H"}, where H is the SHA-256 of the
  /// octets E as they stand. So anybody checks it:
  ///   sed -n '1s/^{"entry":\(.*\),"hash":"[0-9a-f]*"}$/\1/p' audit.jsonl | tr -d '\n' | sha256sum
  std::string export_jsonl();

 private:
  store::Database& database_;
  const Clock& clock_;
};

}  // namespace poolkey::audit
