#include "policy/contradictions.h"

#include <fmt/format.h>

namespace poolkey::policy {
namespace {

/// Since 2026-03-15 (CA/Browser Forum TLS Baseline Requirements 6.3.2); it only gets shorter.
constexpr Days kLongestPublicCertificate{200};

template <class T>
bool given(const Located<T>& value) {
  return value.where.line != 0;
}

/// Where a value stands in a list, if it does.
template <class T>
const Location* find(const LocatedList<T>& list, T value) {
  for (const auto& item : list.value)
    if (item.value == value) return &item.where;
  return nullptr;
}

void check_usages(const Sections& s, toml::Faults& faults) {
  if (!given(s.key.usages) || !given(s.key.algorithm)) return;
  const bool rsa = s.key.algorithm.value == Algorithm::kRsa;
  if (const Location* at = find(s.key.usages, Usage::kDecrypt); at != nullptr && !rsa)
    faults.add(*at, "usage 'decrypt' needs an RSA key; remove it, or set key.algorithm to 'rsa'");
  if (const Location* at = find(s.key.usages, Usage::kDerive); at != nullptr && rsa)
    faults.add(*at, "usage 'derive' needs an EC key; remove it, or set key.algorithm to 'ec'");
}

void check_key_usage(const Sections& s, toml::Faults& faults) {
  const Location* encipher = find(s.request.key_usage, KeyUsage::kKeyEncipherment);
  if (encipher != nullptr && given(s.key.algorithm) && s.key.algorithm.value == Algorithm::kEc)
    faults.add(*encipher, "an EC key cannot encipher keys; remove 'keyEncipherment'");
  if (!given(s.key.usages) || contains(s.key.usages, Usage::kCertificate)) return;
  for (KeyUsage bit : {KeyUsage::kKeyCertSign, KeyUsage::kCrlSign})
    if (const Location* at = find(s.request.key_usage, bit))
      faults.add(*at, fmt::format("'{}' is for a key that signs certificates; remove it, or add "
                                  "'certificate' to key.usages",
                                  word(bit)));
}

void check_issue(const Sections& s, toml::Faults& faults) {
  if (!given(s.key.usages)) return;
  const Location* signs = find(s.key.usages, Usage::kCertificate);
  if (signs != nullptr && !s.issue)
    faults.add(*signs, "usage 'certificate' needs the table [issue]: path_length and max_days");
  if (!s.issue) return;
  if (signs == nullptr)
    faults.add(s.issue->max.where,
               "[issue] needs usage 'certificate'; remove the table, or add the usage");
  else if (given(s.issue->max) && given(s.lifetime.key) &&
           s.issue->max.value > s.lifetime.key.value)
    faults.add(s.issue->max.where,
               fmt::format("issue.max_days is {} but the signing key itself lives {} days "
                           "(lifetime.key_days); lower it",
                           s.issue->max.value.count(), s.lifetime.key.value.count()));
}

void check_lifetime(const LifetimeRules& l, toml::Faults& faults) {
  const bool certificate = given(l.certificate);
  if (certificate && given(l.key) && l.certificate.value > l.key.value)
    faults.add(l.certificate.where,
               fmt::format("certificate_days is {} but the key lives {} days (key_days); a "
                           "certificate cannot outlive its key",
                           l.certificate.value.count(), l.key.value.count()));
  if (certificate && given(l.overlap) && l.overlap.value >= l.certificate.value)
    faults.add(
        l.overlap.where,
        fmt::format("overlap_hours is {} but a certificate lives {} hours; the overlap must "
                    "be shorter",
                    l.overlap.value.count(), std::chrono::hours(l.certificate.value).count()));
  if (!l.token || !given(*l.token)) return;
  if (certificate && l.token->value >= l.certificate.value)
    faults.add(
        l.token->where,
        fmt::format("token_lifetime_hours is {} but a certificate lives {} hours; a token "
                    "must end before the certificate that vouches for it",
                    l.token->value.count(), std::chrono::hours(l.certificate.value).count()));
  if (given(l.overlap) && l.token->value > l.overlap.value)
    faults.add(l.token->where,
               fmt::format("token_lifetime_hours is {} but the overlap is {} hours; the old key "
                           "must stay until the last token made with it has ended",
                           l.token->value.count(), l.overlap.value.count()));
}

void check_export(const Sections& s, toml::Faults& faults) {
  if (!given(s.exports.mode)) return;
  const bool wrapped = s.exports.mode.value == ExportMode::kWrapped;
  if (wrapped && given(s.key.usages) && !contains(s.key.usages, Usage::kProof))
    faults.add(s.key.usages.where,
               "a key with export.mode 'wrapped' needs usage 'proof': members must show that they "
               "hold it");
  for (const Role role : {Role::kEdgeExternal, Role::kAvAuthentication})
    if (const Location* edge = find(s.request.roles, role); !wrapped && edge != nullptr)
      faults.add(*edge, fmt::format("role '{}' needs export.mode 'wrapped': every Edge Server of a "
                                    "pool must hold the same key",
                                    word(role)));
}

/// `origin init` makes these keys and their certificates in one run: no backup comes in between.
void check_backup(const Sections& s, toml::Faults& faults) {
  if (!s.key.require_backup.value) return;
  for (Role role : {Role::kRoot, Role::kIssuingCa, Role::kEnvelopeSigner, Role::kAuditSigner,
                    Role::kOcspSigner})
    if (find(s.request.roles, role) != nullptr)
      return faults.add(s.key.require_backup.where,
                        fmt::format("role '{}' is the origin's own, whose certificates are made "
                                    "before there is a backup; remove 'key.require_backup', and "
                                    "back the origin up once it is set up",
                                    word(role)));
}

void check_ca(const Sections& s, toml::Faults& faults) {
  const Location* at = find(s.ca.allowed, CaKind::kPublic);
  if (at == nullptr) return;
  if (given(s.key.usages) && !contains(s.key.usages, Usage::kCsr))
    faults.add(*at, "a public CA wants a CSR; add 'csr' to key.usages, or remove 'public'");
  if (given(s.request.lint_profiles) && !contains(s.request.lint_profiles, LintProfile::kPublicBr))
    faults.add(*at, "'public' needs lint profile 'public-br'; add it to request.lint_profiles");
  if (given(s.lifetime.certificate) && s.lifetime.certificate.value > kLongestPublicCertificate)
    faults.add(
        s.lifetime.certificate.where,
        fmt::format("certificate_days is {} but public CAs issue at most {} days since "
                    "2026-03-15; lower it, or remove 'public' from ca.allowed",
                    s.lifetime.certificate.value.count(), kLongestPublicCertificate.count()));
}

void check_public_lint(const RequestRules& r, toml::Faults& faults) {
  if (find(r.lint_profiles, LintProfile::kPublicBr) == nullptr) return;
  if (given(r.organizational_unit) && r.organizational_unit.value == OrganizationalUnit::kAllowed)
    faults.add(r.organizational_unit.where,
               "lint profile 'public-br' forbids the organizational unit; set it to 'forbidden'");
}

}  // namespace

void find_contradictions(const Sections& s, toml::Faults& faults) {
  check_usages(s, faults);
  check_key_usage(s, faults);
  check_issue(s, faults);
  check_lifetime(s.lifetime, faults);
  check_export(s, faults);
  check_backup(s, faults);
  check_ca(s, faults);
  check_public_lint(s.request, faults);
}

}  // namespace poolkey::policy
