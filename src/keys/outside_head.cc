#include "keys/outside_head.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <sstream>
#include <thread>

#include "base/file.h"
#include "base/log.h"
#include "hsm/object.h"
#include "keys/number.h"

namespace poolkey::keys {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLabel = "poolkey-audit-head";
constexpr std::string_view kContext = "poolkey audit head v1";
constexpr std::size_t kMaxWitness = std::size_t{1} << 30;

std::string line_of(const OutsideHead& head) {
  return json::compact(json::object{{"context", kContext},
                                    {"seq", head.checkpoint.head.seq},
                                    {"head", head.checkpoint.head.hash},
                                    {"signature", base64(head.checkpoint.signature)},
                                    {"signer", head.checkpoint.signer},
                                    {"log_seq", head.log.seq},
                                    {"log_head", head.log.hash}});
}

OutsideHead head_of(std::string_view line, const std::string& what) {
  const json::value document = json::parse(line, what);
  const json::object& read = json::as_object(document, what);
  if (json::text(read, "context", what) != kContext)
    throw Error(Errc::kCorrupt, what + " is no head of an audit log");
  return {{{json::integer(read, "seq", what), json::text(read, "head", what)},
           from_base64(json::text(read, "signature", what)),
           json::text(read, "signer", what)},
          {json::integer(read, "log_seq", what), json::text(read, "log_head", what)}};
}

hsm::Template head_objects() {
  hsm::Template t;
  t.set(CKA_CLASS, CK_ULONG{CKO_DATA}).set(CKA_LABEL, std::string(kLabel));
  return t;
}

/// What tokens say that hold no data objects.
bool means_no_data_objects(const Error& error) {
  constexpr std::array kCodes{CKR_ATTRIBUTE_VALUE_INVALID, CKR_ATTRIBUTE_TYPE_INVALID,
                              CKR_TEMPLATE_INCONSISTENT, CKR_TEMPLATE_INCOMPLETE,
                              CKR_FUNCTION_NOT_SUPPORTED};
  return error.ckr() && std::ranges::find(kCodes, *error.ckr()) != kCodes.end();
}

/// The new head first, then the old ones away: a crash in between leaves both, and both are true.
void put_in_token(hsm::Token& token, const OutsideHead& head) {
  const auto turn = token.writing();
  for (const OutsideHead& there : heads_in_token(token))
    if (there.log.seq > head.log.seq) return;  // another process was later, and quicker
  const hsm::Lease lease = token.lease();
  const std::vector<CK_OBJECT_HANDLE> before = hsm::find_objects(*lease, head_objects());
  try {
    hsm::create_token_object(*lease, head_objects()
                                         .set(CKA_PRIVATE, false)
                                         .set(CKA_APPLICATION, "poolkey")
                                         .set(CKA_VALUE, view(line_of(head))));
  } catch (const Error& error) {
    if (!means_no_data_objects(error)) throw;
    log("keys").debug("{} holds no data objects: the head of the audit log is not in it",
                      token.name().str());
    return;
  }
  for (const CK_OBJECT_HANDLE old : before) hsm::destroy_object(*lease, old);
  token.module().sync();
}

void append_to_witness(const fs::path& file, const OutsideHead& head) {
  const std::string line = line_of(head) + "\n";
  const int fd = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  const bool written = fd >= 0 &&
                       ::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()) &&
                       ::fsync(fd) == 0;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (!written)
    throw Error(Errc::kUnavailable,
                "what was asked for is done, but its record could not be left in the witness file "
                "'" +
                    file.string() + "' (" + std::strerror(error) +
                    "); mend that and run 'poolkey audit checkpoint'");
}

/// Whether the log has this entry with this hash.
bool has_entry(store::Database& database, const audit::Head& head) {
  const auto row =
      database.row("SELECT hash FROM audit_entry WHERE seq = :seq", {{"seq", head.seq}});
  return row && row->text("hash") == head.hash;
}

}  // namespace

