// How private keys are wrapped and unwrapped: mechanism, padding, lengths, OAEP hashes.
#include <array>

#include "crypto/digest.h"
#include "crypto/wrap.h"
#include "hsm/doctor_bench.h"
#include "hsm/names.h"
#include "hsm/rv.h"

namespace poolkey::hsm::doctor {
namespace {

constexpr std::size_t kAesBytes = 32;

/// What one mechanism made of a private key.
struct Wrapping {
  CK_MECHANISM_TYPE type;
  bool usable = false;     ///< the token opens its own blob, and the key signs
  bool is_rfc5649 = true;  ///< the software opens it, too; or it could not be asked
  std::string_view padding = "unknown";
  std::string_view ec_unwrap = "unknown";
  std::string trouble{};  ///< what was refused
};

/// Everything that the wrap probes work with.
struct Kit {
  Made aes;
  std::optional<Bytes> aes_value;  ///< where the token takes a value that the doctor knows
  MadePair ec;
  std::optional<crypto::PublicKey> public_key;
};

Kit make_kit(Session& session) {
  Kit kit;
  const Bytes value = crypto::random_bytes(kAesBytes);
  kit.aes = create(session, aes_key("aes")
                                .set(CKA_CLASS, CK_ULONG{CKO_SECRET_KEY})
                                .set(CKA_KEY_TYPE, CK_ULONG{CKK_AES})
                                .set(CKA_VALUE, ByteView(value)));
  if (kit.aes.ok())
    kit.aes_value = value;
  else
    kit.aes = generate_aes(session, aes_key("aes"));
  kit.ec = generate_ec(session, "ec", /*extractable=*/true);
  if (kit.ec.ok()) kit.public_key = public_key_of(session, kit.ec.public_key);
  return kit;
}

/// Octets of the outermost DER element; 0 if that cannot be told.
std::size_t der_size(ByteView der) {
  if (der.size() < 2) return 0;
  if (der[1] < 0x80) return 2U + der[1];
  const std::size_t count = der[1] & 0x7FU;
  if (count > 2 || der.size() < 2 + count) return 0;
  std::size_t size = 0;
  for (std::size_t i = 0; i < count; ++i) size = size << 8 | der[2 + i];
  return 2 + count + size;
}

void look_inside(const Kit& kit, const Blob& blob, Wrapping& out) {
  if (!kit.aes_value) return;
  try {
    const SecretBytes pkcs8 = crypto::kwp_unwrap(*kit.aes_value, blob.octets);
    (void)crypto::parse_pkcs8_padded(pkcs8.view());
    const std::size_t own = der_size(pkcs8.view());
    if (own > 0) out.padding = pkcs8.size() == own ? "rfc5649" : "zero-padded";
  } catch (const Error&) {
    out.is_rfc5649 = false;
  }
}

Wrapping try_kwp(Bench& bench, const Kit& kit, CK_MECHANISM_TYPE type) {
  Wrapping out{.type = type};
  Session& session = bench.session();
  const CK_MECHANISM mechanism{type, nullptr, 0};
  const Blob blob = wrap(session, mechanism, kit.aes.object, kit.ec.private_key);
  if (!blob.ok()) {
    out.trouble = "C_WrapKey " + rv_name(blob.rv);
    return out;
  }
  look_inside(kit, blob, out);
  for (const std::string_view way : {"plain", "nss-db"}) {
    bench.answer(Question::kEcUnwrap, way);  // what ec_unwrap_template() goes by
    const Made back = unwrap(session, mechanism, kit.aes.object, blob.octets,
                             bench.ec_unwrap_template(*kit.public_key));
    out.usable = back.ok() && signs_as(session, back.object, *kit.public_key);
    destroy(session, back.object);
    if (out.usable) {
      out.ec_unwrap = way;
      return out;
    }
    out.trouble = "C_UnwrapKey " + rv_name(back.rv);
  }
  out.ec_unwrap = "refused";
  return out;
}

/// What poolkey denies to every pool key.
const AttributeSet& denied() {
  static const auto& set = *new AttributeSet{{"CKA_SIGN_RECOVER", false},
                                             {"CKA_DECRYPT", false},
                                             {"CKA_UNWRAP", false},
                                             {"CKA_DERIVE", false}};
  return set;
}

void probe_usage(Bench& bench, const Kit& kit, CK_MECHANISM mechanism) {
  Session& session = bench.session();
  const Blob blob = wrap(session, mechanism, kit.aes.object, kit.ec.private_key);
  const Made back = unwrap(session, mechanism, kit.aes.object, blob.octets,
                           bench.ec_unwrap_template(*kit.public_key, Template().add(denied())));
  if (!back.ok()) return bench.answer(Question::kUnwrapUsage, "unknown", rv_name(back.rv));
  const Template wrong = corrections(session, back.object, denied());
  std::string_view word = "kept";
  if (!wrong.empty()) {
    const Made corrected = copy(session, back.object, wrong);
    word = corrected.ok() && corrections(session, corrected.object, denied()).empty()
               ? "by-copy"
               : "overridden";
    destroy(session, corrected.object);
  }
  bench.answer(Question::kUnwrapUsage, word);
  destroy(session, back.object);
}

void probe_length(Bench& bench, const Kit& kit, CK_MECHANISM mechanism) {
  Session& session = bench.session();
  const Blob blob = wrap(session, mechanism, kit.aes.object, kit.ec.private_key);
  CK_ULONG said = 0;
  const CK_RV rv = session.fn().C_WrapKey(session.handle(), &mechanism, kit.aes.object,
                                          kit.ec.private_key, nullptr, &said);
  if (rv != CKR_OK) return bench.answer(Question::kLengthQuery, "refused", rv_name(rv));
  const std::size_t needed = blob.octets.size();
  bench.answer(Question::kLengthQuery,
               said == needed  ? "exact"
               : said > needed ? "larger"
                               : "too-small",
               "says " + std::to_string(said) + ", needs " + std::to_string(needed));
}

void probe_kwp(Bench& bench, const Kit& kit) {
  std::string trouble;
  std::optional<Wrapping> best;
  for (const CK_MECHANISM_TYPE type : {kAesKeyWrapKwp, CK_MECHANISM_TYPE{CKM_AES_KEY_WRAP_PAD}}) {
    Wrapping tried = try_kwp(bench, kit, type);
    bench.answer(type, tried.usable, tried.is_rfc5649);
    if (!tried.trouble.empty())
      trouble += (trouble.empty() ? "" : "; ") + mechanism_name(type) + ": " + tried.trouble;
    if (tried.usable && tried.is_rfc5649 && !best) best = std::move(tried);
  }
  if (!best) {
    bench.answer(Question::kKwp, "none", trouble);
    bench.answer(Question::kEcUnwrap, "unknown");
    return;
  }
  bench.answer(Question::kKwp, mechanism_name(best->type));
  bench.answer(Question::kKwpPadding, best->padding);
  bench.answer(Question::kEcUnwrap, best->ec_unwrap);
  probe_length(bench, kit, {best->type, nullptr, 0});
  probe_usage(bench, kit, {best->type, nullptr, 0});
}

struct OaepRow {
  Question question;
  CK_MECHANISM_TYPE hash;
};
constexpr std::array kOaeps{
    OaepRow{Question::kOaepSha1, CKM_SHA_1},
    OaepRow{Question::kOaepSha256, CKM_SHA256},
    OaepRow{Question::kOaepSha384, CKM_SHA384},
    OaepRow{Question::kOaepSha512, CKM_SHA512},
};

CK_RV try_oaep(Bench& bench, const Kit& kit, CK_MECHANISM_TYPE hash) {
  Session& session = bench.session();
  Oaep parameters = oaep(hash);
  const Blob blob = wrap(session, parameters.mechanism(), bench.rsa.public_key, kit.aes.object);
  if (!blob.ok()) return blob.rv;
  const Made back = unwrap(session, parameters.mechanism(), bench.rsa.private_key, blob.octets,
                           labelled("unwrapped")
                               .set(CKA_CLASS, CK_ULONG{CKO_SECRET_KEY})
                               .set(CKA_KEY_TYPE, CK_ULONG{CKK_AES})
                               .set(CKA_UNWRAP, true));
  destroy(session, back.object);
  return back.rv;
}

void probe_oaep(Bench& bench, const Kit& kit) {
  bool any = false;
  for (const OaepRow& row : kOaeps) {
    const CK_RV rv = try_oaep(bench, kit, row.hash);
    bench.answer_by(row.question, rv, "usable", "refused");
    any = any || rv == CKR_OK;
  }
  bench.answer(CKM_RSA_PKCS_OAEP, any);
}

}  // namespace

void probe_wrapping(Bench& bench) {
  Session& session = bench.session();
  const Kit kit = make_kit(session);
  if (kit.aes.ok() && kit.ec.ok() && kit.public_key)
    probe_kwp(bench, kit);
  else
    bench.answer(Question::kKwp, "none", "the keys to try it with could not be made");
  if (kit.aes.ok() && bench.rsa.ok()) probe_oaep(bench, kit);
  for (const CK_OBJECT_HANDLE object : {kit.aes.object, kit.ec.public_key, kit.ec.private_key})
    destroy(session, object);
}

}  // namespace poolkey::hsm::doctor
