#include "pool/deliver.h"

#include <algorithm>

#include "base/file.h"
#include "crypto/digest.h"
#include "home/oids.h"
#include "hsm/key_pair.h"
#include "hsm/wrap.h"
#include "keys/possession.h"
#include "keys/repository.h"
#include "pool/in_use.h"
#include "pool/recipient.h"
#include "pool/registry.h"
#include "pool/software.h"
#include "pool/suite.h"

namespace poolkey::pool {
namespace {

namespace fs = std::filesystem;

fs::path state_file(const MemberSide& side) {
  return home::statement_file(side.state_folder, side.pool);
}

std::int64_t held_sequence(MemberSide& side) {
  const auto held = keys::setting(side.context.database, "statement.sequence");
  return held ? std::stoll(*held) : 0;
}

void check_sequence(MemberSide& side, const Statement& statement, const fs::path& file) {
  if (statement.sequence >= held_sequence(side)) return;
  throw Error(Errc::kConflict,
              "'" + file.string() + "' is statement " + std::to_string(statement.sequence) +
                  ", and this member has accepted " + std::to_string(held_sequence(side)) +
                  "; an older one is never taken");
}

/// A statement that was checked, and its octets if it came just now.
struct Taken {
  Statement statement;
  std::optional<std::string> arrived;
};

/// The newest statement: from the mailbox, or the one that is held. An older one is a replay.
Taken take_statement(MemberSide& side) {
  const fs::path file = side.mailbox.to_member(side.pool, side.name, "statement.cms");
  if (!fs::exists(file)) return {held_statement(side), std::nullopt};
  // Read once: what is kept is what was checked, whoever writes to the mailbox meanwhile.
  std::string cms = read_file(file);
  Statement fresh = statement(verified_content(side, cms, file, home::oid::kStatement));
  check_addressee(side, fresh.member, "'" + file.string() + "'");
  check_sequence(side, fresh, file);
  return {std::move(fresh), std::move(cms)};
}

void keep_statement(MemberSide& side, const Taken& taken) {
  if (!taken.arrived) return;
  const std::string sequence = std::to_string(taken.statement.sequence);
  store::Operation operation =
      side.context.journal.begin("member statement", side.pool.str(), sequence);
  // The number first: a crash in between leaves a file that is too old, which is noticed.
  operation.step("number", [&]() -> std::string {
    keys::set_setting(side.context.database, "statement.sequence", sequence);
    return "done";
  });
  operation.step("file", [&]() -> std::string {
    make_private_folder(side.state_folder);
    // The provider has no way to the database.
    write_file(home::root_file(side.state_folder), pinned_root(side).pem());
    write_file(state_file(side), *taken.arrived);
    return "done";
  });
  operation.finish();
}

/// Refuses what the statement does not name: another release, another key, a version that is gone.
const Statement::Version& named_version(const Statement& statement, const Envelope& envelope) {
  const std::string what = envelope.key.str() + " of release " + std::to_string(envelope.release);
  for (const Statement::Version& v : statement.versions) {
    if (v.key != envelope.key || !v.retired.empty()) continue;
    if (envelope.release < v.release)
      throw Error(Errc::kConflict, what + " is older than release " + std::to_string(v.release) +
                                       ", which this member was told of; it is not taken");
    if (envelope.release > v.release)
      throw Error(Errc::kConflict, what +
                                       " is newer than the statement that this member holds; "
                                       "fetch the statement and try again");
    if (!(v.public_key == envelope.public_key) || v.policy_sha256 != envelope.policy_sha256)
      throw Error(Errc::kCorrupt, what + " is not the key that the statement names");
    return v;
  }
  throw Error(Errc::kConflict, what +
                                   " is not in the statement that this member holds; a version "
                                   "that was retired is not taken again");
}

/// The highest release of this version that was ever accepted here: a second, local bar against
/// replays, which holds even if the state folder is put back to an older one.
void check_watermark(MemberSide& side, const Envelope& envelope) {
  const auto row = side.context.database.row(
      "SELECT release_number FROM accepted WHERE key_name = :name AND version = :version",
      {{"name", envelope.key.key.str()}, {"version", std::int64_t{envelope.key.version}}});
  if (row && row->integer("release_number") > envelope.release)
    throw Error(Errc::kConflict, envelope.key.str() + " of release " +
                                     std::to_string(envelope.release) + " is older than release " +
                                     std::to_string(row->integer("release_number")) +
                                     ", which this member has accepted; it is not taken");
}

policy::Policy checked_policy(const Envelope& envelope) {
  if (hex(crypto::sha256(view(envelope.policy_text))) != envelope.policy_sha256)
    throw Error(Errc::kCorrupt, "the policy in the envelope is not the one whose digest it names");
  policy::Policy policy = policy::parse_policy(envelope.policy_text, envelope.policy_file);
  if (!policy.exports().wrapped ||
      !hsm::differences(held_private(policy, envelope.member.pool), envelope.private_attributes)
           .empty() ||
      !hsm::differences(held_public(policy, envelope.member.pool), envelope.public_attributes)
           .empty())
    throw Error(Errc::kCorrupt, "the attributes in the envelope are not those of its policy");
  return policy;
}

/// True if the replica is there with the right attributes and signs. Throws where something else
/// stands in its place, or the replica has other attributes: what signs today is never destroyed.
bool replica_stands(MemberSide& side, hsm::Session& session, const Envelope& envelope) {
  const auto found = keys::find_possessed(session, envelope.public_key, envelope.id);
  if (found) {
    const std::string wrong =
        hsm::differences(envelope.private_attributes,
                         hsm::read_back(session, found->handle, envelope.private_attributes),
                         session.module().not_kept());
    if (wrong.empty()) return true;
    throw Error(Errc::kConflict, "the replica of " + envelope.key.str() + " in " +
                                     side.context.token->name().str() +
                                     " does not have the attributes of its policy (" + wrong +
                                     "); destroy it, then receive again");
  }
  hsm::Template same_label;
  same_label.set(CKA_LABEL, envelope.key.str());
  for (const hsm::KeyObject& other : hsm::find_private_keys(session, std::move(same_label)))
    if (other.id != envelope.id)
      throw Error(Errc::kAlreadyExists,
                  side.context.token->name().str() + " already holds another key with the label '" +
                      envelope.key.str() + "'; it was not touched. Rename or remove it first");
  return false;
}

hsm::Template replica_template(const hsm::Module& module, const Envelope& envelope, bool in_token) {
  hsm::Template t = hsm::unwrap_extra(module, envelope.public_key);
  t.set(CKA_CLASS, CK_ULONG{CKO_PRIVATE_KEY})
      .set(CKA_KEY_TYPE, CK_ULONG{envelope.public_key.is_rsa() ? CKK_RSA : CKK_EC})
      .set(CKA_TOKEN, in_token)
      .set(CKA_LABEL, envelope.key.str())
      .set(CKA_ID, ByteView(envelope.id));
  return t.add(envelope.private_attributes);
}

void check_possession(hsm::Session& session, CK_OBJECT_HANDLE replica, const Envelope& envelope) {
  if (!keys::possesses(session, replica, envelope.public_key))
    throw Error(Errc::kCorrupt, "the key in the envelope is not the one it says (" +
                                    envelope.key.str() + "); what was made was destroyed");
}

void check_replica(hsm::Session& session, CK_OBJECT_HANDLE replica, const Envelope& envelope) {
  const std::string wrong = hsm::differences(
      envelope.private_attributes, hsm::read_back(session, replica, envelope.private_attributes),
      session.module().not_kept());
  if (!wrong.empty())
    throw Error(Errc::kConflict, "the replica of " + envelope.key.str() +
                                     " did not get its attributes (" + wrong +
                                     "); what was made was destroyed");
  check_possession(session, replica, envelope);
}

bool says_true(const AttributeSet& attributes, std::string_view name) {
  for (const NamedAttribute& a : attributes)
    if (a.name == name) return std::get<bool>(a.value);
  return false;
}

void unwrap_replica(MemberSide& side, hsm::Session& session, const Envelope& envelope) {
  const OwnKey transport = own_key(side, OwnRole::kTransport);
  const std::size_t oaep_size = transport.public_key.modulus().size();
  if (envelope.blob.size() <= oaep_size)
    throw Error(Errc::kCorrupt, "the wrapped key in the envelope is cut short");
  const ByteView blob(envelope.blob);
  const hsm::OaepHash hash = oaep_hash(suite_of(envelope));
  hsm::Unfinished passing(session);  // session objects: gone either way
  hsm::Unfinished made(session, envelope.id);
  const hsm::KeyObject transport_object = own_object(side, session, transport, "transport");
  const CK_OBJECT_HANDLE wrapping_key = passing.add(hsm::unwrap_oaep(
      session, transport_object.handle, blob.first(oaep_size), hash,
      hsm::wrapping_key_template(says_true(envelope.private_attributes, "CKA_EXTRACTABLE"))));
  // NSS sets usage flags that the template denies; a copy of the key is made without them.
  const bool corrected = session.module().profile().says(hsm::Question::kUnwrapUsage, "by-copy");
  const bool copy = corrected || hsm::can_be_copied(envelope.private_attributes);
  const auto turn = side.context.token->writing();
  const CK_OBJECT_HANDLE unwrapped =
      (copy ? passing : made)
          .add(hsm::unwrap_kwp(session, wrapping_key, blob.subspan(oaep_size),
                               replica_template(session.module(), envelope, !copy)));
  if (corrected)
    check_possession(session, unwrapped, envelope);
  else
    check_replica(session, unwrapped, envelope);
  if (copy) {
    hsm::Template changes;
    if (corrected) changes = hsm::corrections(session, unwrapped, envelope.private_attributes);
    check_replica(session,
                  made.add(hsm::copy_to_token(session, unwrapped, envelope.id, std::move(changes))),
                  envelope);
  }
  made.keep();
}

/// The public object beside the replica: C_UnwrapKey makes none.
void ensure_public_object(hsm::Session& session, const Envelope& envelope) {
  hsm::Template wanted;
  wanted.set(CKA_CLASS, CK_ULONG{CKO_PUBLIC_KEY}).set(CKA_ID, ByteView(envelope.id));
  for (const CK_OBJECT_HANDLE object : hsm::find_objects(session, wanted))
    if (hsm::public_key_of(session, object) == envelope.public_key) return;
  hsm::create_public_object(session, envelope.public_key, envelope.public_attributes,
                            envelope.key.str(), envelope.id);
}

void record_accepted(MemberSide& side, const Envelope& envelope) {
  side.context.database.run(
      "INSERT INTO accepted (key_name, version, release_number, spki_sha256, policy_sha256, cka_id,"
      " accepted_at) VALUES (:name, :version, :release, :spki, :policy, :id, :now)"
      " ON CONFLICT (key_name, version) DO UPDATE SET release_number = excluded.release_number,"
      " accepted_at = excluded.accepted_at",
      {{"name", envelope.key.key.str()},
       {"version", std::int64_t{envelope.key.version}},
       {"release", envelope.release},
       {"spki", hex(envelope.public_key.spki_sha256())},
       {"policy", envelope.policy_sha256},
       {"id", hex(envelope.id)},
       {"now", rfc3339(side.context.clock.now())}});
}

/// True if the replica had to be made, false if it was there. `cms` brought the envelope.
bool put_replica(MemberSide& side, const Envelope& envelope, const std::string& cms) {
  if (side.software) return keep_envelope(side, envelope, cms);
  const hsm::Lease lease = side.context.token->lease();
  const bool made = !replica_stands(side, *lease, envelope);
  if (made) unwrap_replica(side, *lease, envelope);
  const auto turn = side.context.token->writing();
  ensure_public_object(*lease, envelope);
  side.context.token->module().sync();
  return made;
}

/// True if the replica had to be made, false if it was there; `file`, which brought it, is gone
/// afterwards.
bool accept(MemberSide& side, const Statement& statement, const Envelope& envelope,
            const std::string& cms, const fs::path& file) {
  keys::Context& context = side.context;
  (void)named_version(statement, envelope);
  check_watermark(side, envelope);
  const policy::Policy policy = checked_policy(envelope);
  policy::Facts facts{.action = policy::Action::kAccept,
                      .key = envelope.key,
                      .pool = side.pool,
                      .member = side.name};
  facts.algorithm = envelope.public_key.algorithm();
  facts.suite = suite_of(envelope);
  facts.enrolled = true;  // it is addressed to us under the root that confirmed us
  facts.from_origin = true;
  facts.standby = is_standby(side.pool);
  if (side.software)
    facts.software = {side.name};
  else
    facts.wrap_with_trusted = keys::wrap_with_trusted(*context.token);
  policy::Permit allowed = keys::permit(context, policy, facts);
  allowed.require(policy::Action::kAccept, envelope.key.str(), side.name.str());

  const std::string subject = envelope.key.str() + "/" + std::to_string(envelope.release);
  store::Operation operation = context.journal.begin("member receive", subject);
  const std::string outcome = operation.step("replica", [&]() -> std::string {
    bool made = false;
    try {
      keys::record(context, "member receive", subject, allowed.rule(), &operation,
                   [&]() -> json::object {
                     made = put_replica(side, envelope, cms);
                     return {{"spki_sha256", hex(envelope.public_key.spki_sha256())},
                             {"policy_sha256", envelope.policy_sha256},
                             {"made", made}};
                   });
    } catch (const Error& error) {
      // Refused for good: what was made is destroyed already, and another run has nothing to end.
      if (error.code() == Errc::kCorrupt) operation.give_up();
      throw;
    }
    return made ? "made" : "there";
  });
  operation.step("record", [&]() -> std::string {
    keys::store_policy(context.database, policy);
    record_accepted(side, envelope);
    expect_use(side.state_folder, envelope.id);
    return "done";
  });
  operation.step("clear", [&]() -> std::string {
    remove_file(file);
    return "done";
  });
  operation.finish();
  return outcome == "made";
}

Delivery deliver_one(MemberSide& side, const Statement& statement, const fs::path& file) {
  Delivery out{file.string(), "", "refused", "", Errc::kInternal};
  try {
    const std::string cms = read_file(file);
    const Envelope opened = envelope(verified_content(side, cms, file, home::oid::kEnvelope));
    out.key = opened.key.str();
    check_addressee(side, opened.member, "'" + file.string() + "'");
    out.outcome = accept(side, statement, opened, cms, file) ? "accepted" : "already there";
  } catch (const Error& error) {
    if (error.code() == Errc::kAuthFailed) throw;
    out.reason = error.what();
    out.code = error.code();
    audit::Scope scope(side.context.audit,
                       {.actor = side.context.actor,
                        .verb = "member refuse",
                        .subject = out.key.empty() ? file.filename().string() : out.key});
    scope.fail(error);
  }
  return out;
}

/// A run that died after it had removed the envelope is not begun again by one: it is done.
void settle_cleared(MemberSide& side) {
  for (const store::PendingOperation& left : side.context.journal.pending())
    if (left.verb == "member receive" && left.interrupted.value_or("clear") == "clear" &&
        std::ranges::find(left.done, "record") != left.done.end())
      side.context.journal.settle(left.verb, left.subject);
}

}  // namespace

policy::Policy accepted_policy(MemberSide& side, const KeyVersion& key) {
  const auto row = side.context.database.row(
      "SELECT p.name AS name, p.text AS text FROM accepted a JOIN policy_text p"
      " ON p.sha256 = a.policy_sha256 WHERE a.key_name = :name AND a.version = :version",
      {{"name", key.key.str()}, {"version", std::int64_t{key.version}}});
  if (!row) throw Error(Errc::kNotFound, "this member never accepted " + key.str());
  return policy::parse_policy(row->text("text"), row->text("name"));
}

Statement held_statement(MemberSide& side) {
  const fs::path held = state_file(side);
  if (!fs::exists(held))
    throw Error(Errc::kNotFound,
                "this member has no statement of its origin yet; nothing was "
                "released to it");
  Statement out = statement(verified_document(side, held, home::oid::kStatement));
  check_addressee(side, out.member, "'" + held.string() + "'");
  check_sequence(side, out, held);
  return out;
}

std::vector<Delivery> receive(MemberSide& side) {
  const Taken taken = take_statement(side);
  std::vector<Delivery> out;
  for (const fs::path& file : side.mailbox.for_member(side.pool, side.name, "envelope."))
    out.push_back(deliver_one(side, taken.statement, file));
  settle_cleared(side);
  keep_statement(side, taken);
  if (side.software) drop_envelopes(side, taken.statement);
  if (is_standby(side.pool)) take_registry(side);
  return out;
}

}  // namespace poolkey::pool