namespace {

/// Another process, such as a running service, may be signing the head just now: that takes
/// milliseconds.
store::Operation begin_in_turn(Context& context, const std::string& signer_spki_sha256) {
  constexpr int kTries = 200;
  constexpr std::chrono::milliseconds kNap{50};
  for (int tries = 1;; ++tries) {
    try {
      return context.journal.begin("audit checkpoint", signer_spki_sha256,
                                   context.audit.head().hash);
    } catch (const Error& error) {
      if (error.code() != Errc::kConflict || tries == kTries) throw;
      std::this_thread::sleep_for(kNap);
    }
  }
}

}  // namespace

void checkpoint(Context& context, const audit::Signer& sign,
                const std::string& signer_spki_sha256) {
  store::Operation operation = begin_in_turn(context, signer_spki_sha256);
  const OutsideHead made =
      head_of(operation.step("sign",
                             [&] {
                               const audit::Checkpoint signed_head = context.audit.checkpoint(
                                   sign, signer_spki_sha256, context.actor);
                               return line_of({signed_head, context.audit.head()});
                             }),
              "the step of a checkpoint");
  operation.step("token", [&]() -> std::string {
    if (!context.token) return "there is none";  // at a delivery station
    put_in_token(*context.token, made);
    return "done";
  });
  operation.step("witness", [&]() -> std::string {
    if (!context.witness.empty()) append_to_witness(context.witness, made);
    return "done";
  });
  operation.finish();
}

std::vector<OutsideHead> heads_in_token(hsm::Token& token) {
  const hsm::Lease lease = token.lease();
  std::vector<OutsideHead> out;
  for (const CK_OBJECT_HANDLE object : hsm::find_objects(*lease, head_objects()))
    if (const auto value = hsm::read_bytes(*lease, object, CKA_VALUE))
      out.push_back(head_of(to_text(*value), "the data object '" + std::string(kLabel) + "' in " +
                                                 token.name().str()));
  return out;
}

std::vector<OutsideHead> heads_in_witness(const fs::path& file) {
  std::istringstream lines(read_file(file, kMaxWitness));
  std::vector<OutsideHead> out;
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::string what = "line " + std::to_string(++number) + " of '" + file.string() + "'";
    try {
      out.push_back(head_of(line, what));
    } catch (const Error& error) {
      throw Error(Errc::kCorrupt, what + " is no head of an audit log: " + error.what());
    }
  }
  return out;
}

json::object resume_from_older_log(Context& context, const std::string& reason) {
  json::array lost;
  for (const OutsideHead& outside : heads_in_token(*context.token))
    if (!has_entry(context.database, outside.log))
      lost.emplace_back(std::to_string(outside.log.seq) + ":" + outside.log.hash);
  if (lost.empty())
    throw Error(Errc::kConflict, "the audit log has every head that " +
                                     context.token->name().str() +
                                     " knows: it is not an older one, and nothing was given up");
  json::object floors;
  record(context, "audit resume", context.token->info().label, "", nullptr, [&]() -> json::object {
    store::Transaction transaction(context.database);
    for (const store::PendingOperation& left : context.journal.pending())
      context.journal.settle(left.verb, left.subject);
    floors = raise_floors(context.database, context.clock.now());
    transaction.commit();
    return {{"reason", reason}, {"lost_heads", lost}, {"floors", floors}};
  });
  const auto turn = context.token->writing();
  const hsm::Lease lease = context.token->lease();
  for (const CK_OBJECT_HANDLE object : hsm::find_objects(*lease, head_objects()))
    hsm::destroy_object(*lease, object);
  return floors;
}

void require_no_older_log(Context& context) {
  for (const OutsideHead& outside : heads_in_token(*context.token)) {
    if (has_entry(context.database, outside.log)) continue;
    const audit::Head here = context.audit.head();
    throw Error(Errc::kCorrupt,
                "the database '" + context.database.path().string() + "' is not the one that " +
                    context.token->name().str() + " was last used with: the token knows entry " +
                    std::to_string(outside.log.seq) + " of the audit log, and the log " +
                    (outside.log.seq > here.seq ? "ends at entry " + std::to_string(here.seq)
                                                : "has another entry of that number") +
                    ". An older copy was restored, or its end was cut off; nothing was done. Put "
                    "the newest database back, or see 'poolkey audit resume --help'");
  }
}

}  // namespace poolkey::keys
