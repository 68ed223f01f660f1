#include "audit/verify.h"

#include <algorithm>
#include <set>
#include <vector>

#include "audit/entry.h"
#include "base/error.h"

namespace poolkey::audit {
namespace {

using Kind = Problem::Kind;

constexpr std::string_view kBefore = R"({"entry":)";
constexpr std::string_view kBetween = R"(,"hash":")";
constexpr std::string_view kAfter = "\"}";

struct Line {
  ReadEntry read;
  std::string actual;     // the hash of the entry as it stands
  std::string claimed;    // the hash that stands beside it
  std::string complaint;  // why it is no entry; empty if it is one
  std::int64_t seq() const { return read.entry.seq; }
};

/// The entry is cut out by its surroundings, not by a parser: its hash is that of its very octets.
Line read_line(std::string_view text) {
  Line line;
  const std::size_t frame = kBefore.size() + kBetween.size() + kNoHash.size() + kAfter.size();
  if (text.size() < frame || !text.starts_with(kBefore) || !text.ends_with(kAfter)) {
    line.complaint = "it is not of the form {\"entry\":...,\"hash\":\"...\"}";
    return line;
  }
  const std::string_view entry = text.substr(kBefore.size(), text.size() - frame);
  text.remove_prefix(kBefore.size() + entry.size());
  line.actual = hash_of(entry);
  line.claimed = text.substr(kBetween.size(), kNoHash.size());
  if (!text.starts_with(kBetween))
    line.complaint = "it is not of the form {\"entry\":...,\"hash\":\"...\"}";
  try {
    line.read = read_entry(entry);
  } catch (const Error& error) {
    line.complaint = error.what();
  }
  return line;
}

std::vector<Line> read_lines(std::string_view jsonl) {
  std::vector<Line> lines;
  while (!jsonl.empty()) {
    const std::size_t end = std::min(jsonl.find('\n'), jsonl.size());
    lines.push_back(read_line(jsonl.substr(0, end)));
    jsonl.remove_prefix(std::min(end + 1, jsonl.size()));
  }
  return lines;
}

std::string entry_name(std::int64_t seq) { return "entry " + std::to_string(seq); }

std::string range(std::int64_t first, std::int64_t last) {
  if (first == last) return entry_name(first);
  return "entries " + std::to_string(first) + " to " + std::to_string(last);
}

class Verification {
 public:
  Verification(std::vector<Line> lines, const Verifier& verifier)
      : lines_(std::move(lines)), verifier_(verifier) {}

  VerifyReport run(const std::vector<Head>& known_heads) {
    std::optional<Problem> problem;
    for (std::size_t i = 0; i < lines_.size() && !problem; ++i) {
      problem = find_misplaced(i);
      if (!problem && lines_[i].read.entry.event.phase == Phase::kCheckpoint)
        problem = find_unsigned(lines_[i]);
      if (!problem) hashes_.push_back(lines_[i].actual);
    }
    for (auto head = known_heads.begin(); head != known_heads.end() && !problem; ++head)
      problem = find_lost(*head);
    return report(std::move(problem));
  }

 private:
  std::int64_t expected() const { return static_cast<std::int64_t>(hashes_.size()) + 1; }
  std::string previous() const { return hashes_.empty() ? std::string(kNoHash) : hashes_.back(); }
  const std::string& hash_at(std::int64_t seq) const {
    return hashes_.at(static_cast<std::size_t>(seq - 1));
  }

  /// The first entry that is not vouched for by a checkpoint before `seq`.
  std::int64_t first_doubtful(std::int64_t seq) const {
    const auto next = vouched_.lower_bound(seq);
    return next == vouched_.begin() ? 1 : *std::prev(next) + 1;
  }

  /// Compares a line with the place it stands in.
  std::optional<Problem> find_misplaced(std::size_t i) const {
    const Line& line = lines_[i];
    const std::int64_t place = expected();
    if (!line.complaint.empty())
      return Problem{place, Kind::kMalformed,
                     "line " + std::to_string(i + 1) + ", where " + entry_name(place) +
                         " belongs, is no entry: " + line.complaint};
    const Line* next = i + 1 < lines_.size() ? &lines_[i + 1] : nullptr;
    // An edit may have changed the number as well: then the neighbours say whose place it is.
    const bool belongs_here = line.seq() == place || line.read.prev == previous() ||
                              (next != nullptr && next->seq() == place + 1);
    if (line.actual != line.claimed && belongs_here)
      return Problem{place, Kind::kEdited,
                     entry_name(place) + " was edited: its text does not have the hash it had"};
    if (line.seq() > place) return find_absent(i);
    if (line.seq() < place) {
      if (line.seq() >= 1 && line.actual == hash_at(line.seq()))
        return Problem{place, Kind::kReordered,
                       entry_name(line.seq()) + " stands a second time, where " +
                           entry_name(place) + " belongs"};
      return Problem{place, Kind::kEdited,
                     "where " + entry_name(place) + " belongs stands one that was never written, " +
                         "numbered " + std::to_string(line.seq())};
    }
    if (line.read.prev != previous()) return find_replaced(line, next);
    return std::nullopt;
  }

