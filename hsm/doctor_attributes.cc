// Which attributes a token keeps, and what it copies. The only probes that need token objects,
// beside the race: session objects of NSS keep what its token does not.
#include <algorithm>
#include <array>

#include "hsm/doctor_bench.h"
#include "hsm/names.h"
#include "hsm/rv.h"

namespace poolkey::hsm::doctor {
namespace {

/// What poolkey sets on the keys of a pair.
const AttributeSet& private_attributes() {
  static const auto& set = *new AttributeSet{
      {"CKA_PRIVATE", true},      {"CKA_SENSITIVE", true},
      {"CKA_EXTRACTABLE", false}, {"CKA_WRAP_WITH_TRUSTED", true},
      {"CKA_SIGN", true},         {"CKA_SIGN_RECOVER", false},
      {"CKA_DECRYPT", false},     {"CKA_UNWRAP", false},
      {"CKA_DERIVE", false},      {"CKA_ALLOWED_MECHANISMS", std::vector<std::string>{"CKM_ECDSA"}},
      {"CKA_COPYABLE", false},    {"CKA_MODIFIABLE", false}};
  return set;
}
const AttributeSet& public_attributes() {
  static const auto& set = *new AttributeSet{
      {"CKA_PRIVATE", false},  {"CKA_VERIFY", true},     {"CKA_VERIFY_RECOVER", false},
      {"CKA_ENCRYPT", false},  {"CKA_WRAP", false},      {"CKA_DERIVE", false},
      {"CKA_COPYABLE", false}, {"CKA_MODIFIABLE", false}};
  return set;
}

/// A pair in the token with these attributes and no others, destroyed at the end. The template goes
/// through labelled() alone, so that nothing stands in it twice.
class TokenPair {
 public:
  TokenPair(Bench& bench, const AttributeSet& of_private, const AttributeSet& of_public)
      : bench_(bench),
        turn_(bench.token().writing()),
        pair_(generate_ec(bench.session(), labelled("kept", true).add(of_private),
                          labelled("kept", true).add(of_public))) {}
  TokenPair(const TokenPair&) = delete;
  TokenPair& operator=(const TokenPair&) = delete;
  ~TokenPair() {
    destroy(bench_.session(), pair_.private_key);
    destroy(bench_.session(), pair_.public_key);
  }
  const MadePair& pair() const { return pair_; }

 private:
  Bench& bench_;
  std::optional<FileLock> turn_;
  MadePair pair_;
};

void add(std::vector<std::string>& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

/// One attribute as the object tells it; empty where it does not, or where asking for it fails:
/// p11-kit's remoting gives CKR_DEVICE_ERROR for attributes that it does not know.
AttributeSet tell(Session& session, CK_OBJECT_HANDLE object, const std::string& name) {
  try {
    // Not by read_back(), which goes by the profile that is known already.
    const auto value = read_value(session, object, name);
    return value ? AttributeSet{{name, *value}} : AttributeSet{};
  } catch (const Error&) {
    return {};
  }
}

/// Sorts what an object tells of `expected` into the profile.
void judge(Bench& bench, CK_OBJECT_HANDLE object, const AttributeSet& expected) {
  for (const NamedAttribute& wanted : expected) {
    const AttributeSet told = tell(bench.session(), object, wanted.name);
    if (told.empty())
      add(bench.profile().not_kept, wanted.name);
    else if (!differences({wanted}, told).empty())
      add(bench.profile().told_otherwise, wanted.name);
  }
}

/// One attribute on its own, where the whole template was refused.
void try_one(Bench& bench, const NamedAttribute& attribute, bool of_private) {
  // A private key has to be private and sensitive, or it cannot be tried at all.
  const AttributeSet base{{"CKA_PRIVATE", true}, {"CKA_SENSITIVE", true}};
  AttributeSet mine = of_private ? base : AttributeSet{};
  if (of_private && (attribute.name == "CKA_PRIVATE" || attribute.name == "CKA_SENSITIVE"))
    mine.clear();
  mine.push_back(attribute);
  const TokenPair made(bench, of_private ? mine : base, of_private ? AttributeSet{} : mine);
  if (!made.pair().ok()) return add(bench.profile().not_kept, attribute.name);
  judge(bench, of_private ? made.pair().private_key : made.pair().public_key, {attribute});
}

void try_each(Bench& bench) {
  for (const NamedAttribute& a : private_attributes()) try_one(bench, a, true);
  for (const NamedAttribute& a : public_attributes()) try_one(bench, a, false);
}

void probe_kept(Bench& bench) {
  {
    const TokenPair plain(bench, {{"CKA_PRIVATE", true}, {"CKA_SENSITIVE", true}}, {});
    bench.answer_by(Question::kTokenKeys, plain.pair().rv, "works", "refused");
    if (!plain.pair().ok()) return;
  }
  const TokenPair whole(bench, private_attributes(), public_attributes());
  if (!whole.pair().ok()) return try_each(bench);
  judge(bench, whole.pair().private_key, private_attributes());
  judge(bench, whole.pair().public_key, public_attributes());
}

/// Where the head of the audit log is left.
void probe_data(Bench& bench) {
  const auto turn = bench.token().writing();
  const Made made = create(bench.session(), labelled("data", /*in_token=*/true)
                                                .set(CKA_CLASS, CK_ULONG{CKO_DATA})
                                                .set(CKA_PRIVATE, false)
                                                .set(CKA_VALUE, "poolkey-doctor"));
  bench.answer_by(Question::kDataObjects, made.rv, "works", "refused");
  destroy(bench.session(), made.object);
}

/// A session pair to the token, and its copy back to the session.
void probe_copies(Bench& bench) {
  Session& session = bench.session();
  Template free = Template().set(CKA_COPYABLE, true).set(CKA_MODIFIABLE, true);
  free.leave_out(bench.profile().not_kept);
  const MadePair pair = generate_ec(session, "copied", /*extractable=*/false, free);
  if (!pair.ok()) return;
  const auto turn = bench.token().writing();
  const Made stored = copy(session, pair.private_key, Template().set(CKA_TOKEN, true));
  bench.answer_by(Question::kCopyToToken, stored.rv, "works", "refused");
  if (stored.ok()) {
    const Made back = copy(session, stored.object, Template().set(CKA_TOKEN, false));
    bench.answer_by(Question::kCopyToSession, back.rv, "works", "refused");
    destroy(session, back.object);
  }
  for (const CK_OBJECT_HANDLE object : {stored.object, pair.public_key, pair.private_key})
    destroy(session, object);
}

}  // namespace

void probe_attributes(Bench& bench) {
  probe_kept(bench);
  probe_data(bench);
  probe_copies(bench);
}

}  // namespace poolkey::hsm::doctor
