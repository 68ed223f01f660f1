#include "policy/attributes.h"

#include "base/error.h"

namespace poolkey::policy {
namespace {

/// What decides a value: a place in the policy, or nothing there (`always`).
struct Source {
  std::string key;
  std::optional<Location> where;
};

const Source kAlways{"always", std::nullopt};

/// The templates and their explanation come from the same rows, so they cannot differ.
class Sheet {
 public:
  Sheet(const Policy& policy, Side side) : policy_(policy), side_(side) {}

  void add(std::string name, AttributeValue value, Source source, std::string reason) {
    rows_.push_back({side_,
                     {std::move(name), std::move(value)},
                     std::move(source.key),
                     std::move(source.where),
                     std::move(reason)});
  }

  /// A flag that is TRUE if the key has a usage for which `gives` holds; it points at that usage,
  /// or at the list that has none.
  template <class Predicate>
  void add_usage_flag(std::string name, Predicate gives, std::string yes, std::string no) {
    const auto& usages = policy_.key().usages;
    for (const auto& usage : usages.value)
      if (gives(usage.value))
        return add(std::move(name), true, {"key.usages", usage.where}, std::move(yes));
    add(std::move(name), false, {"key.usages", usages.where}, std::move(no));
  }

  /// CKA_COPYABLE, then CKA_MODIFIABLE: the end of every template.
  void add_signing() {
    const auto& signing = policy_.key().signing;
    const bool copy = signing.value == Signing::kSessionCopy;
    const Source source{"key.signing", signing.where};
    add("CKA_COPYABLE", copy, source,
        copy ? "each process signs with a session copy" : "the token object signs; no copies");
    add("CKA_MODIFIABLE", copy, source,
        copy ? "SoftHSM refuses to copy a key that is not modifiable"
             : "usage flags cannot be switched on later");
  }

  std::vector<ExplainedAttribute> rows() && { return std::move(rows_); }

