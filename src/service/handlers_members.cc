// What members' agents ask: enrolment with a one-time code, then their own documents, receipts,
// challenges, reports and certificates, by the identity that was enrolled.
#include <algorithm>

#include "app/view.h"
#include "base/file.h"
#include "crypto/digest.h"
#include "pool/agent_report.h"
#include "pool/enrol.h"
#include "pool/invitation.h"
#include "pool/prove.h"
#include "requests/ca/client.h"
#include "rollover/repository.h"
#include "service/handlers.h"
#include "service/problem.h"

namespace poolkey::service {
namespace {

namespace fs = std::filesystem;
using policy::AccessAction;

constexpr std::string_view kDocumentType = "application/cms";
/// How long a member whose certificate has ended may still ask for another one.
constexpr Days kLateRenewal{90};
/// A challenge that was not answered for so long may have been lost on its way.
constexpr std::chrono::minutes kOpenChallenge{1};
/// Documents up to this size are given with the list where that is asked for.
constexpr std::size_t kLargestInList = 64U << 10;

pool::Invitee invitee_of(const Call& call) {
  return {pool::InvitationKind::kMember, call.pool().str(), call.member().str()};
}

std::string_view code_of(const Call& call) {
  constexpr std::string_view kBearer = "Bearer ";
  const std::string_view given = call.request.header("authorization");
  if (!given.starts_with(kBearer))
    throw HttpError(401, "this call needs a one-time code", {{"www-authenticate", "Bearer"}},
                    Errc::kDenied);
  return given.substr(kBearer.size());
}

/// A member that is enrolled, or was and may still answer; and is the one who asks: a certificate
/// of a token that it had before is of no use.
pool::Member caller(Call& call) {
  pool::Member m = pool::member_or_former(call.side.database(), call.pool(), call.member());
  const auto shown = crypto::Certificate::from_der(call.request.peer.certificate);
  if (!m.enrolled || !(m.identity.value() == shown.public_key()))
    throw Error(Errc::kDenied, "this certificate is not for the key that '" + m.name.str() +
                                   "' of pool '" + call.pool().str() + "' is enrolled with");
  return m;
}

// --- enrolment ---

Response ask_for_enrolment(Call& call) {
  const PoolName pool = call.pool();
  const MemberName name = call.member();
  const std::string_view code = code_of(call);
  const std::string& document = call.request.body;
  const std::string fingerprint = hex(crypto::sha256(view(document)));
  const pool::PendingEnrolment pending = pool::checked_enrolment(document, "the body", pool, name);
  pool::redeem(call.context(), invitee_of(call), code, fingerprint);
  const pool::Member known = pool::member(call.side.database(), pool, name);
  const bool admitted = known.enrolled && known.fingerprint == fingerprint;
  if (known.enrolled && !admitted)
    throw Error(Errc::kAlreadyExists, "member '" + name.str() +
                                          "' is enrolled with other keys; it has to be evicted "
                                          "before it is enrolled anew");
  if (!admitted) pool::post_enrolment(call.side.mailbox(), pool, name, document);
  return json_response(
      {{"fingerprint", hex(pending.fingerprint)}, {"state", admitted ? "admitted" : "pending"}},
      202);
}

std::string certificate_pem(const requests::ClientCertificate& made) {
  return made.issued.pem + app::pem_of(made.chain);
}

Response enrolment_state(Call& call) {
  const PoolName pool = call.pool();
  const MemberName name = call.member();
  store::Database& database = call.side.database();
  const pool::Invitation invitation =
      pool::invitation_of(database, invitee_of(call), code_of(call), call.context().clock.now());
  if (invitation.bound_to.empty())
    throw Error(Errc::kNotFound, "no enrolment was asked for with this code yet");
  const pool::Member known = pool::member(database, pool, name);
  json::object out{{"fingerprint", invitation.bound_to}, {"state", "pending"}};
  const fs::path confirmation =
      call.side.mailbox().to_member(pool, name, std::string(pool::kConfirmationFile));
  const bool confirmed =
      known.enrolled && known.fingerprint == invitation.bound_to && fs::exists(confirmation);
  if (confirmed) {
    out["state"] = "admitted";
    out["confirmation"] = base64(view(read_file(confirmation)));
    out["certificate"] = certificate_pem(
        requests::member_certificate(call.context(), requests::ca_config(database), pool, name));
  }
  return tagged_response(call.request, out);
}

// --- documents ---

Response list_documents(Call& call) {
  (void)caller(call);
  const pool::Mailbox mailbox = call.side.mailbox();
  const fs::path folder = mailbox.to_member(call.pool(), call.member(), "");
  const std::int64_t before = folder_time(folder);
  const bool with_content = call.query("content").has_value();
  json::array list;
  for (const fs::path& file : mailbox.for_member(call.pool(), call.member(), "")) {
    std::string octets;
    try {
      octets = read_file(file);
    } catch (const Error& error) {
      if (error.code() == Errc::kNotFound) continue;  // taken meanwhile
      throw;
    }
    json::object one{{"name", file.filename().string()},
                     {"sha256", hex(crypto::sha256(view(octets)))},
                     {"size", static_cast<std::int64_t>(octets.size())}};
    if (with_content && octets.size() <= kLargestInList) one["content"] = base64(view(octets));
    list.emplace_back(std::move(one));
  }
  Response out = tagged_response(call.request, json::object{{"documents", std::move(list)}});
  out.watch = folder;
  out.watch_time = before;
  return out;
}

/// The file of a document of the caller's. Throws kNotFound.
fs::path document_file(Call& call) {
  const std::string& name = call.parameter("document");
  for (const fs::path& file : call.side.mailbox().for_member(call.pool(), call.member(), name))
    if (file.filename() == name) return file;
  throw Error(Errc::kNotFound,
              "there is no document '" + name + "' for '" + call.member().str() + "'");
}

Response give_document(Call& call) {
  (void)caller(call);
  return tagged_octets(call.request, std::string(kDocumentType), read_file(document_file(call)));
}

/// A member keeps no envelopes, and nor does its mailbox once they are taken.
Response take_document(Call& call) {
  (void)caller(call);
  const fs::path file = document_file(call);
  if (!call.parameter("document").starts_with("envelope."))
    throw Error(Errc::kInvalidArgument, "only envelopes are taken; other documents stay");
  const std::string_view wanted = call.request.header("if-match");
  if (wanted.empty()) throw HttpError(428, "say by If-Match which envelope was taken");
  if (wanted != "\"" + hex(crypto::sha256(view(read_file(file)))) + "\"")
    throw HttpError(412, "another envelope lies there now", {}, Errc::kConflict);
  remove_file(file);
  return {.status = 204, .content_type = {}};
}

// --- proof ---

/// An envelope whose replica has been proven is not needed any more.
void drop_envelopes(Call& call, const pool::Collected& taken) {
  for (const pool::Receipt& r : taken.receipts)
    if (r.present)
      remove_file(call.side.mailbox().to_member(call.pool(), taken.member,
                                                "envelope." + r.key.str() + ".cms"));
}

/// Pool work looks at every member, so it is not done for news that change nothing.
bool calls_for_work(Call& call, const pool::Collected& taken) {
  const bool lost = std::ranges::any_of(taken.receipts, [](const auto& r) { return !r.present; });
  return lost || (!taken.receipts.empty() &&
                  rollover::waits_for_receipts(call.side.database(), call.pool()));
}

/// A pool answers within seconds: what each answer would cost alone is shared.
std::vector<Response> take_receipts(std::span<Call> calls) {
  std::vector<Response> out(calls.size());
  std::vector<std::size_t> which;
  std::vector<pool::Answer> answers;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    Call& call = calls[i];
    try {
      answers.push_back({call.pool(), caller(call), call.request.body, call.actor, call.rule});
      which.push_back(i);
    } catch (const Error& error) {
      out[i] = refusal(call.shared, call.request, error);
    }
  }
  if (answers.empty()) return out;
  const auto taken = pool::take_answers(calls.front().context(), answers);
  for (std::size_t k = 0; k < which.size(); ++k) {
    Call& call = calls[which[k]];
    if (const auto* error = std::get_if<Error>(&taken[k])) {
      out[which[k]] = refusal(call.shared, call.request, *error);
      continue;
    }
    const auto& collected = std::get<pool::Collected>(taken[k]);
    drop_envelopes(call, collected);
    if (calls_for_work(call, collected)) call.shared.wake_pool_work(call.pool());
    out[which[k]] =
        json_response({{"taken", static_cast<std::int64_t>(collected.receipts.size())}});
  }
  return out;
}

/// One that was asked just now and has not answered yet is not asked again.
bool is_asked(Call& call) {
  const auto open = pool::newest_challenge(call.side.database(), call.pool(), call.member());
  return open && !open->answered_at &&
         call.context().clock.now() - parse_rfc3339(open->issued_at) < kOpenChallenge;
}

Response ask_for_challenge(Call& call) {
  (void)caller(call);
  const bool asked = is_asked(call);
  if (!asked)
    (void)pool::issue_challenges(call.context(), call.side.mailbox(), call.pool(), {call.member()});
  return json_response({{"asked", !asked}}, 202);
}

Response take_report(Call& call) {
  const pool::Member m = caller(call);
  constexpr std::string_view kWhat = "the report";
  const json::object said = call.document();
  const Time now = call.context().clock.now();
  pool::keep_report(call.side.database(), call.pool(), m.name,
                    {.received = now,
                     .skew = parse_rfc3339(json::text(said, "clock", kWhat)) - now,
                     .agent = json::text(said, "agent", kWhat),
                     .note = json::text(said, "note", kWhat)});
  return {.status = 204, .content_type = {}};
}

Response renew_certificate(Call& call) {
  (void)caller(call);
  const auto shown = crypto::Certificate::from_der(call.request.peer.certificate);
  if (shown.not_after() + kLateRenewal < call.context().clock.now())
    throw HttpError(401,
                    "the client certificate ended more than " +
                        std::to_string(kLateRenewal.count()) + " days ago; a new one needs a code",
                    {}, Errc::kDenied);
  const auto made = requests::member_certificate(
      call.context(), requests::ca_config(call.side.database()), call.pool(), call.member(),
      call.query("force") ? requests::Renewal::kNow : requests::Renewal::kWhenDue);
  return json_response({{"certificate", certificate_pem(made)}});
}

}  // namespace

