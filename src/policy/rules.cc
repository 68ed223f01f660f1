#include "policy/rules.h"

#include <fmt/format.h>

namespace poolkey::policy {
namespace {

using Refusal = std::optional<std::string>;

/// Of a duration, counting a day that has begun.
std::int64_t whole_days(Duration d) { return std::chrono::ceil<Days>(d).count(); }

template <class E>
std::string listed(const LocatedList<E>& list) {
  std::string out;
  for (const auto& item : list.value)
    out += fmt::format("{}'{}'", out.empty() ? "" : ", ", word(item.value));
  return out.empty() ? "nothing" : out;
}

/// The first of `asked` that the policy does not list.
template <class E>
std::optional<E> first_outside(const std::vector<E>& asked, const LocatedList<E>& allowed) {
  for (E value : asked)
    if (!contains(allowed, value)) return value;
  return std::nullopt;
}

Refusal algorithm(const Policy& p, const Facts& f) {
  if (f.algorithm == p.algorithm_name()) return std::nullopt;
  return fmt::format("{} is {}, but keys of policy '{}' are {}; use another policy", f.key.str(),
                     f.algorithm.empty() ? "of unknown algorithm" : f.algorithm, p.name(),
                     p.algorithm_name());
}

Refusal usage_is_listed(const Policy& p, const Facts& f, std::optional<Usage> usage) {
  if (usage && is_signature(*usage) && contains(p.key().usages, *usage)) return std::nullopt;
  return fmt::format("{} may not sign for '{}': its usages are {}", f.key.str(),
                     usage ? word(*usage) : "an unstated purpose", listed(p.key().usages));
}

Refusal signing_usage(const Policy& p, const Facts& f) { return usage_is_listed(p, f, f.usage); }
Refusal proof_usage(const Policy& p, const Facts& f) {
  return usage_is_listed(p, f, Usage::kProof);
}
Refusal csr_usage(const Policy& p, const Facts& f) { return usage_is_listed(p, f, Usage::kCsr); }

Refusal within_key_life(const Policy& p, const Facts& f) {
  if (!f.key_age) return fmt::format("the age of {} is not known", f.key.str());
  if (*f.key_age < p.lifetime().key.value) return std::nullopt;
  return fmt::format("{} is {} days old and may be used for {}; generate a new version",
                     f.key.str(), whole_days(*f.key_age), p.lifetime().key.value.count());
}

/// Receipts may be signed at any age: whether a member still holds an old key must stay provable.
Refusal signing_within_key_life(const Policy& p, const Facts& f) {
  return f.usage == Usage::kProof ? std::nullopt : within_key_life(p, f);
}

Refusal certificate_ends_before_key(const Policy& p, const Facts& f) {
  if (Refusal refusal = within_key_life(p, f)) return refusal;
  if (!f.validity) return "the validity of the certificate is not known";
  const std::int64_t age = std::chrono::floor<Days>(*f.key_age).count();
  if (age + whole_days(*f.validity) <= p.lifetime().key.value.count()) return std::nullopt;
  return fmt::format(
      "a certificate of {} days would outlive {}, which is {} days old and may be used for {}; "
      "generate a new version, or ask for fewer days",
      whole_days(*f.validity), f.key.str(), age, p.lifetime().key.value.count());
}

Refusal validity_within(const Facts& f, Days limit) {
  if (!f.validity) return "the validity of the certificate is not known";
  if (f.validity->count() > 0 && *f.validity <= limit) return std::nullopt;
  return fmt::format("a certificate of {} days was asked for; 1 to {} are allowed",
                     whole_days(*f.validity), limit.count());
}

Refusal certificate_days(const Policy& p, const Facts& f) {
  return validity_within(f, p.lifetime().certificate.value);
}

bool signs_certificate(const Facts& f) { return f.usage == Usage::kCertificate; }

Refusal issue_days(const Policy& p, const Facts& f) {
  return signs_certificate(f) ? validity_within(f, p.issue()->max.value) : std::nullopt;
}

Refusal issue_path_length(const Policy& p, const Facts& f) {
  const std::uint32_t limit = p.issue() ? p.issue()->path_length.value : 0;
  if (!signs_certificate(f) || !f.path_length || *f.path_length <= limit) return std::nullopt;
  return fmt::format("a CA certificate of path length {} was to be signed; at most {} is allowed",
                     *f.path_length, limit);
}

Refusal exportable(const Policy& p, const Facts& f) {
  if (p.exports().wrapped) return std::nullopt;
  return fmt::format(
      "{} never leaves the token it was born in (mode 'none'); members need a key that was "
      "generated under a policy with mode 'wrapped'",
      f.key.str());
}

bool names_standby(const Policy& p, const MemberName& standby) {
  return contains(p.exports().wrapped->standbys, standby.str());
}

/// Of a standby that receives, and of those that a release is for.
Refusal standby(const Policy& p, const Facts& f) {
  std::vector<MemberName> asked = f.standbys;
  if (f.standby && f.member) asked.push_back(*f.member);
  for (const MemberName& name : asked)
    if (!names_standby(p, name))
      return fmt::format(
          "standby '{}' may not hold {}, which it could hand on; name it in export.standby of "
          "policy '{}' and generate a new version",
          name.str(), f.key.str(), p.name());
  return std::nullopt;
}

/// A key that may leave wrapped is safe only in a token that keeps every other key from wrapping
/// it.
Refusal wrap_with_trusted(const Policy& p, const Facts& f) {
  if (!p.exports().wrapped || f.wrap_with_trusted == WrapWithTrusted::kEnforced)
    return std::nullopt;
  if (f.wrap_with_trusted == WrapWithTrusted::kIgnored)
    return fmt::format(
        "the token ignores CKA_WRAP_WITH_TRUSTED, as poolkey doctor found, so whoever has its PIN "
        "could take {} away wrapped by a key of his own; use a token that enforces it",
        f.key.str());
  return fmt::format(
      "it is not known whether the token enforces CKA_WRAP_WITH_TRUSTED, without which {} is not "
      "safe in it; run 'poolkey doctor'",
      f.key.str());
}

/// A standby origin exports again, so its token has to be as strict as the origin's.
Refusal standby_wrap_with_trusted(const Policy& p, const Facts& f) {
  return f.standby ? wrap_with_trusted(p, f) : std::nullopt;
}

Refusal recipient(const Policy& p, const Facts& f) {
  if (f.standby) return standby(p, f);
  if (!f.pool) return fmt::format("no pool was named to receive {}", f.key.str());
  const auto& allowed = p.exports().wrapped->recipients;
  if (contains(allowed, f.pool->str()) || contains(allowed, std::string("*"))) {
    if (f.enrolled) return std::nullopt;
    return fmt::format("{} of pool '{}' is not enrolled; enrol and confirm it first",
                       f.member ? "member '" + f.member->str() + "'" : "a member", f.pool->str());
  }
  return fmt::format(
      "pool '{}' may not receive {}; add it to the recipients of policy '{}' and "
      "generate a new version",
      f.pool->str(), f.key.str(), p.name());
}

Refusal recipient_count(const Policy& p, const Facts& f) {
  const std::uint32_t limit = p.exports().wrapped->max_recipients.value;
  const std::uint32_t least = f.standbys.empty() ? 1 : 0;
  if (f.recipients >= least && f.recipients <= limit) return std::nullopt;
  return fmt::format("the release of {} is for {} members; 1 to {} are allowed", f.key.str(),
                     f.recipients, limit);
}

Refusal suite(const Policy& p, const Facts& f) {
  const auto& allowed = p.exports().wrapped->suites;
  if (f.suite && contains(allowed, *f.suite)) return std::nullopt;
  return fmt::format("{} may not be wrapped with {}; the policy lists {}", f.key.str(),
                     f.suite ? fmt::format("'{}'", word(*f.suite)) : "an unstated suite",
                     listed(allowed));
}

Refusal re_export(const Policy& p, const Facts& f) {
  if (f.from_origin || p.exports().wrapped->re_export.value) return std::nullopt;
  if (f.promoted && names_standby(p, *f.promoted)) return std::nullopt;
  return fmt::format("a member that received {} may not hand it on; release it from its origin",
                     f.key.str());
}

/// A key that is opened in software can be copied by whoever reads that host's memory or files.
Refusal software(const Policy& p, const Facts& f) {
  for (const MemberName& name : f.software) {
    const std::string member = (f.pool ? f.pool->str() : "?") + "/" + name.str();
    if (!contains(p.exports().wrapped->software_recipients, member))
      return fmt::format(
          "member '{}' has its transport key in software, where no HSM guards {}; name it in "
          "export.software_recipients of policy '{}' and generate a new version, or give it a "
          "token",
          member, f.key.str(), p.name());
  }
  return std::nullopt;
}

/// What the loss of one token would end is not used. A member cannot know: what it is given was
/// released, and so asked about then. A standby gets it first, so that it can prove it.
Refusal outlives_its_token(const Policy& p, const Facts& f) {
  if (!p.key().require_backup.value || f.safeguarded || f.member) return std::nullopt;
  if (f.recipients == 0 && !f.standbys.empty()) return std::nullopt;
  return fmt::format(
      "{} is in one token only, and is not used before it is proven in a backup{}; run 'poolkey "
      "origin backup --out DIR', then again",
      f.key.str(),
      p.exports().wrapped && !p.exports().wrapped->standbys.value.empty()
          ? " or at a standby ('poolkey key release --standbys-only')"
          : "");
}

/// One member's act on its replica; an act on the origin alone names no member.
Refusal member_may_hold(const Policy& p, const Facts& f) {
  return f.member ? exportable(p, f) : std::nullopt;
}

Refusal member_is_enrolled(const Policy& p, const Facts& f) {
  return f.member && p.exports().wrapped ? recipient(p, f) : std::nullopt;
}

Refusal role(const Policy& p, const Facts& f) {
  if (f.role && contains(p.request().roles, *f.role)) return std::nullopt;
  return fmt::format("{} is not for a certificate of {}; its roles are {}", f.key.str(),
                     f.role ? fmt::format("role '{}'", word(*f.role)) : "unstated role",
                     listed(p.request().roles));
}

Refusal ca_kind(const Policy& p, const Facts& f) {
  if (f.ca && contains(p.ca().allowed, *f.ca)) return std::nullopt;
  return fmt::format("{} CA may not issue for {}; the policy allows {}",
                     f.ca ? fmt::format("the {}", word(*f.ca)) : "an unstated", f.key.str(),
                     listed(p.ca().allowed));
}

bool has(const std::vector<LintProfile>& profiles, LintProfile profile) {
  return std::find(profiles.begin(), profiles.end(), profile) != profiles.end();
}

/// Who may override is the next rule's.
Refusal lint(const Policy& p, const Facts& f) {
  for (const auto& profile : p.request().lint_profiles.value)
    if (!has(f.linted, profile.value) && !has(f.overridden, profile.value))
      return fmt::format(
          "the request for {} has not passed lint profile '{}'; lint it, and mend "
          "what is found",
          f.key.str(), word(profile.value));
  return std::nullopt;
}

Refusal lint_override(const Policy& p, const Facts& f) {
  if (f.overridden.empty() || contains(p.request().overrides, f.overrider)) return std::nullopt;
  return fmt::format(
      "'{}' may not override the linter's errors for {}; name the account in request.overrides of "
      "policy '{}' and generate a new version, or mend what is found",
      f.overrider, f.key.str(), p.name());
}

Refusal key_usage(const Policy& p, const Facts& f) {
  const auto outside = first_outside(f.key_usage, p.request().key_usage);
  if (!outside) return std::nullopt;
  return fmt::format("key usage '{}' was asked for; the policy allows {}", word(*outside),
                     listed(p.request().key_usage));
}

Refusal extended_key_usage(const Policy& p, const Facts& f) {
  const auto outside = first_outside(f.extended_key_usage, p.request().extended_key_usage);
  if (!outside) return std::nullopt;
  return fmt::format("extended key usage '{}' was asked for; the policy allows {}", word(*outside),
                     listed(p.request().extended_key_usage));
}

Refusal organizational_unit(const Policy& p, const Facts& f) {
  const bool allowed = p.request().organizational_unit.value == OrganizationalUnit::kAllowed;
  if (!f.organizational_unit || allowed) return std::nullopt;
  return "the subject has an organizational unit (OU); leave it out";
}

Refusal hash(const Policy& p, const Facts& f) {
  if (f.hash == p.request().hash.value) return std::nullopt;
  return fmt::format("the request is signed with {}; the policy wants '{}'",
                     f.hash ? fmt::format("'{}'", word(*f.hash)) : "an unstated hash",
                     word(p.request().hash.value));
}

Refusal successor_overlap(const Policy& p, const Facts& f) {
  if (f.compromised || !f.was_in_force) return std::nullopt;
  const auto overlap = p.lifetime().overlap.value;
  if (!f.superseded_for)
    return fmt::format(
        "{} is in force and nothing has taken its place; put a newer version in "
        "force first, or declare this one compromised",
        f.key.str());
  if (*f.superseded_for >= overlap) return std::nullopt;
  return fmt::format(
      "the successor of {} has been in force for {} hours; what the old one signed is valid until "
      "{} have passed: wait, or declare it compromised",
      f.key.str(), std::chrono::floor<std::chrono::hours>(*f.superseded_for).count(),
      overlap.count());
}

// Where each key stands. The keys of [export] but `mode` are asked only after exportable() held,
// and those of [issue] only of a key with usage `certificate`, which cannot lack the table.
const Location& at_size(const Policy& p) { return p.size_location(); }
const Location& at_usages(const Policy& p) { return p.key().usages.where; }
const Location& at_backup(const Policy& p) { return p.key().require_backup.where; }
const Location& at_mode(const Policy& p) { return p.exports().mode.where; }
const Location& at_recipients(const Policy& p) { return p.exports().wrapped->recipients.where; }
const Location& at_max(const Policy& p) { return p.exports().wrapped->max_recipients.where; }
const Location& at_suites(const Policy& p) { return p.exports().wrapped->suites.where; }
const Location& at_standby(const Policy& p) { return p.exports().wrapped->standbys.where; }
const Location& at_software(const Policy& p) {
  const auto& named = p.exports().wrapped->software_recipients;
  return named.value.empty() ? at_recipients(p) : named.where;
}
const Location& at_re_export(const Policy& p) { return p.exports().wrapped->re_export.where; }
const Location& at_key_days(const Policy& p) { return p.lifetime().key.where; }
const Location& at_certificate_days(const Policy& p) { return p.lifetime().certificate.where; }
const Location& at_overlap(const Policy& p) { return p.lifetime().overlap.where; }
const Location& at_roles(const Policy& p) { return p.request().roles.where; }
const Location& at_lint(const Policy& p) { return p.request().lint_profiles.where; }
const Location& at_overrides(const Policy& p) {
  const auto& overrides = p.request().overrides;
  return overrides.value.empty() ? at_lint(p) : overrides.where;
}
const Location& at_key_usage(const Policy& p) { return p.request().key_usage.where; }
const Location& at_eku(const Policy& p) { return p.request().extended_key_usage.where; }
const Location& at_unit(const Policy& p) { return p.request().organizational_unit.where; }
const Location& at_hash(const Policy& p) { return p.request().hash.where; }
const Location& at_ca(const Policy& p) { return p.ca().allowed.where; }
const Location& at_issue_days(const Policy& p) { return p.issue()->max.where; }
const Location& at_path_length(const Policy& p) { return p.issue()->path_length.where; }

constexpr Rule kRules[] = {
    {Action::kGenerate, "key.algorithm", at_size, algorithm},
    {Action::kGenerate, "export.mode", at_mode, wrap_with_trusted},

    {Action::kSign, "key.usages", at_usages, signing_usage},
    {Action::kSign, "lifetime.key_days", at_key_days, signing_within_key_life},
    {Action::kSign, "issue.max_days", at_issue_days, issue_days},
    {Action::kSign, "issue.path_length", at_path_length, issue_path_length},

    {Action::kRelease, "export.mode", at_mode, exportable},
    {Action::kRelease, "export.mode", at_mode, wrap_with_trusted},
    {Action::kRelease, "export.recipients", at_recipients, recipient},
    {Action::kRelease, "export.max_recipients", at_max, recipient_count},
    {Action::kRelease, "export.suites", at_suites, suite},
    {Action::kRelease, "export.re_export", at_re_export, re_export},
    {Action::kRelease, "export.standby", at_standby, standby},
    {Action::kRelease, "export.software_recipients", at_software, software},
    {Action::kRelease, "lifetime.key_days", at_key_days, within_key_life},
    {Action::kRelease, "key.require_backup", at_backup, outlives_its_token},

    {Action::kAccept, "export.mode", at_mode, exportable},
    {Action::kAccept, "export.mode", at_mode, standby_wrap_with_trusted},
    {Action::kAccept, "export.recipients", at_recipients, recipient},
    {Action::kAccept, "export.software_recipients", at_software, software},
    {Action::kAccept, "export.suites", at_suites, suite},
    {Action::kAccept, "key.algorithm", at_size, algorithm},

    {Action::kProve, "key.usages", at_usages, proof_usage},
    {Action::kProve, "export.mode", at_mode, member_may_hold},

    {Action::kRequest, "key.usages", at_usages, csr_usage},
    {Action::kRequest, "request.roles", at_roles, role},
    {Action::kRequest, "request.lint_profiles", at_lint, lint},
    {Action::kRequest, "request.overrides", at_overrides, lint_override},
    {Action::kRequest, "request.key_usage", at_key_usage, key_usage},
    {Action::kRequest, "request.extended_key_usage", at_eku, extended_key_usage},
    {Action::kRequest, "request.organizational_unit", at_unit, organizational_unit},
    {Action::kRequest, "request.hash", at_hash, hash},
    {Action::kRequest, "ca.allowed", at_ca, ca_kind},
    {Action::kRequest, "lifetime.certificate_days", at_certificate_days, certificate_days},
    {Action::kRequest, "lifetime.key_days", at_key_days, certificate_ends_before_key},
    {Action::kRequest, "key.require_backup", at_backup, outlives_its_token},

    {Action::kIssue, "ca.allowed", at_ca, ca_kind},
    {Action::kIssue, "request.roles", at_roles, role},
    {Action::kIssue, "request.key_usage", at_key_usage, key_usage},
    {Action::kIssue, "request.extended_key_usage", at_eku, extended_key_usage},
    {Action::kIssue, "lifetime.certificate_days", at_certificate_days, certificate_days},
    {Action::kIssue, "lifetime.key_days", at_key_days, certificate_ends_before_key},
    {Action::kIssue, "key.require_backup", at_backup, outlives_its_token},

    {Action::kInstall, "request.roles", at_roles, role},
    {Action::kInstall, "ca.allowed", at_ca, ca_kind},
    {Action::kInstall, "lifetime.certificate_days", at_certificate_days, certificate_days},
    {Action::kInstall, "export.mode", at_mode, member_may_hold},
    {Action::kInstall, "export.recipients", at_recipients, member_is_enrolled},
    {Action::kInstall, "key.require_backup", at_backup, outlives_its_token},

    {Action::kDestroy, "lifetime.overlap_hours", at_overlap, successor_overlap},
};

}  // namespace

std::span<const Rule> rules() { return kRules; }

}  // namespace poolkey::policy
