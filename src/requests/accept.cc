#include "requests/accept.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "base/error.h"
#include "requests/fqdn.h"

namespace poolkey::requests {
namespace {

using NameSet = std::set<std::string>;

NameSet name_set(const std::vector<std::string>& names) {
  NameSet out;
  for (const std::string& name : names) out.insert(lower_case(name));
  return out;
}

std::string list(const NameSet& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "'" : ", '") + name + "'";
  return out;
}

NameSet minus(const NameSet& a, const NameSet& b) {
  NameSet out;
  for (const std::string& name : a)
    if (!b.contains(name)) out.insert(name);
  return out;
}

void check_names(const crypto::Certificate& certificate, const RequestedNames& names,
                 Acceptance& out) {
  const std::string found = lower_case(certificate.common_name());
  const std::string asked = names.common_name.name;
  // A CA may drop the common name only where the SAN carries it.
  if (found != asked && !(found.empty() && !names.sans.empty()))
    out.faults.push_back("its common name is '" + found + "', and '" + asked + "' was asked for");
  const NameSet sans = name_set(certificate.dns_sans());
  const NameSet wanted = name_set(names.dns_sans());
  NameSet allowed = wanted;
  if (wanted.empty()) allowed.insert(asked);
  if (const NameSet missing = minus(wanted, sans); !missing.empty())
    out.faults.push_back("it lacks the names " + list(missing));
  if (const NameSet extra = minus(sans, allowed); !extra.empty())
    out.remarks.push_back("it has names that were not asked for: " + list(extra));
  const crypto::AlternativeNames all = certificate.alternative_names();
  if (!all.ip.empty() || !all.email.empty() || !all.uri.empty() || all.other != 0)
    out.faults.emplace_back("it has alternative names that are not DNS names");
}

void check_validity(const crypto::Certificate& certificate, Duration max_validity, Time now,
                    std::vector<std::string>& faults) {
  const Time begin = certificate.not_before();
  const Time end = certificate.not_after();
  if (now < begin) faults.push_back("it is not valid before " + rfc3339(begin));
  if (now > end) faults.push_back("it ended at " + rfc3339(end));
  const Duration validity = end - begin + Duration(1);
  if (validity > max_validity)
    faults.push_back("it is valid for " + std::to_string(validity.count()) +
                     " seconds; policy allows " + std::to_string(max_validity.count()));
}

void check_chain(const crypto::Certificate& certificate, const Expected& expected, Time now,
                 Acceptance& out) {
  // A leaf outside its dates is said elsewhere; here it would hide what the chain has.
  const bool dated = now >= certificate.not_before() && now <= certificate.not_after();
  try {
    out.chain = crypto::chain_of(certificate, expected.intermediates, expected.roots,
                                 dated ? std::optional(now) : std::nullopt);
  } catch (const Error& error) {
    out.faults.emplace_back(error.what());
  }
}

/// The newest list that `issuer` signed, if there is one.
const crypto::Crl* list_of(const crypto::Certificate& issuer,
                           const std::vector<crypto::Crl>& crls) {
  const crypto::Crl* newest = nullptr;
  for (const crypto::Crl& crl : crls) {
    if (crl.issuer_der() != issuer.subject_der()) continue;
    if (newest != nullptr && newest->this_update() >= crl.this_update()) continue;
    try {
      crl.verify(issuer);
      newest = &crl;
    } catch (const Error&) {  // another CA of the same name, or a forged one
    }
  }
  return newest;
}

void check_revocation(const crypto::Certificate& leaf, const Expected& expected, Time now,
                      Acceptance& out) {
  const crypto::Certificate* subject = &leaf;
  for (const crypto::Certificate& issuer : out.chain) {
    const crypto::Crl* crl = list_of(issuer, expected.crls);
    const std::string whose =
        subject == &leaf ? "it" : "its issuer '" + subject->common_name() + "'";
    if (crl == nullptr) {
      out.remarks.push_back("whether " + whose +
                            " is revoked is not known: no revocation list of '" +
                            issuer.common_name() + "' was imported");
    } else if (const auto revoked = crl->find(subject->serial())) {
      out.faults.push_back(whose + " was revoked at " + rfc3339(revoked->at) + " (" +
                           std::string(name(revoked->reason)) + ")");
    } else if (crl->next_update() && *crl->next_update() < now) {
      out.remarks.push_back("the revocation list of '" + issuer.common_name() + "' ended at " +
                            rfc3339(*crl->next_update()));
    }
    if (issuer == out.chain.back()) break;
    subject = &issuer;
  }
}

/// What the checks above say with more detail.
bool is_said(const Finding& f) {
  constexpr std::array<std::string_view, 5> kSaid{"validity.expired", "validity.not-yet",
                                                  "validity.backwards", "eku.missing",
                                                  "eku.no-server-auth"};
  return f.rule.starts_with("edge.") || f.rule.starts_with("server.") || f.rule == "ca.requested" ||
         std::ranges::find(kSaid, f.rule) != kSaid.end();
}

void check_lint(const crypto::Certificate& certificate, const Expected& expected, Time now,
                Acceptance& out) {
  const LintSubject subject(certificate, expected.pool);
  for (const Profile profile : expected.profiles)
    for (const Finding& f : lint(subject, profile, now)) {
      if (is_said(f) || f.severity == Severity::kInfo) continue;
      const std::string sentence =
          f.message + " (" + f.rule + ", " + std::string(policy::word(profile)) + "); " + f.fix;
      (f.severity == Severity::kError ? out.faults : out.remarks).push_back(sentence);
    }
}

}  // namespace

Acceptance check_certificate(const crypto::Certificate& certificate, const Expected& expected,
                             Time now) {
  Acceptance out;
  if (certificate.public_key() != expected.key)
    out.faults.push_back("its public key (SPKI SHA-256 " +
                         hex(certificate.public_key().spki_sha256()) + ") is not ours (" +
                         hex(expected.key.spki_sha256()) + ")");
  check_chain(certificate, expected, now, out);
  check_names(certificate, expected.names, out);
  check_validity(certificate, expected.max_validity, now, out.faults);
  if (!certificate.has_extended_key_usage(crypto::kServerAuth))
    out.faults.emplace_back("it lacks the extended key usage serverAuth");
  if (certificate.is_ca()) out.faults.emplace_back("it is a CA certificate");
  check_revocation(certificate, expected, now, out);
  check_lint(certificate, expected, now, out);
  return out;
}

std::string sentence_of(const std::string& what, const std::vector<std::string>& faults) {
  std::string out = what + " is not accepted:";
  for (const std::string& fault : faults) out += "\n  " + fault;
  return out;
}

}  // namespace poolkey::requests
