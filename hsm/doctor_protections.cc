// Protections: which attributes a token enforces. Each has a control: the same without it.
#include "crypto/digest.h"
#include "hsm/doctor_bench.h"
#include "hsm/rv.h"

namespace poolkey::hsm::doctor {
namespace {

/// Wraps a fresh EC key by an untrusted wrapping key.
CK_RV wrap_fresh(Bench& bench, const Made& aes, bool extractable, const Template& more) {
  Session& session = bench.session();
  const MadePair pair = generate_ec(session, "target", extractable, more);
  if (!pair.ok()) return pair.rv;
  const CK_RV rv = wrap(session, *bench.kwp(), aes.object, pair.private_key).rv;
  destroy(session, pair.private_key);
  destroy(session, pair.public_key);
  return rv;
}

void answer_enforced(Bench& bench, Question question, CK_RV with) {
  bench.answer(question, with == CKR_OK ? "ignored" : "enforced",
               with == CKR_OK ? "" : rv_name(with));
}

void probe_wrappable(Bench& bench, const Made& aes) {
  if (wrap_fresh(bench, aes, true, {}) != CKR_OK) return;  // nothing is wrapped: no answer
  answer_enforced(bench, Question::kWrapWithTrusted,
                  wrap_fresh(bench, aes, true, Template().set(CKA_WRAP_WITH_TRUSTED, true)));
  answer_enforced(bench, Question::kExtractableFalse, wrap_fresh(bench, aes, false, {}));
}

/// What became of a key that was unwrapped by a key that demands CKA_EXTRACTABLE=`demanded`, with a
/// template that does not mention it.
struct Silent {
  CK_RV made = CKR_GENERAL_ERROR;  ///< of the key with the template
  CK_RV rv = CKR_GENERAL_ERROR;
  std::optional<bool> extractable{};
};

Silent unwrap_silently(Bench& bench, bool demanded) {
  Session& session = bench.session();
  const Template demands =
      Template().set(CKA_CLASS, CK_ULONG{CKO_PRIVATE_KEY}).set(CKA_EXTRACTABLE, demanded);
  const Made aes =
      generate_aes(session, aes_key("strict", Template().set(CKA_UNWRAP_TEMPLATE, demands)));
  Silent out{.made = aes.rv};
  const MadePair pair = generate_ec(session, "target", /*extractable=*/true);
  const auto key = pair.ok() ? public_key_of(session, pair.public_key) : std::nullopt;
  if (aes.ok() && key) {
    const Blob blob = wrap(session, *bench.kwp(), aes.object, pair.private_key);
    const Made back =
        unwrap(session, *bench.kwp(), aes.object, blob.octets, bench.ec_unwrap_template(*key));
    out.rv = blob.ok() ? back.rv : blob.rv;
    if (back.ok()) out.extractable = read_bool(session, back.object, CKA_EXTRACTABLE);
    destroy(session, back.object);
  }
  for (const CK_OBJECT_HANDLE object : {aes.object, pair.public_key, pair.private_key})
    destroy(session, object);
  return out;
}

void probe_unwrap_template(Bench& bench) {
  const Silent yes = unwrap_silently(bench, true), no = unwrap_silently(bench, false);
  if (yes.made != CKR_OK)
    bench.answer(Question::kUnwrapTemplate, "refused", rv_name(yes.made));
  else if (yes.rv != CKR_OK && no.rv != CKR_OK)
    bench.answer(Question::kUnwrapTemplate, "compared", rv_name(no.rv));
  else if (yes.extractable == true && no.extractable == false)
    bench.answer(Question::kUnwrapTemplate, "applied");
  else
    bench.answer(Question::kUnwrapTemplate, "ignored");
  // A demand without effect is not made: NSS would store the addresses of its parts.
  if (bench.profile().says(Question::kUnwrapTemplate, "ignored") ||
      bench.profile().says(Question::kUnwrapTemplate, "refused"))
    bench.profile().not_kept.emplace_back("CKA_UNWRAP_TEMPLATE");
}

void probe_allowed_mechanisms(Bench& bench) {
  Session& session = bench.session();
  const MadePair pair = generate_ec(
      session, "allowed", false,
      Template().set(CKA_ALLOWED_MECHANISMS, std::vector<CK_MECHANISM_TYPE>{CKM_ECDH1_DERIVE}));
  if (!pair.ok()) return bench.answer(Question::kAllowedMechanisms, "refused", rv_name(pair.rv));
  const CK_RV rv = sign(session, {CKM_ECDSA, nullptr, 0}, pair.private_key, Bytes(32)).rv;
  answer_enforced(bench, Question::kAllowedMechanisms, rv);
  destroy(session, pair.private_key);
  destroy(session, pair.public_key);
}

CK_RV relabel(Bench& bench, bool modifiable) {
  Session& session = bench.session();
  const MadePair pair =
      generate_ec(session, "modified", false, Template().set(CKA_MODIFIABLE, modifiable));
  const CK_RV rv = pair.ok() ? set(session, pair.private_key,
                                   Template().set(CKA_LABEL, "poolkey-doctor-relabelled"))
                             : pair.rv;
  destroy(session, pair.private_key);
  destroy(session, pair.public_key);
  return rv;
}

}  // namespace

void probe_protections(Bench& bench) {
  const Made aes = generate_aes(bench.session(), aes_key("untrusted"));
  if (aes.ok() && bench.kwp()) {
    probe_wrappable(bench, aes);
    probe_unwrap_template(bench);
  }
  destroy(bench.session(), aes.object);
  probe_allowed_mechanisms(bench);
  if (relabel(bench, true) == CKR_OK)
    answer_enforced(bench, Question::kModifiableFalse, relabel(bench, false));
}

}  // namespace poolkey::hsm::doctor
