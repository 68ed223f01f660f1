#include "audit/chain.h"

#include "audit/entry.h"
#include "base/error.h"

namespace poolkey::audit {
namespace {

Head last_entry(store::Database& database) {
  const auto last =
      database.row("SELECT seq, entry, hash FROM audit_entry ORDER BY seq DESC LIMIT 1");
  if (!last) return {};
  Head head{last->integer("seq"), last->text("hash")};
  // Nothing is chained to an entry that has been tampered with or damaged.
  if (hash_of(last->text("entry")) != head.hash)
    throw Error(Errc::kCorrupt, "the audit log in '" + database.path().string() +
                                    "' has an entry (" + std::to_string(head.seq) +
                                    ") that is not as it was written: run 'poolkey audit verify', "
                                    "and keep the file as evidence");
  return head;
}

/// {"entry":E,"hash":"H"} and a line end.
std::string line_of(const store::Row& row) {
  return R"({"entry":)" + row.text("entry") + R"(,"hash":")" + row.text("hash") + "\"}\n";
}

Head append_one(store::Database& database, const Head& before, Time now, const Event& event) {
  const std::string line = write_entry({before.seq + 1, now, event}, before.hash);
  Head head{before.seq + 1, hash_of(line)};
  database.run(
      "INSERT INTO audit_entry (seq, phase, intent, entry, hash)"
      " VALUES (:seq, :phase, :intent, :entry, :hash)",
      {{"seq", head.seq},
       {"phase", std::string(name(event.phase))},
       {"intent", event.intent ? store::Param(*event.intent) : store::Param(nullptr)},
       {"entry", line},
       {"hash", head.hash}});
  return head;
}

}  // namespace

std::string checkpoint_message(const Head& head) {
  return "poolkey audit checkpoint v1\n" + std::to_string(head.seq) + "\n" + head.hash + "\n";
}

Head Chain::append(const Event& event) {
  store::Transaction transaction(database_);
  const Head head = append_one(database_, last_entry(database_), clock_.now(), event);
  transaction.commit();
  return head;
}

std::int64_t Chain::append_all(store::Transaction& /*held*/, std::span<const Event> events) {
  Head head = last_entry(database_);
  const std::int64_t first = head.seq + 1;
  for (const Event& event : events) head = append_one(database_, head, clock_.now(), event);
  return first;
}

Checkpoint Chain::checkpoint(const Signer& sign, std::string_view signer_spki_sha256,
                             std::string_view actor) {
  Checkpoint made{head(), {}, std::string(signer_spki_sha256)};
  if (made.head.seq == 0)
    throw Error(Errc::kInvalidArgument, "the audit log is empty: there is nothing to sign yet");
  made.signature = sign(view(checkpoint_message(made.head)));
  Event event;
  event.actor = actor;
  event.verb = "audit checkpoint";
  event.phase = Phase::kCheckpoint;
  event.detail["seq"] = made.head.seq;
  event.detail["head"] = made.head.hash;
  event.detail["signature"] = base64(made.signature);
  event.detail["signer"] = made.signer;
  append(event);
  return made;
}

Head Chain::head() { return last_entry(database_); }

std::vector<Entry> Chain::open_intents() {
  std::vector<Entry> out;
  for (const store::Row& row :
       database_.rows("SELECT entry FROM audit_entry WHERE phase = 'intent' AND NOT EXISTS"
                      " (SELECT 1 FROM audit_entry AS outcome"
                      " WHERE outcome.intent = audit_entry.seq) ORDER BY seq"))
    out.push_back(read_entry(row.text("entry")).entry);
  return out;
}

std::string Chain::export_jsonl() {
  std::string out;
  for (const store::Row& row : database_.rows("SELECT entry, hash FROM audit_entry ORDER BY seq"))
    out += line_of(row);
  return out;
}

std::vector<std::string> Chain::lines(std::int64_t after, std::size_t limit) {
  std::vector<std::string> out;
  for (const store::Row& row :
       database_.rows("SELECT entry, hash FROM audit_entry WHERE seq > :after ORDER BY seq"
                      " LIMIT :limit",
                      {{"after", after}, {"limit", static_cast<std::int64_t>(limit)}}))
    out.push_back(line_of(row));
  return out;
}

std::int64_t Chain::unsigned_entries() {
  return database_
      .row(
          "SELECT COUNT(*) AS n FROM audit_entry WHERE seq >"
          " (SELECT COALESCE(MAX(seq), 0) FROM audit_entry WHERE phase = 'checkpoint')")
      ->integer("n");
}

}  // namespace poolkey::audit