 private:
  const Policy& policy_;
  Side side_;
  std::vector<ExplainedAttribute> rows_;
};

std::vector<Usage> usages_of(const KeyRules& key) {
  std::vector<Usage> out;
  for (const auto& usage : key.usages.value) out.push_back(usage.value);
  return out;
}

bool is_decrypt(Usage usage) { return usage == Usage::kDecrypt; }
bool is_derive(Usage usage) { return usage == Usage::kDerive; }

/// CKA_EXTRACTABLE of one side: the origin's follows the mode, a replica's follows re_export.
void add_extractable(Sheet& sheet, const Policy& policy, Side side) {
  const ExportRules& exports = policy.exports();
  if (side == Side::kOriginPrivate) {
    const bool wrapped = exports.wrapped.has_value();
    sheet.add("CKA_EXTRACTABLE", wrapped, {"export.mode", exports.mode.where},
              wrapped ? "members receive it, wrapped" : "it never leaves its token");
  } else if (side == Side::kStandbyPrivate) {
    sheet.add("CKA_EXTRACTABLE", true, {"export.standby", exports.wrapped->standbys.where},
              "a standby takes the origin's place: members receive it from there, wrapped");
  } else {
    const auto& re_export = exports.wrapped->re_export;
    sheet.add("CKA_EXTRACTABLE", re_export.value, {"export.re_export", re_export.where},
              re_export.value ? "a member may hand it on, wrapped"
                              : "it never leaves the member's token");
  }
}

std::vector<ExplainedAttribute> private_rows(const Policy& policy, Side side) {
  Sheet sheet(policy, side);
  sheet.add("CKA_PRIVATE", true, kAlways, "seen and used after login only, encrypted on disk");
  sheet.add("CKA_SENSITIVE", true, kAlways, "its value cannot be read");
  add_extractable(sheet, policy, side);
  // TRUE for keys that are not extractable too: it cannot be taken back, and it is a second bolt
  // where a module would let the first one slip.
  sheet.add("CKA_WRAP_WITH_TRUSTED", true, kAlways,
            "only a key that the SO marked as trusted may wrap it");
  sheet.add_usage_flag("CKA_SIGN", is_signature, "the key signs", "no usage is a signature");
  sheet.add("CKA_SIGN_RECOVER", false, kAlways, "no usage needs it");
  sheet.add_usage_flag("CKA_DECRYPT", is_decrypt, "the key decrypts", "'decrypt' is not listed");
  sheet.add("CKA_UNWRAP", false, kAlways, "only transport and wrapping keys unwrap");
  sheet.add_usage_flag("CKA_DERIVE", is_derive, "the key agrees on secrets",
                       "'derive' is not listed");
  sheet.add("CKA_ALLOWED_MECHANISMS",
            allowed_mechanisms(policy.key().algorithm.value, usages_of(policy.key())),
            {"key.usages", policy.key().usages.where},
            "what algorithm and usages need, and nothing else");
  sheet.add_signing();
  return std::move(sheet).rows();
}

std::vector<ExplainedAttribute> public_rows(const Policy& policy, Side side) {
  Sheet sheet(policy, side);
  sheet.add("CKA_PRIVATE", false, kAlways, "a public key is no secret");
  sheet.add_usage_flag("CKA_VERIFY", is_signature, "checks what the private key signed",
                       "no usage is a signature");
  sheet.add("CKA_VERIFY_RECOVER", false, kAlways, "no usage needs it");
  sheet.add_usage_flag("CKA_ENCRYPT", is_decrypt, "encrypts for the private key",
                       "'decrypt' is not listed");
  sheet.add("CKA_WRAP", false, kAlways, "only transport and wrapping keys wrap");
  sheet.add("CKA_DERIVE", false, kAlways, "the private key derives");
  sheet.add_signing();
  return std::move(sheet).rows();
}

AttributeSet attributes(std::vector<ExplainedAttribute> rows) {
  AttributeSet out;
  for (auto& row : rows) out.push_back(std::move(row.attribute));
  return out;
}

void require_replica(const Policy& policy) {
  if (policy.exports().wrapped) return;
  throw Error(Errc::kInternal,
              "policy '" + policy.name() + "' has export.mode 'none': its keys have no replica");
}

}  // namespace

std::vector<std::string> allowed_mechanisms(Algorithm algorithm, const std::vector<Usage>& usages) {
  const bool rsa = algorithm == Algorithm::kRsa;
  const auto has = [&](Usage usage) { return std::ranges::find(usages, usage) != usages.end(); };
  const bool signs = std::ranges::any_of(usages, is_signature);
  std::vector<std::string> out;
  if (signs && rsa) out = {"CKM_RSA_PKCS", "CKM_RSA_PKCS_PSS"};
  if (signs && !rsa) out = {"CKM_ECDSA"};
  if (has(Usage::kDecrypt)) out.emplace_back("CKM_RSA_PKCS_OAEP");
  if (has(Usage::kDerive)) out.emplace_back("CKM_ECDH1_DERIVE");
  return out;
}

std::string_view name(Side side) noexcept {
  switch (side) {
    case Side::kOriginPrivate:
      return "origin private";
    case Side::kOriginPublic:
      return "origin public";
    case Side::kReplicaPrivate:
      return "replica private";
    case Side::kReplicaPublic:
      return "replica public";
    case Side::kStandbyPrivate:
      return "standby private";
    case Side::kStandbyPublic:
      return "standby public";
  }
  return "?";
}

AttributeSet origin_private(const Policy& policy) {
  return attributes(private_rows(policy, Side::kOriginPrivate));
}

AttributeSet origin_public(const Policy& policy) {
  return attributes(public_rows(policy, Side::kOriginPublic));
}

AttributeSet replica_private(const Policy& policy) {
  require_replica(policy);
  return attributes(private_rows(policy, Side::kReplicaPrivate));
}

AttributeSet replica_public(const Policy& policy) {
  require_replica(policy);
  return attributes(public_rows(policy, Side::kReplicaPublic));
}

AttributeSet standby_private(const Policy& policy) {
  require_replica(policy);
  return attributes(private_rows(policy, Side::kStandbyPrivate));
}

AttributeSet standby_public(const Policy& policy) {
  require_replica(policy);
  return attributes(public_rows(policy, Side::kStandbyPublic));
}

std::vector<ExplainedAttribute> explain(const Policy& policy) {
  std::vector<ExplainedAttribute> out;
  const auto append = [&out](std::vector<ExplainedAttribute> rows) {
    std::move(rows.begin(), rows.end(), std::back_inserter(out));
  };
  append(private_rows(policy, Side::kOriginPrivate));
  append(public_rows(policy, Side::kOriginPublic));
  if (!policy.exports().wrapped) return out;
  append(private_rows(policy, Side::kReplicaPrivate));
  append(public_rows(policy, Side::kReplicaPublic));
  if (policy.exports().wrapped->standbys.value.empty()) return out;
  append(private_rows(policy, Side::kStandbyPrivate));
  append(public_rows(policy, Side::kStandbyPublic));
  return out;
}

}  // namespace poolkey::policy
