// The verbs of a member, and the origin's answer to an enrolment.
#include "cli/command.h"
#include "cli/exit_code.h"
#include "keys/origin.h"
#include "keys/possession.h"
#include "pool/deliver.h"
#include "pool/enrol.h"
#include "pool/prove.h"
#include "pool/suite.h"

namespace poolkey::cli {
namespace {

/// A member's side, or a standby's, with its token in use.
struct MemberCall {
  explicit MemberCall(Call& call) : side(call.options) {
    if (side.config().side != app::Side::kStandby) side.require(app::Side::kMember);
    side.use_token();
  }
  app::App side;
};

/// What a person has to know who admits a member without a token.
constexpr std::string_view kSoftware =
    "Its keys are in SOFTWARE, at a delivery station: no HSM guards what is released to it.";

/// What a token cannot be relied on for.
void say_token(Call& call, const pool::TokenReport& token) {
  if (token.software) call.out.say(kSoftware);
  json::array suites, not_told, not_enforced;
  for (const std::string& word : token.suites) suites.emplace_back(word);
  for (const std::string& word : token.not_kept) not_told.emplace_back(word);
  for (const std::string& word : token.not_enforced) not_enforced.emplace_back(word);
  if (!token.not_kept.empty())
    call.out.say("The token does not tell " + listed(token.not_kept) + ".");
  if (!token.not_enforced.empty())
    call.out.say("The token does not enforce " + listed(token.not_enforced) +
                 ": who has its PIN can take a key away.");
  call.out.result({{"token", json::object{{"keys_in", token.software ? "software" : "token"},
                                          {"suites", std::move(suites)},
                                          {"attributes_not_told", std::move(not_told)},
                                          {"protections_not_enforced", std::move(not_enforced)}}}});
}

int member_enrol(Call& call) {
  MemberCall m(call);
  pool::MemberSide side = m.side.member();
  const Bytes fingerprint = pool::request_enrolment(side);
  m.side.checkpoint();
  call.out.say("The enrolment request of '" + side.name.str() +
               "' is in the mailbox. Its fingerprint, to be read");
  call.out.say("out to the origin's operator (SHA-256):");
  call.out.say("  " + fingerprint_text(fingerprint));
  call.out.result({{"member", side.name.str()}, {"fingerprint", hex(fingerprint)}});
  return 0;
}

int member_confirm(Call& call) {
  MemberCall m(call);
  pool::MemberSide side = m.side.member();
  const crypto::Certificate root =
      pool::confirm_enrolment(side, from_hex(call.arguments.one("--root-fingerprint")));
  m.side.checkpoint();
  call.out.say("'" + side.name.str() + "' is enrolled and has pinned the root '" + root.subject() +
               "'.");
  call.out.result({{"member", side.name.str()}, {"root_sha256", hex(root.sha256())}});
  return 0;
}

int member_receive(Call& call) {
  MemberCall m(call);
  pool::MemberSide side = m.side.member();
  return receive_and_say(call, m.side, side);
}

int member_prove(Call& call) {
  MemberCall m(call);
  pool::MemberSide side = m.side.member();
  return prove_and_say(call, m.side, side);
}

int member_status(Call& call) {
  MemberCall m(call);
  pool::MemberSide side = m.side.member();
  const pool::Statement statement = pool::held_statement(side);
  const hsm::Lease lease = side.context.token->lease();
  std::vector<std::vector<std::string>> rows;
  json::array list;
  bool whole = true;
  for (const pool::Statement::Version& v : statement.versions) {
    // Attributes can be read from a token that is gone; only a signature tells.
    const bool present = keys::find_possessed(*lease, v.public_key, v.id).has_value();
    const bool retired = !v.retired.empty();
    const bool in_force = home::is_in_force(statement, v, side.context.clock.now());
    whole = whole && present != retired;
    const std::string state =
        std::string(present ? "present" : "absent") + (retired ? ", " + v.retired : "");
    rows.push_back({v.key.str(), state, in_force ? "yes" : "no",
                    v.effective ? rfc3339(*v.effective) : "",
                    hex(v.public_key.spki_sha256()).substr(0, 16)});
    json::object one{{"key", v.key.str()},
                     {"state", present ? "present" : "absent"},
                     {"in_force", in_force},
                     {"retired", v.retired},
                     {"spki_sha256", hex(v.public_key.spki_sha256())}};
    if (v.effective) one["effective"] = rfc3339(*v.effective);
    list.emplace_back(std::move(one));
  }
  call.out.say("Member '" + side.name.str() + "' of pool '" + side.pool.str() +
               "', by its statement " + std::to_string(statement.sequence) + ":");
  call.out.table({"KEY", "REPLICA", "IN FORCE", "SINCE", "SPKI SHA-256"}, rows);
  if (side.context.token->module().has_profile())
    say_token(call, pool::report_of(*side.context.token));
  call.out.result({{"member", side.name.str()}, {"keys", std::move(list)}});
  return whole ? 0 : kExitDifferences;
}

int enrolment_show(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  const pool::PendingEnrolment pending =
      pool::pending_enrolment(side.mailbox(), PoolName(call.arguments.one("--pool")),
                              MemberName(call.arguments.one("MEMBER")));
  call.out.say("Request of '" + pending.request.member.member.str() + "', " +
               (pending.request.token.software ? "a member without a token"
                                               : "token '" + pending.request.token_label + "'") +
               " (serial " + pending.request.member.token_serial + "). Fingerprint (SHA-256):");
  call.out.say("  " + fingerprint_text(pending.fingerprint));
  say_token(call, pending.request.token);
  call.out.result({{"member", pending.request.member.member.str()},
                   {"token_serial", pending.request.member.token_serial},
                   {"fingerprint", hex(pending.fingerprint)}});
  return 0;
}

/// Nobody admits a member without a token by oversight, nor takes one for such.
void expect_software(Call& call, const pool::EnrolmentRequest& request) {
  const bool said = call.arguments.has("--software");
  if (said == request.token.software) return;
  const std::string member = "member '" + request.member.member.str() + "'";
  throw Error(Errc::kDenied,
              said ? member + " has a token, by its request; leave out --software"
                   : member +
                         " has no token: its keys are in software, at a delivery station, and "
                         "no HSM guards what is released to it; say --software if that is "
                         "meant. Nothing was trusted");
}

int enrolment_admit(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  const pool::PendingEnrolment pending =
      pool::pending_enrolment(side.mailbox(), PoolName(call.arguments.one("--pool")),
                              MemberName(call.arguments.one("MEMBER")));
  expect_software(call, pending.request);
  side.open_token();
  side.log_in(hsm::Role::kSecurityOfficer);
  pool::trust_member(side.context(), pending, from_hex(call.arguments.one("--fingerprint")));
  side.context().token->logout();
  side.log_in(hsm::Role::kUser);
  pool::confirm_member(side.context(), side.mailbox(), pending);
  keys::checkpoint_origin(side.context());
  call.out.say("Member '" + pending.request.member.member.str() +
               "' is admitted: its transport key is trusted in the origin's token.");
  say_token(call, pending.request.token);
  call.out.result(
      {{"member", pending.request.member.member.str()}, {"fingerprint", hex(pending.fingerprint)}});
  return 0;
}

}  // namespace

int receive_and_say(Call& call, app::App& app, pool::MemberSide& side) {
  const std::vector<pool::Delivery> deliveries = pool::receive(side);
  app.checkpoint();
  return say_deliveries(call, side, deliveries);
}

int prove_and_say(Call& call, app::App& app, pool::MemberSide& side) {
  const std::vector<pool::Receipt> receipts = pool::answer_challenge(side);
  app.checkpoint();
  say_receipts(call, side, receipts);
  return 0;
}

int say_deliveries(Call& call, const pool::MemberSide& side,
                   const std::vector<pool::Delivery>& deliveries) {
  json::array list;
  int status = 0;
  for (const pool::Delivery& d : deliveries) {
    call.out.say((d.key.empty() ? d.file : d.key) + ": " + d.outcome +
                 (d.reason.empty() ? "" : ": " + d.reason));
    json::object one{{"file", d.file}, {"key", d.key}, {"outcome", d.outcome}};
    if (!d.reason.empty()) {
      one["reason"] = d.reason;
      one["code"] = std::string(name(d.code));
      status = exit_code(d.code);
    }
    list.emplace_back(std::move(one));
  }
  if (deliveries.empty()) call.out.say("No envelope waits for '" + side.name.str() + "'.");
  call.out.result({{"member", side.name.str()}, {"deliveries", std::move(list)}});
  return status;
}

void say_receipts(Call& call, const pool::MemberSide& side,
                  const std::vector<pool::Receipt>& receipts) {
  json::array list;
  for (const pool::Receipt& r : receipts) {
    const std::string state = r.present ? "present" : "absent";
    call.out.say(r.key.str() + ": " + state + (r.present ? ", signed by the replica" : ""));
    if (!r.not_told.empty())
      call.out.say("  the token does not tell " + listed(r.not_told) + "; the receipt says so");
    for (const std::string& stray : r.strays)
      call.out.say("  drift: the token also holds the private key '" + stray + "'");
    json::array not_told;
    for (const std::string& attribute : r.not_told) not_told.emplace_back(attribute);
    list.emplace_back(json::object{
        {"key", r.key.str()}, {"state", state}, {"attributes_not_told", std::move(not_told)}});
  }
  call.out.result({{"member", side.name.str()}, {"receipts", std::move(list)}});
}

std::span<const Command> member_commands() {
  static const auto& commands = *new std::vector<Command>{
      {"member enrol",
       "member",
       "make the member's own keys and ask the origin for enrolment",
       {},
       member_enrol},
      {"member confirm",
       "member",
       "pin the origin's root after comparing its fingerprint",
       {{"--root-fingerprint", "SHA256", "as the origin's operator reads it out", true}},
       member_confirm},
      {"member receive",
       "member",
       "open the envelopes in the mailbox into the token",
       {},
       member_receive},
      {"member prove",
       "member",
       "answer the origin's challenge: sign with every replica held",
       {},
       member_prove},
      {"member status",
       "member",
       "test every replica of this member by a signature",
       {},
       member_status},
      {"standby confirm",
       "standby",
       "pin the origin's root after comparing its fingerprint; keep the signers' certificates",
       {{"--root-fingerprint", "SHA256", "as the origin's operator reads it out", true}},
       member_confirm},
      {"standby receive",
       "standby",
       "open the envelopes in the mailbox into the token, and take the origin's registry",
       {},
       member_receive},
      {"standby prove",
       "standby",
       "answer the origin's challenge: sign with every key held",
       {},
       member_prove},
      {"standby status",
       "standby",
       "test every key of this standby by a signature",
       {},
       member_status},
      {"enrolment show",
       "origin",
       "show a member's request and its fingerprint",
       {{"MEMBER", "MEMBER", "the member", true}, {"--pool", "POOL", "its pool", true}},
       enrolment_show},
      {"enrolment admit",
       "origin",
       "trust a member after comparing fingerprints (needs the SO PIN)",
       {{"MEMBER", "MEMBER", "the member", true},
        {"--pool", "POOL", "its pool", true},
        {"--fingerprint", "SHA256", "as the member's operator reads it out", true},
        {"--software", "", "the member has no token: its keys are at a delivery station"}},
       enrolment_admit},
  };
  return commands;
}

}  // namespace poolkey::cli
