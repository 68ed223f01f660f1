// The audit log: checked, exported, signed.
#include "audit/verify.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "keys/origin.h"
#include "keys/outside_head.h"

namespace poolkey::cli {
namespace {

constexpr std::size_t kMaxLog = std::size_t{1} << 30;

/// The one key that may sign checkpoints of this side's log, and the digest it signs with.
struct AuditSigner {
  crypto::PublicKey key;
  std::string_view digest;
};

AuditSigner signer_of(app::App& side) {
  if (side.config().side != app::Side::kMember && side.config().side != app::Side::kStation)
    return {keys::audit_signer(side.database()).public_key, "SHA384"};
  pool::MemberSide member{
      side.context(), side.mailbox(), side.config().pool.value(), side.config().member.value(), {}};
  return {pool::own_key(member, pool::OwnRole::kIdentity).public_key, "SHA256"};
}

/// Signer for a log that is checked without its database: the audit signer's certificate.
AuditSigner signer_in(const std::string& pem_file) {
  return {crypto::Certificate::from_pem(read_file(pem_file)).public_key(), "SHA384"};
}

audit::Head parse_head(const std::string& text) {
  const auto colon = text.find(':');
  if (colon == std::string::npos)
    throw Error(Errc::kInvalidArgument, "write --expect-head as SEQ:HASH");
  return {std::atoll(text.c_str()), text.substr(colon + 1)};
}

/// Heads from outside of the database, and where they are from.
struct KnownHeads {
  std::vector<audit::Head> heads;
  std::vector<std::string> sources;
  std::string not_asked;  ///< why the token was not asked
};

/// What a witness or a token says of the log; a line that the signer did not sign says nothing.
void add(KnownHeads& known, const std::vector<keys::OutsideHead>& found, const AuditSigner& signer,
         const std::string& source) {
  for (const keys::OutsideHead& outside : found) {
    const audit::Checkpoint& c = outside.checkpoint;
    if (c.signer != hex(signer.key.spki_sha256()) ||
        !signer.key.verify(signer.digest, view(audit::checkpoint_message(c.head)), c.signature))
      throw Error(Errc::kCorrupt, "a head in " + source + " (entry " + std::to_string(c.head.seq) +
                                      ") is not signed by the audit signer; somebody has written "
                                      "to it who should not");
    known.heads.insert(known.heads.end(), {c.head, outside.log});
  }
  if (!found.empty()) known.sources.push_back(source);
}

KnownHeads known_heads(Call& call, std::optional<app::App>& side, const AuditSigner& signer,
                       bool of_this_side) {
  KnownHeads out;
  if (const std::string head = call.arguments.one("--expect-head"); !head.empty()) {
    out.heads.push_back(parse_head(head));
    out.sources.emplace_back("--expect-head");
  }
  const auto witness =
      side && call.options.witness.empty() ? side->config().witness : call.options.witness;
  if (!witness.empty())
    add(out, keys::heads_in_witness(witness), signer, "'" + witness.string() + "'");
  if (!of_this_side) return out;
  try {
    side->open_token(app::LogCheck::kSkip);
    add(out, keys::heads_in_token(*side->context().token), signer, "the token");
  } catch (const Error& error) {
    const bool none = side->config().side == app::Side::kStation;
    if (!none && error.code() != Errc::kNotFound && !is_retryable(error.code())) throw;
    out.not_asked = error.what();
  }
  return out;
}

std::string listed(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

json::object report_json(const audit::VerifyReport& report, const KnownHeads& known) {
  json::array sources;
  for (const std::string& source : known.sources) sources.emplace_back(source);
  json::object out{{"entries", report.entries},
                   {"checkpoints", report.checkpoints},
                   {"last_checkpoint_seq", report.last_checkpoint_seq},
                   {"unsigned_tail", report.unsigned_tail},
                   {"head", std::to_string(report.head.seq) + ":" + report.head.hash},
                   {"compared_with", std::move(sources)}};
  if (report.problem)
    out["problem"] = json::object{{"seq", report.problem->seq},
                                  {"kind", std::string(name(report.problem->kind))},
                                  {"message", report.problem->sentence}};
  return out;
}

int audit_verify(Call& call) {
  std::optional<app::App> side;
  if (!call.options.home.empty()) side.emplace(call.options);
  const std::string file = call.arguments.one("FILE");
  const std::string certificate = call.arguments.one("--signer");
  if (!side && (file.empty() || certificate.empty()))
    throw Error(Errc::kInvalidArgument,
                "give --home, or a FILE and the audit signer's certificate by --signer");
  if (side) side->database().check();
  const AuditSigner signer = certificate.empty() ? signer_of(*side) : signer_in(certificate);
  const std::string lines =
      file.empty() ? side->context().audit.export_jsonl() : read_file(file, kMaxLog);
  const std::string signer_id = hex(signer.key.spki_sha256());
  const KnownHeads known = known_heads(call, side, signer, file.empty());
  const audit::VerifyReport report = audit::verify(
      lines,
      [&](ByteView message, ByteView signature, std::string_view who) {
        return who == signer_id && signer.key.verify(signer.digest, message, signature);
      },
      known.heads);
  call.out.result(report_json(report, known));
  if (report.problem) {
    call.out.say("NOT whole: " + report.problem->sentence);
    return exit_code(Errc::kCorrupt);
  }
  call.out.say("The log is whole: " + std::to_string(report.entries) + " entries, " +
               std::to_string(report.checkpoints) + " signed checkpoints, " +
               std::to_string(report.unsigned_tail) + " entries since the last one.");
  call.out.say(known.sources.empty()
                   ? "It was compared with no head from outside, so an end that was cut off would "
                     "not show."
                   : "It contains every head known to " + listed(known.sources) + ".");
  if (!known.not_asked.empty()) call.out.say("The token was not asked: " + known.not_asked);
  call.out.say("Head " + std::to_string(report.head.seq) + ":" + report.head.hash);
  return 0;
}

int audit_export(Call& call) {
  app::App side(call.options);
  const std::string lines = side.context().audit.export_jsonl();
  const std::string out = call.arguments.one("--out");
  if (out.empty())
    call.out.product(lines);
  else
    write_file(out, lines);
  const audit::Head head = side.context().audit.head();
  const std::string certificate = call.arguments.one("--signer-out");
  if (!certificate.empty())
    write_file(
        certificate,
        keys::origin_signer(side.database(), keys::OriginRole::kAuditSigner).certificate.pem());
  call.out.result({{"head", std::to_string(head.seq) + ":" + head.hash}});
  return 0;
}

int audit_checkpoint(Call& call) {
  app::App side(call.options);
  side.use_token();
  side.checkpoint();
  const audit::Head head = side.context().audit.head();
  call.out.say("The head is signed: " + std::to_string(head.seq) + ":" + head.hash);
  call.out.result({{"head", std::to_string(head.seq) + ":" + head.hash}});
  return 0;
}

int audit_resume(Call& call) {
  app::App side(call.options);
  side.open_token(app::LogCheck::kSkip);
  side.log_in(hsm::Role::kUser);
  const json::object floors =
      keys::resume_from_older_log(side.context(), call.arguments.one("--reason"));
  side.checkpoint();
  call.out.say("The log goes on from here, and says that what came after was lost.");
  call.out.say("Numbers go on far above those of then: " + json::compact(floors));
  call.out.say(
      "Keys and members that came after are not known here; 'pool challenge' and "
      "'pool collect' tell what the members hold.");
  call.out.result({{"floors", floors}});
  return 0;
}

}  // namespace

std::span<const Command> audit_commands() {
  static const auto& commands = *new std::vector<Command>{
      {"audit verify",
       "either",
       "check the audit log and name the first entry that is wrong",
       {{"FILE", "FILE", "an export instead of this side's database"},
        {"--signer", "FILE", "certificate of the audit signer (PEM), to check without a home"},
        {"--expect-head", "SEQ:HASH", "a head known from elsewhere that the log must contain"}},
       audit_verify},
      {"audit export",
       "either",
       "write the log, one JSON line an entry",
       {{"--out", "FILE", "write it here instead of to stdout"},
        {"--signer-out", "FILE", "write the audit signer's certificate here (origin)"}},
       audit_export},
      {"audit resume",
       "either",
       "go on from an older database, where the newer one is lost for good",
       {{"--reason", "TEXT", "why; it is recorded", true}},
       audit_resume},
      {"audit checkpoint", "either", "sign the head of the log in the token", {}, audit_checkpoint},
  };
  return commands;
}

}  // namespace poolkey::cli