  /// A line with a number too high: the one that belongs here is further down, or gone.
  std::optional<Problem> find_absent(std::size_t i) const {
    const std::int64_t place = expected();
    const auto later = std::find_if(lines_.begin() + static_cast<std::ptrdiff_t>(i), lines_.end(),
                                    [&](const Line& l) { return l.seq() == place; });
    if (later != lines_.end())
      return Problem{place, Kind::kReordered,
                     entry_name(place) + " was moved: it stands in line " +
                         std::to_string(later - lines_.begin() + 1) + ", behind " +
                         entry_name(lines_[i].seq())};
    const std::string gone = range(place, lines_[i].seq() - 1);
    if (place == 1)
      return Problem{place, Kind::kMissing, "the start of the log is missing: " + gone};
    return Problem{place, Kind::kDropped,
                   gone + " dropped: after " + entry_name(place - 1) + " comes " +
                       entry_name(lines_[i].seq())};
  }

  /// Numbers that fit, and hashes that do not: this entry or the one before it has been written
  /// anew, with a fitting hash of its own. The next entry knows which.
  std::optional<Problem> find_replaced(const Line& line, const Line* next) const {
    const std::int64_t place = expected();
    const bool this_one =
        place == 1 || vouched_.contains(place - 1) ||
        (next != nullptr && next->seq() == place + 1 && next->read.prev != line.actual);
    const std::int64_t seq = this_one ? place : place - 1;
    return Problem{seq, Kind::kEdited,
                   entry_name(seq) + " was edited and given a new hash: " +
                       (this_one ? "it is not chained to the entry before it"
                                 : "the entry after it is chained to another")};
  }

  std::optional<Problem> find_unsigned(const Line& line) {
    const std::int64_t place = expected();
    Head head;
    Bytes signature;
    std::string signer;
    try {
      const json::object& detail = line.read.entry.event.detail;
      head.seq = json::integer(detail, "seq", "a checkpoint");
      head.hash = json::text(detail, "head", "a checkpoint");
      signature = from_base64(json::text(detail, "signature", "a checkpoint"));
      signer = json::text(detail, "signer", "a checkpoint");
    } catch (const Error& error) {
      return Problem{place, Kind::kMalformed,
                     entry_name(place) + " is no checkpoint: " + error.what()};
    }
    if (!verifier_(view(checkpoint_message(head)), signature, signer))
      return Problem{place, Kind::kBadSignature,
                     entry_name(place) + " is a checkpoint without a good signature of the audit " +
                         "key it names (" + signer.substr(0, 64) + ")"};
    const std::int64_t first = first_doubtful(head.seq);
    if (head.seq >= place)
      return Problem{first, Kind::kDropped,
                     "the checkpoint in " + entry_name(place) + " signs entry " +
                         std::to_string(head.seq) + ": entries before it, from " +
                         entry_name(first) + " on, were dropped and the rest numbered anew"};
    if (head.seq < 1 || hash_at(head.seq) != head.hash)
      return Problem{first, Kind::kEdited,
                     "the checkpoint in " + entry_name(place) + " signs another log: among " +
                         range(first, head.seq) + " at least one was edited, and all after it " +
                         "were given new hashes"};
    vouched_.insert(head.seq);
    ++checkpoints_;
    return std::nullopt;
  }

  std::optional<Problem> find_lost(const Head& head) const {
    const std::int64_t last = expected() - 1;
    if (head.seq > last)
      return Problem{expected(), Kind::kMissing,
                     range(expected(), head.seq) +
                         " missing: the log ends before what is known to " +
                         "have been written; its end was cut off, or an older copy was restored"};
    if (head.seq < 1 || hash_at(head.seq) == head.hash) return std::nullopt;
    const std::int64_t first = first_doubtful(head.seq);
    return Problem{first, Kind::kEdited,
                   "this is not the log whose head is known from elsewhere: among " +
                       range(first, head.seq) + " at least one was edited, and all after it " +
                       "were given new hashes"};
  }

  VerifyReport report(std::optional<Problem> problem) const {
    VerifyReport out;
    out.entries = expected() - 1;
    if (problem) out.entries = std::min(out.entries, problem->seq - 1);
    if (out.entries > 0) out.head = {out.entries, hash_at(out.entries)};
    out.checkpoints = checkpoints_;
    out.last_checkpoint_seq = vouched_.empty() ? 0 : *vouched_.rbegin();
    for (std::int64_t seq = out.last_checkpoint_seq + 1; seq <= out.entries; ++seq)
      if (lines_[static_cast<std::size_t>(seq - 1)].read.entry.event.phase != Phase::kCheckpoint)
        ++out.unsigned_tail;
    out.problem = std::move(problem);
    return out;
  }

  std::vector<Line> lines_;
  const Verifier& verifier_;
  std::vector<std::string> hashes_;  // of the good entries, in order
  std::set<std::int64_t> vouched_;   // entries that a good checkpoint signs
  std::int64_t checkpoints_ = 0;
};

}  // namespace

std::string_view name(Problem::Kind kind) noexcept {
  switch (kind) {
    case Kind::kEdited:
      return "edited";
    case Kind::kDropped:
      return "dropped";
    case Kind::kReordered:
      return "reordered";
    case Kind::kMissing:
      return "missing";
    case Kind::kBadSignature:
      return "bad-signature";
    case Kind::kMalformed:
      return "malformed";
  }
  return "";
}

VerifyReport verify(std::string_view jsonl, const Verifier& verifier,
                    const std::vector<Head>& expected) {
  return Verification(read_lines(jsonl), verifier).run(expected);
}

}  // namespace poolkey::audit