std::span<const Route> member_routes() {
  static const auto& routes = *new std::vector<Route>{
      {.method = "POST",
       .path = "/v1/pools/{pool}/members/{member}/enrolment",
       .access = Access::kCode,
       .action = AccessAction::kEnrolmentSubmit,
       .summary = "Asks for enrolment with a one-time code",
       .body = json_body("SignedStatement"),
       .repeat = Repeat::kIdempotent,
       .answer = "EnrolmentState",
       .handle = ask_for_enrolment},
      {.method = "GET",
       .path = "/v1/pools/{pool}/members/{member}/enrolment",
       .access = Access::kCode,
       .action = AccessAction::kEnrolmentRead,
       .summary = "Whether the member was admitted; then the confirmation and its certificate",
       .answer = "EnrolmentState",
       .handle = enrolment_state},
      {.method = "GET",
       .path = "/v1/pools/{pool}/members/{member}/documents",
       .action = AccessAction::kDocumentRead,
       .summary = "What lies here for the member, with ?content the octets too; by Prefer: "
                  "wait=N once that changes",
       .answer = "DocumentList",
       .handle = list_documents},
      {.method = "GET",
       .path = "/v1/pools/{pool}/members/{member}/documents/{document}",
       .action = AccessAction::kDocumentRead,
       .summary = "One document, as the origin signed it",
       .handle = give_document},
      {.method = "DELETE",
       .path = "/v1/pools/{pool}/members/{member}/documents/{document}",
       .action = AccessAction::kDocumentTake,
       .summary = "The member has opened this envelope (If-Match: its SHA-256)",
       .repeat = Repeat::kIdempotent,
       .handle = take_document},
      {.method = "PUT",
       .path = "/v1/pools/{pool}/members/{member}/receipts",
       .action = AccessAction::kReceiptSubmit,
       .summary = "The member's answer to its challenge",
       .body = json_body("Receipts", 1U << 20),
       .repeat = Repeat::kIdempotent,
       .answer = "Taken",
       .together = take_receipts},
      {.method = "POST",
       .path = "/v1/pools/{pool}/members/{member}/challenge",
       .action = AccessAction::kChallengeAsk,
       .summary = "Asks for a challenge, because the member holds something else than it proved",
       .repeat = Repeat::kIdempotent,
       .answer = "AskedOne",
       .handle = ask_for_challenge},
      {.method = "PUT",
       .path = "/v1/pools/{pool}/members/{member}/report",
       .action = AccessAction::kReportSubmit,
       .summary = "The member's clock, its agent's version, what it could not do",
       .body = json_body("Report"),
       .repeat = Repeat::kIdempotent,
       .handle = take_report},
      {.method = "POST",
       .path = "/v1/pools/{pool}/members/{member}/certificate",
       .action = AccessAction::kIdentityRenew,
       .summary = "A client certificate for the same key; with ?force also before it is due",
       .repeat = Repeat::kIdempotent,
       .query = "force",
       .answer = "MemberCertificate",
       .handle = renew_certificate},
  };
  return routes;
}

}  // namespace poolkey::service
