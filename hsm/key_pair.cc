#include "hsm/key_pair.h"

#include "base/log.h"
#include "hsm/rv.h"

namespace poolkey::hsm {
namespace {

/// DER of the named curves' OIDs (RFC 5480 section 2.1.1.1), and PKCS#11 v3.0's name for Ed25519.
struct Curve {
  std::string_view algorithm;
  Bytes params;
  CK_MECHANISM_TYPE mechanism = CKM_EC_KEY_PAIR_GEN;
};

const Curve* find_curve(std::string_view algorithm) {
  static const auto& curves = *new std::vector<Curve>{
      {"EC-P-256", {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}},
      {"EC-P-384", {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22}},
      {"EC-P-521", {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23}},
      {"Ed25519",
       {0x13, 0x0c, 'e', 'd', 'w', 'a', 'r', 'd', 's', '2', '5', '5', '1', '9'},
       CKM_EC_EDWARDS_KEY_PAIR_GEN},
  };
  for (const Curve& curve : curves)
    if (curve.algorithm == algorithm) return &curve;
  return nullptr;
}

struct Pair {
  CK_OBJECT_HANDLE public_key = CK_INVALID_HANDLE;
  CK_OBJECT_HANDLE private_key = CK_INVALID_HANDLE;
};

CK_ULONG rsa_bits(const std::string& algorithm) {
  for (const CK_ULONG bits : {2048UL, 3072UL, 4096UL})
    if (algorithm == "RSA-" + std::to_string(bits)) return bits;
  throw Error(Errc::kUnsupported, "'" + algorithm + "' is not a key that poolkey generates");
}

Pair generate(Session& session, const KeyPairSpec& spec, bool in_token) {
  static constexpr std::uint8_t kExponent[] = {0x01, 0x00, 0x01};
  Template public_template, private_template;
  for (Template* t : {&public_template, &private_template})
    t->set(CKA_TOKEN, in_token).set(CKA_LABEL, spec.label).set(CKA_ID, ByteView(spec.id));
  const Curve* curve = find_curve(spec.algorithm);
  if (curve != nullptr)
    public_template.set(CKA_EC_PARAMS, ByteView(curve->params));
  else
    public_template.set(CKA_MODULUS_BITS, rsa_bits(spec.algorithm))
        .set(CKA_PUBLIC_EXPONENT, ByteView(kExponent));
  public_template.add(spec.public_attributes);
  Template extra = spec.private_extra;
  private_template.append(extra).add(spec.private_attributes);
  for (Template* t : {&public_template, &private_template})
    t->leave_out(session.module().not_kept());
  CK_MECHANISM mechanism{curve != nullptr ? curve->mechanism : CKM_RSA_PKCS_KEY_PAIR_GEN, nullptr,
                         0};
  Pair pair;
  check(session.fn().C_GenerateKeyPair(
            session.handle(), &mechanism, public_template.data(), public_template.count(),
            private_template.data(), private_template.count(), &pair.public_key, &pair.private_key),
        "generate " + spec.algorithm + " key '" + spec.label + "'");
  return pair;
}

void check_attributes(Session& session, CK_OBJECT_HANDLE object, const AttributeSet& expected,
                      const std::string& what) {
  const std::string wrong =
      differences(expected, read_back(session, object, expected), session.module().not_kept());
  if (!wrong.empty())
    throw Error(Errc::kConflict, what + " did not get the attributes that its policy asks for (" +
                                     wrong + "); it was destroyed");
}

/// True if an object of this class with the pair's CKA_ID holds the key; an EC private key does not
/// tell.
bool is_found(Session& session, CK_OBJECT_CLASS object_class, const KeyPairSpec& spec,
              const crypto::PublicKey& key) {
  Template wanted;
  wanted.set(CKA_CLASS, CK_ULONG{object_class}).set(CKA_ID, ByteView(spec.id));
  for (const CK_OBJECT_HANDLE object : find_objects(session, std::move(wanted))) {
    const auto told = public_key_of(session, object);
    if (told ? *told == key : object_class == CKO_PRIVATE_KEY) return true;
  }
  return false;
}

/// What was read by the handles of the making is what is found by its id: a handle may have been
/// given to another object, and then what was read is not of this pair.
void check_found(Session& session, const KeyPairSpec& spec, const crypto::PublicKey& key) {
  if (is_found(session, CKO_PUBLIC_KEY, spec, key) && is_found(session, CKO_PRIVATE_KEY, spec, key))
    return;
  throw Error(Errc::kConflict, "key '" + spec.label +
                                   "' is not found in the token as it was made there; it was "
                                   "destroyed. Run it again");
}

}  // namespace

bool can_be_copied(const AttributeSet& private_attributes) {
  for (const NamedAttribute& a : private_attributes)
    if (a.name == "CKA_COPYABLE") return std::get<bool>(a.value);
  return true;
}

crypto::PublicKey generate_key_pair(Token& token, const KeyPairSpec& spec) {
  const bool copy = can_be_copied(spec.private_attributes);
  const Lease lease = token.lease();
  Session& session = *lease;
  const auto turn = token.writing();
  Unfinished made(session, spec.id);
  Unfinished staged(session);  // session objects: gone either way
  Pair pair = generate(session, spec, !copy);
  Unfinished& first = copy ? staged : made;
  first.add(pair.public_key);
  first.add(pair.private_key);
  check_attributes(session, pair.private_key, spec.private_attributes,
                   "private key '" + spec.label + "'");
  check_attributes(session, pair.public_key, spec.public_attributes,
                   "public key '" + spec.label + "'");
  const auto public_key = public_key_of(session, pair.public_key);
  if (!public_key) throw Error(Errc::kUnsupported, "the token does not give the public key");
  if (copy) {
    made.add(copy_to_token(session, pair.public_key, spec.id));
    const CK_OBJECT_HANDLE stored = made.add(copy_to_token(session, pair.private_key, spec.id));
    check_attributes(session, stored, spec.private_attributes, "private key '" + spec.label + "'");
  }
  check_found(session, spec, *public_key);
  token.module().sync();
  made.keep();
  log("hsm").info("{}: {} key '{}' generated", token.info().label, spec.algorithm, spec.label);
  return *public_key;
}

CK_OBJECT_HANDLE create_public_object(Session& session, const crypto::PublicKey& key,
                                      const AttributeSet& attributes, const std::string& label,
                                      ByteView id) {
  Template t;
  t.set(CKA_CLASS, CK_ULONG{CKO_PUBLIC_KEY})
      .set(CKA_KEY_TYPE, CK_ULONG{key.is_rsa() ? CKK_RSA : CKK_EC})
      .set(CKA_LABEL, label)
      .set(CKA_ID, id);
  if (key.is_rsa()) {
    t.set(CKA_MODULUS, ByteView(key.modulus())).set(CKA_PUBLIC_EXPONENT, ByteView(key.exponent()));
  } else {
    t.set(CKA_EC_PARAMS, ByteView(key.ec_params()))
        .set(CKA_EC_POINT, ByteView(ec_point_attribute(key)));
  }
  t.add(attributes);
  return create_token_object(session, std::move(t));
}

std::size_t destroy_by_id(Token& token, ByteView id) {
  if (id.empty()) return 0;
  const Lease lease = token.lease();
  const auto turn = token.writing();
  Template wanted;
  wanted.set(CKA_ID, id);
  const auto found = find_objects(*lease, std::move(wanted));
  for (const CK_OBJECT_HANDLE object : found) destroy_object(*lease, object);
  if (!found.empty()) token.module().sync();
  return found.size();
}

}  // namespace poolkey::hsm
