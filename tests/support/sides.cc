#include "support/sides.h"

#include "base/file.h"
#include "crypto/digest.h"
#include "hsm/key_pair.h"
#include "policy/attributes.h"
#include "pool/member_side.h"
#include "store/journal.h"

namespace poolkey::test {
namespace {

std::string policy_text(const std::string& name) {
  return read_file(std::string(POOLKEY_SOURCE_DIR) + "/policies/" + name + ".toml");
}

void replace(std::string& text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  if (at == std::string::npos)
    throw Error(Errc::kInternal, "the shipped policy no longer says " + from);
  text.replace(at, from.size(), to);
}

/// Rewrites `algorithm` and the line below it, which is `bits` or `curve`.
void set_algorithm(std::string& text, const std::string& algorithm) {
  const bool was_rsa = text.find("\nalgorithm = \"rsa\"") != std::string::npos;
  const bool rsa = algorithm.starts_with("RSA-");
  replace(text, was_rsa ? "\nalgorithm = \"rsa\"" : "\nalgorithm = \"ec\"",
          rsa ? "\nalgorithm = \"rsa\"" : "\nalgorithm = \"ec\"");
  replace(text, was_rsa ? "\nbits = 2048" : "\ncurve = \"P-384\"",
          rsa ? "\nbits = " + algorithm.substr(4) : "\ncurve = \"" + algorithm.substr(3) + "\"");
}

}  // namespace

policy::Policy av_auth(const std::string& algorithm, const std::string& signing) {
  std::string text = policy_text("av-auth");
  set_algorithm(text, algorithm);
  if (!algorithm.starts_with("RSA-")) replace(text, ", \"keyEncipherment\"", "");
  replace(text, "signing = \"session-copy\"", "signing = \"" + signing + "\"");
  return policy::parse_policy(text, "av-auth.toml");
}

policy::Policy issuing_ca(const std::string& algorithm) {
  std::string text = policy_text("issuing-ca");
  set_algorithm(text, algorithm);
  return policy::parse_policy(text, "issuing-ca.toml");
}

/// The member's books, which enrolment writes in.
struct Sides::Enrolment {
  explicit Enrolment(Sides& sides)
      : database(store::Database::open(sides.soft.folder() / "member.db")),
        context{.database = database,
                .journal = journal,
                .audit = audit,
                .clock = clock,
                .token = sides.member,
                .load_key = {},
                .actor = "test"},
        side{context, pool::Mailbox(sides.soft.folder() / "mailbox"), PoolName("edge"),
             MemberName("edge1"), sides.soft.folder()},
        transport(pool::ensure_own_key(side, pool::OwnRole::kTransport)) {}

  store::Database database;
  store::Journal journal{database};
  SystemClock clock;
  audit::Chain audit{database, clock};
  keys::Context context;
  pool::MemberSide side;
  pool::OwnKey transport;
};

Sides::Sides() : soft("origin") {
  soft.add("member");
  origin = soft.login("origin");
  member = soft.login("member");
}

Sides::~Sides() = default;

PooledKey Sides::generate(const policy::Policy& policy, const std::string& label) const {
  hsm::KeyPairSpec spec;
  spec.algorithm = policy.algorithm_name();
  spec.private_attributes = policy::origin_private(policy);
  spec.public_attributes = policy::origin_public(policy);
  spec.label = label;
  spec.id = crypto::random_bytes(16);
  const crypto::PublicKey made = hsm::generate_key_pair(*origin, spec);
  return {policy, made, spec.id, label};
}

const PooledKey& Sides::pool_key() {
  if (!pool_key_) pool_key_ = generate(av_auth(), "av@1");
  return *pool_key_;
}

CK_OBJECT_HANDLE Sides::object(hsm::Session& session, const PooledKey& key) {
  return hsm::find_private_key(session, key.public_key, key.id).value().handle;
}

const crypto::PublicKey& Sides::transport() {
  if (!enrolment_) enrolment_ = std::make_unique<Enrolment>(*this);
  return enrolment_->transport.public_key;
}

CK_OBJECT_HANDLE Sides::transport_object(hsm::Session& session) {
  transport();
  return pool::own_object(enrolment_->side, session, enrolment_->transport, "transport").handle;
}

void Sides::become_security_officer() {
  origin->logout();
  origin->login(hsm::Role::kSecurityOfficer, Pin(soft.so_pin()));
}

void Sides::become_user() {
  origin->logout();
  origin->login(hsm::Role::kUser, Pin(soft.user_pin()));
}

Sealed Sides::seal(const PooledKey& key, const crypto::PublicKey& receiver) {
  hsm::Session& session = origin->keeper();
  become_security_officer();
  if (hsm::find_trusted_key(session, receiver) == CK_INVALID_HANDLE)
    hsm::import_trusted_key(session, receiver, "edge/edge1", receiver.spki_sha256());
  const CK_OBJECT_HANDLE wrapping_key = hsm::generate_trusted_wrapping_key(session);
  become_user();
  Sealed out;
  out.kwp = hsm::wrap_kwp(session, wrapping_key, object(session, key));
  out.oaep = hsm::wrap_oaep(session, hsm::find_trusted_key(session, receiver), wrapping_key,
                            hsm::OaepHash::kSha1);
  hsm::destroy_object(session, wrapping_key);
  return out;
}

const Sealed& Sides::sealed() {
  if (!sealed_) sealed_ = seal(pool_key(), transport());
  return *sealed_;
}

hsm::Template Sides::replica_template(const PooledKey& key, bool in_token) {
  return hsm::Template()
      .set(CKA_CLASS, CK_ULONG{CKO_PRIVATE_KEY})
      .set(CKA_KEY_TYPE, CK_ULONG{key.public_key.is_rsa() ? CKK_RSA : CKK_EC})
      .set(CKA_TOKEN, in_token)
      .set(CKA_LABEL, key.label)
      .set(CKA_ID, ByteView(key.id))
      .add(policy::replica_private(key.policy));
}

CK_OBJECT_HANDLE Sides::deliver(hsm::Session& session, const PooledKey& key, const Sealed& sealed) {
  const CK_OBJECT_HANDLE wrapping_key =
      hsm::unwrap_oaep(session, transport_object(session), sealed.oaep, hsm::OaepHash::kSha1,
                       hsm::wrapping_key_template(/*extractable=*/false));
  const CK_OBJECT_HANDLE replica =
      hsm::unwrap_kwp(session, wrapping_key, sealed.kwp, replica_template(key, false));
  hsm::destroy_object(session, wrapping_key);
  return replica;
}

}  // namespace poolkey::test
