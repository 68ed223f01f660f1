#include "pool/prove.h"

#include "base/file.h"
#include "crypto/digest.h"
#include "crypto/signature.h"
#include "home/oids.h"
#include "keys/certificate_object.h"
#include "keys/number.h"
#include "keys/possession.h"
#include "pool/deliver.h"
#include "pool/in_use.h"
#include "pool/recipient.h"
#include "pool/registry.h"
#include "pool/software.h"

namespace poolkey::pool {
namespace {

constexpr std::size_t kNonceSize = 32;
constexpr std::string_view kChallengeFile = "challenge.cms";
constexpr std::string_view kReceiptKind = "receipt";

void store_challenge(keys::Context& context, const PoolName& pool, const MemberName& member,
                     ByteView nonce, ByteView document) {
  store::Transaction transaction(context.database);
  const auto newest = context.database.row("SELECT MAX(number) AS newest FROM challenge");
  context.database.run(
      "INSERT INTO challenge (pool, member, nonce, number, document, issued_at)"
      " VALUES (:pool, :member, :nonce, :number, :document, :now)"
      " ON CONFLICT (pool, member, nonce) DO NOTHING",
      {{"pool", pool.str()},
       {"member", member.str()},
       {"nonce", hex(nonce)},
       {"document", base64(document)},
       {"number", keys::next_number(context.database, keys::Counter::kChallenge,
                                    newest->is_null("newest") ? 0 : newest->integer("newest"))},
       {"now", rfc3339(context.clock.now())}});
  transaction.commit();
}

/// Private keys in the token that neither the statement nor the member itself accounts for.
std::vector<std::string> strays(MemberSide& side, hsm::Session& session, const Statement& held) {
  std::vector<crypto::PublicKey> known{own_key(side, OwnRole::kIdentity).public_key,
                                       own_key(side, OwnRole::kTransport).public_key};
  // A standby has signers of its own.
  for (const std::string& role : keys::delegated_roles())
    if (const auto own = keys::find_key(side.context.database, {KeyName(role), 1}))
      known.push_back(own->public_key);
  std::vector<Bytes> known_ids;  // an EC replica may have lost its public object
  for (const Statement::Version& v : held.versions) {
    known.push_back(v.public_key);
    known_ids.push_back(v.id);
  }
  std::vector<std::string> out;
  for (const hsm::KeyObject& key : hsm::find_private_keys(session, {}))
    if (key.public_key ? std::find(known.begin(), known.end(), *key.public_key) == known.end()
                       : std::find(known_ids.begin(), known_ids.end(), key.id) == known_ids.end())
      out.push_back(key.label.empty() ? hex(key.id) : key.label);
  return out;
}

policy::Permit proof_permit(MemberSide& side, const policy::Policy& policy, const KeyVersion& key) {
  policy::Facts facts{
      .action = policy::Action::kProve, .key = key, .pool = side.pool, .member = side.name};
  facts.usage = policy::Usage::kProof;
  facts.enrolled = true;
  return keys::permit(side.context, policy, facts);
}

/// The digest of the newest certificate for the replica that stands beside it.
std::string installed_certificate(MemberSide& side, const hsm::KeyObject& replica) {
  std::optional<crypto::Certificate> newest;
  for (crypto::Certificate& c : keys::certificates_with_id(*side.context.token, replica.id))
    if (c.public_key() == *replica.public_key && (!newest || newest->not_after() < c.not_after()))
      newest = std::move(c);
  return newest ? hex(newest->sha256()) : "";
}

const Statement::Version* asked_version(const Statement& held, const KeyVersion& key,
                                        const std::string& spki_sha256) {
  for (const Statement::Version& v : held.versions)
    if (v.key == key && hex(v.public_key.spki_sha256()) == spki_sha256) return &v;
  return nullptr;
}

/// The receipt for one key version: what the token holds, signed by the replica (where there is
/// one) and by the identity key. A station has no `session`: its replica is in an envelope.
SignedReceipt answer_one(MemberSide& side, hsm::Session* session, const Challenge& asked,
                         const KeyVersion& key, const std::string& spki_sha256,
                         const Statement& held, const std::vector<std::string>& stray_labels) {
  const OwnKey identity = own_key(side, OwnRole::kIdentity);
  Receipt receipt{side.address(),
                  asked.nonce,
                  key,
                  spki_sha256,
                  false,
                  {},
                  {},
                  hex(identity.public_key.spki_sha256()),
                  "",
                  stray_labels,
                  side.context.clock.now(),
                  false,
                  std::nullopt,
                  {}};
  std::optional<hsm::KeyObject> replica;
  crypto::EvpPkey opened;
  if (const Statement::Version* v = asked_version(held, key, spki_sha256)) {
    receipt.in_force = home::is_in_force(held, *v, *receipt.made);
    receipt.effective = v->effective;
    receipt.in_use = processes_using(side.state_folder, v->id);
    if (session == nullptr)
      opened = v->retired.empty() ? open_replica(side, *v) : crypto::EvpPkey();
    else if ((replica = keys::find_possessed(*session, v->public_key, v->id)))
      replica->public_key = v->public_key;
  }
  SignedReceipt out;
  if (replica || opened) {
    const policy::Policy policy = accepted_policy(side, key);
    policy::Permit allowed = proof_permit(side, policy, key);
    allowed.require(policy::Action::kProve, key.str(), side.name.str());
    receipt.present = true;
    const AttributeSet expected = held_private(policy, side.pool);
    if (replica) receipt.attributes = hsm::read_back(*session, replica->handle, expected);
    receipt.not_told = hsm::untold(expected, receipt.attributes);
    receipt.certificate_sha256 =
        replica ? installed_certificate(side, *replica) : certificate_by_receipt(side, key);
  }
  out.statement.statement = json::compact(to_json(receipt));
  const ByteView text = view(out.statement.statement);
  if (replica)
    out.replica_signature =
        keys::sign_with_object(*session, replica->handle, *replica->public_key, text);
  if (opened) out.replica_signature = crypto::sign(opened.get(), "SHA256", text);
  out.statement.identity_signature = sign_as_member(side, view(out.statement.statement));
  return out;
}

[[noreturn]] void refuse(const std::string& why) { throw Error(Errc::kCorrupt, why); }

/// Throws unless the receipt is this member's answer to its newest challenge.
Receipt check_receipt(keys::Context& context, const PoolName& pool, const Member& m,
                      const StoredChallenge& asked, const SignedReceipt& signed_part) {
  const Receipt read = receipt(signed_part.statement.statement);
  const ByteView text = view(signed_part.statement.statement);
  if (!m.identity->verify("SHA256", text, signed_part.statement.identity_signature))
    refuse("a receipt is not signed by the identity key that was enrolled");
  if (read.member != address_of(pool, m))
    refuse("a receipt is by another member or token than was enrolled");
  if (read.nonce != asked.nonce) refuse("a receipt answers an older challenge");
  const keys::StoredKey key = keys::key(context.database, read.key);
  if ((key.pool != pool && !is_standby(pool)) ||
      hex(key.public_key.spki_sha256()) != read.spki_sha256)
    refuse("a receipt is about another key than " + read.key.str());
  if (!read.present) return read;
  if (!key.public_key.verify("SHA256", text, signed_part.replica_signature))
    refuse("the replica's signature in a receipt for " + read.key.str() + " is wrong");
  const AttributeSet expected = held_private(keys::policy_of(context.database, key), pool);
  // What is not in a token has no attributes.
  const std::string wrong = hsm::differences(
      expected, read.attributes, m.token.software ? hsm::untold(expected, {}) : m.token.not_kept);
  if (!wrong.empty()) refuse("the replica of " + read.key.str() + " has drifted: " + wrong);
  return read;
}

void store_receipt(keys::Context& context, const PoolName& pool, const Member& m,
                   const SignedReceipt& document, const Receipt& read) {
  context.database.run(
      "INSERT INTO receipt (pool, member, key_name, version, nonce, state, document, received_at)"
      " VALUES (:pool, :member, :name, :version, :nonce, :state, :document, :now)"
      " ON CONFLICT (pool, member, key_name, version, nonce) DO NOTHING",
      {{"pool", pool.str()},
       {"member", m.name.str()},
       {"name", read.key.key.str()},
       {"version", std::int64_t{read.key.version}},
       {"nonce", hex(read.nonce)},
       {"state", read.present ? "present" : "absent"},
       {"document", json::compact(json::object{{"receipts", json::array{to_json(document)}}})},
       {"now", rfc3339(context.clock.now())}});
}

/// True if every receipt answers a challenge of this member that is not its newest open one.
bool answers_earlier(store::Database& database, const PoolName& pool, const MemberName& member,
                     const StoredChallenge& asked, const std::vector<SignedReceipt>& documents) {
  for (const SignedReceipt& d : documents) {
    const Bytes nonce = receipt(d.statement.statement).nonce;
    if (nonce == asked.nonce && !asked.answered_at) return false;
    if (!database.row("SELECT number FROM challenge WHERE pool = :pool AND member = :member AND"
                      " nonce = :nonce",
                      {{"pool", pool.str()}, {"member", member.str()}, {"nonce", hex(nonce)}}))
      return false;
  }
  return true;
}

/// An answer that was checked, as it is stored.
struct Checked {
  StoredChallenge asked;
  std::vector<SignedReceipt> documents;
  std::vector<Receipt> read;
};

/// Nothing for an answer that was taken before, or to an earlier challenge: no news.
std::optional<Checked> check_answer(keys::Context& context, const PoolName& pool, const Member& m,
                                    const std::string& answer) {
  auto asked = newest_challenge(context.database, pool, m.name);
  if (!asked) refuse("it was never asked");
  Checked out{std::move(*asked), signed_receipts(answer), {}};
  if (answers_earlier(context.database, pool, m.name, out.asked, out.documents)) {
    if (out.asked.answered_at)
      context.journal.settle("pool collect", pool.str() + "/" + m.name.str());
    return std::nullopt;
  }
  for (const SignedReceipt& d : out.documents)
    out.read.push_back(check_receipt(context, pool, m, out.asked, d));
  return out;
}

/// All receipts of one answer, within a transaction. What they say, for the record.
json::object store_answer(keys::Context& context, const PoolName& pool, const Member& m,
                          const Checked& answer) {
  json::object states;
  for (std::size_t i = 0; i < answer.documents.size(); ++i) {
    const Receipt& read = answer.read[i];
    store_receipt(context, pool, m, answer.documents[i], read);
    states[read.key.str()] = read.present ? "present" : "absent";
  }
  context.database.run(
      "UPDATE challenge SET answered_at = :now WHERE pool = :pool AND"
      " member = :member AND nonce = :nonce",
      {{"now", rfc3339(context.clock.now())},
       {"pool", pool.str()},
       {"member", m.name.str()},
       {"nonce", hex(answer.asked.nonce)}});
  return states;
}

Collected collect_one(keys::Context& context, const PoolName& pool, const Member& m,
                      const std::string& octets) {
  Collected out{.member = m.name};
  const auto answer = check_answer(context, pool, m, octets);
  if (!answer) return out;
  const std::string subject = pool.str() + "/" + m.name.str();
  store::Operation operation =
      context.journal.begin("pool collect", subject, hex(answer->asked.nonce));
  operation.step("take", [&]() -> std::string {
    keys::record(context, "pool collect", subject, "", &operation, [&]() -> json::object {
      store::Transaction transaction(context.database);
      json::object states = store_answer(context, pool, m, *answer);
      transaction.commit();
      return states;
    });
    return "done";
  });
  operation.finish();
  out.receipts = answer->read;
  return out;
}

/// Signs, stores and posts a challenge. A run that died after storing posts that one.
void ask(keys::Context& context, const keys::DocumentSigner& signer, const Mailbox& mailbox,
         const PoolName& pool, const MemberName& member, Challenge challenge) {
  const std::string subject = pool.str() + "/" + member.str();
  std::string about;
  for (const auto& [key, spki_sha256] : challenge.keys) about += key.str() + " ";
  store::Operation operation = context.journal.begin("pool challenge", subject, about);
  keys::record(context, "pool challenge", subject, "", &operation, [&]() -> json::object {
    challenge.nonce =
        from_hex(operation.step("nonce", [] { return hex(crypto::random_bytes(kNonceSize)); }));
    operation.step("sign", [&]() -> std::string {
      store_challenge(context, pool, member, challenge.nonce,
                      signer.sign(home::oid::kChallenge, to_json(challenge)));
      return "done";
    });
    operation.step("post", [&]() -> std::string {
      mailbox.put(mailbox.to_member(pool, member, std::string(kChallengeFile)),
                  newest_challenge(context.database, pool, member).value().document);
      return "done";
    });
    return {{"nonce", hex(challenge.nonce)}};
  });
  operation.finish();
}

}  // namespace

std::vector<MemberName> issue_challenges(keys::Context& context, const Mailbox& mailbox,
                                         const PoolName& pool,
                                         const std::vector<MemberName>& only) {
  if (is_standby(pool)) inform_standbys(context, mailbox);
  std::vector<MemberName> out;
  const keys::DocumentSigner signer(context);
  const std::vector<keys::StoredKey> keys = keys_for(context.database, pool);
  const bool one = only.size() == 1;
  const ReleaseNumbers released =
      newest_releases(context.database, pool, one ? std::optional(only.front()) : std::nullopt);
  for (const Member& m : one ? std::vector{member(context.database, pool, only.front())}
                             : members(context.database, pool)) {
    if (!m.enrolled) continue;
    if (!only.empty() && std::find(only.begin(), only.end(), m.name) == only.end()) continue;
    Challenge challenge{address_of(pool, m), {}, {}};
    for (const keys::StoredKey& key : keys)
      if (is_released_to(context.database, pool, m.name, key) &&
          released.contains({m.name, key.name}))
        challenge.keys.emplace_back(key.name, hex(key.public_key.spki_sha256()));
    if (challenge.keys.empty()) continue;
    ask(context, signer, mailbox, pool, m.name, std::move(challenge));
    out.push_back(m.name);
  }
  if (out.empty())
    throw Error(Errc::kNotFound, "there is nothing to prove in pool '" + pool.str() +
                                     "': no key was released to an enrolled member yet");
  return out;
}

std::vector<Receipt> answer_challenge(MemberSide& side) {
  const auto path = side.mailbox.to_member(side.pool, side.name, std::string(kChallengeFile));
  if (!std::filesystem::exists(path))
    throw Error(Errc::kNotFound, "there is no challenge for this member at '" + path.string() +
                                     "'; run 'poolkey pool challenge' on the origin");
  const Challenge asked = challenge(verified_document(side, path, home::oid::kChallenge));
  check_addressee(side, asked.member, "'" + path.string() + "'");
  std::optional<hsm::Lease> lease;
  if (!side.software) lease.emplace(side.context.token->lease());
  hsm::Session* session = lease ? &**lease : nullptr;
  const Statement held = held_statement(side);
  const std::vector<std::string> stray_labels =
      session ? strays(side, *session, held) : std::vector<std::string>{};
  const std::string subject = side.pool.str() + "/" + side.name.str();
  store::Operation operation =
      side.context.journal.begin("member prove", subject, hex(asked.nonce));
  std::vector<Receipt> out;
  keys::record(side.context, "member prove", subject, "", &operation, [&]() -> json::object {
    const std::string answer = operation.step("sign", [&] {
      json::array receipts;
      for (const auto& [key, spki_sha256] : asked.keys)
        receipts.emplace_back(
            to_json(answer_one(side, session, asked, key, spki_sha256, held, stray_labels)));
      return json::pretty(json::object{{"receipts", std::move(receipts)}});
    });
    json::object states;
    for (const SignedReceipt& signed_part : signed_receipts(answer)) {
      out.push_back(receipt(signed_part.statement.statement));
      states[out.back().key.str()] = out.back().present ? "present" : "absent";
    }
    operation.step("post", [&]() -> std::string {
      side.mailbox.put(side.mailbox.to_origin(std::string(kReceiptKind), side.pool, side.name),
                       view(answer));
      return "done";
    });
    return states;
  });
  operation.finish();
  return out;
}

std::string look(MemberSide& side) {
  if (!std::filesystem::exists(home::statement_file(side.state_folder, side.pool))) return "";
  const Statement held = held_statement(side);
  const hsm::Lease lease = side.context.token->lease();
  std::string out = "holds";
  for (const Statement::Version& v : held.versions) {
    const auto replica = hsm::find_private_key(*lease, v.public_key, v.id);
    if (!replica) continue;
    const AttributeSet expected = held_private(accepted_policy(side, v.key), side.pool);
    const std::string drift = hsm::differences(
        expected, hsm::read_back(*lease, replica->handle, expected), lease->module().not_kept());
    out += " " + v.key.str() + (drift.empty() ? "" : " (" + drift + ")");
  }
  for (const std::string& stray : strays(side, *lease, held)) out += ", stray " + stray;
  return out;
}

std::vector<Collected> collect_receipts(keys::Context& context, const Mailbox& mailbox,
                                        const PoolName& pool) {
  std::vector<Collected> out;
  std::vector<Member> all = members(context.database, pool);
  for (Member& gone : former_members(context.database, pool)) all.push_back(std::move(gone));
  for (const Member& m : all) {
    if (!m.enrolled) continue;
    const auto path = mailbox.to_origin(std::string(kReceiptKind), pool, m.name);
    if (!std::filesystem::exists(path)) continue;
    Collected one{.member = m.name};
    try {
      one = collect_one(context, pool, m, read_file(path));
    } catch (const Error& error) {
      if (error.code() != Errc::kCorrupt && error.code() != Errc::kNotFound) throw;
      one.refused = error.what();
    }
    if (!one.receipts.empty() || !one.refused.empty()) out.push_back(std::move(one));
  }
  return out;
}

std::vector<std::variant<Collected, Error>> take_answers(keys::Context& context,
                                                         std::span<const Answer> answers) {
  std::vector<std::variant<Collected, Error>> out;
  std::vector<std::optional<Checked>> checked(answers.size());
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const Answer& a = answers[i];
    Collected one{.member = a.member.name};
    try {
      checked[i] = check_answer(context, a.pool, a.member, a.octets);
      if (checked[i]) one.receipts = checked[i]->read;
      out.emplace_back(std::move(one));
    } catch (const Error& error) {
      out.emplace_back(error);
    }
  }
  if (std::ranges::none_of(checked, [](const auto& c) { return c.has_value(); })) return out;
  store::Transaction transaction(context.database);
  std::vector<audit::Event> events;
  for (std::size_t i = 0; i < answers.size(); ++i)
    if (checked[i])
      events.push_back(
          {.actor = answers[i].actor,
           .verb = "pool collect",
           .phase = audit::Phase::kOutcome,
           .subject = answers[i].pool.str() + "/" + answers[i].member.name.str(),
           .rule = answers[i].rule,
           .result = audit::Result::kOk,
           .operation = {},
           .intent = std::nullopt,
           .detail = store_answer(context, answers[i].pool, answers[i].member, *checked[i])});
  (void)context.audit.append_all(transaction, events);
  transaction.commit();
  return out;
}

}  // namespace poolkey::pool
