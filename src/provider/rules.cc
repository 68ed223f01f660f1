#include "provider/rules.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "hsm/names.h"
#include "policy/attributes.h"

namespace poolkey::provider {
namespace {

struct ActRow {
  Act act;
  const char* verb;
  const char* usage;  ///< what the policy would have to list
  std::array<CK_MECHANISM_TYPE, 3> mechanisms;
};
constexpr CK_MECHANISM_TYPE kNone = CK_UNAVAILABLE_INFORMATION;
constexpr std::array kActs{
    ActRow{Act::kSign, "sign", "a signature", {CKM_RSA_PKCS, CKM_RSA_PKCS_PSS, CKM_ECDSA}},
    ActRow{Act::kDecrypt, "decrypt", "'decrypt'", {CKM_RSA_PKCS_OAEP, kNone, kNone}},
    ActRow{Act::kDerive, "agree on secrets", "'derive'", {CKM_ECDH1_DERIVE, kNone, kNone}}};

std::string listed(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

}  // namespace

Rules::Rules(const home::Statement::Version& version, KeyKind kind)
    : key_(version.key.str()),
      policy_(version.policy_file.empty() ? version.policy_sha256 : version.policy_file),
      usages_(version.usages) {
  std::vector<policy::Usage> usages;
  for (const std::string& word : version.usages) {
    const auto usage = policy::parse_word<policy::Usage>(word);
    if (!usage)
      throw Error(Errc::kUnsupported, "the statement gives " + key_ + " the usage '" + word +
                                          "', which this poolkey does not know; upgrade it");
    usages.push_back(*usage);
  }
  const auto algorithm = kind == KeyKind::kRsa ? policy::Algorithm::kRsa : policy::Algorithm::kEc;
  for (const std::string& name : policy::allowed_mechanisms(algorithm, usages))
    allowed_.push_back(hsm::mechanism(name));
}

void Rules::require(CK_MECHANISM_TYPE mechanism, Act act) const {
  const ActRow& row = *std::ranges::find(kActs, act, &ActRow::act);
  // One mechanism serves for several acts: CKM_RSA_PKCS signs, and would decrypt.
  if (std::ranges::find(row.mechanisms, mechanism) != row.mechanisms.end() &&
      std::ranges::find(allowed_, mechanism) != allowed_.end())
    return;
  const std::string why = act == Act::kDecrypt && mechanism == CKM_RSA_PKCS
                              ? "pool keys never decrypt with PKCS#1 v1.5 padding"
                          : mechanism == CKM_RSA_X_509
                              ? "raw RSA is never allowed to pool keys, nor a padding that needs it"
                              : "key.usages lists " + listed(usages_) + ", and " +
                                    hsm::mechanism_name(mechanism) + " needs " + row.usage;
  throw Error(Errc::kDenied, "the pool key " + key_ + " may not " + row.verb + ": by its policy " +
                                 policy_ + ", " + why);
}

}  // namespace poolkey::provider
