#include "requests/ca/sign.h"

#include <algorithm>
#include <array>

#include "crypto/digest.h"
#include "keys/signer.h"
#include "requests/fqdn.h"
#include "requests/issue.h"

namespace poolkey::requests {
namespace {

struct Limit {
  std::string_view until;  ///< the first moment at which it does not hold any more
  int days;
};
// CA/Browser Forum TLS Baseline Requirements 6.3.2.
constexpr std::array kLimits{Limit{"2026-03-15T00:00:00Z", 398}, Limit{"2027-03-15T00:00:00Z", 200},
                             Limit{"2029-03-15T00:00:00Z", 100}};
constexpr int kLastLimit = 47;

constexpr std::size_t kMostFaultyNames = 10;

bool is_below(const std::string& name, const std::string& suffix) {
  return name == suffix || name.ends_with("." + suffix);
}

bool is_allowed(const std::string& name, const CaProfile& profile) {
  std::string plain = lower_case(name);
  if (plain.starts_with("*.")) plain.erase(0, 2);
  return std::ranges::any_of(profile.suffixes,
                             [&](const std::string& s) { return is_below(plain, s); });
}

std::string list(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

/// Octets of a stranger's request, so that they cannot play tricks in a terminal.
std::string shown(const std::string& name) {
  std::string out;
  for (const char c : name.substr(0, 80))
    out += c > 0x20 && c < 0x7f ? std::string(1, c) : "\\x" + hex(view({&c, 1}));
  return "'" + out + (name.size() > 80 ? "...'" : "'");
}

void check_names(const crypto::ParsedCsr& csr, const CaProfile& profile,
                 std::vector<std::string>& faults) {
  const std::size_t count = csr.sans.dns.size();
  if (count > profile.max_names) {
    faults.push_back("it asks for " + std::to_string(count) + " names; the profile allows " +
                     std::to_string(profile.max_names) + " (max_names)");
    return;
  }
  std::vector<std::string> names = csr.sans.dns;
  names.insert(names.end(), csr.common_names.begin(), csr.common_names.end());
  std::vector<std::string> outside;
  for (const std::string& name : names)
    if (!is_allowed(name, profile) && std::ranges::find(outside, shown(name)) == outside.end())
      outside.push_back(shown(name));
  if (outside.empty()) return;
  const std::size_t all = outside.size();
  outside.resize(std::min(all, kMostFaultyNames));
  faults.push_back(
      "the profile allows names in " + list(profile.suffixes) + ", and not " + list(outside) +
      (all > outside.size() ? " and " + std::to_string(all - outside.size()) + " more" : ""));
}

/// Everything about a request that the profile does not allow.
void check_request(const crypto::ParsedCsr& csr, const CaProfile& profile) {
  std::vector<std::string> faults;
  const std::string& algorithm = csr.public_key.algorithm();
  if (std::ranges::find(profile.key_algorithms, algorithm) == profile.key_algorithms.end())
    faults.push_back("its key is " + algorithm + "; the profile allows " +
                     list(profile.key_algorithms));
  check_names(csr, profile, faults);
  if (faults.empty()) return;
  std::string sentence =
      "the request is not signed under profile '" + profile.name + "' of the CA:";
  for (const std::string& fault : faults) sentence += "\n  " + fault;
  throw Error(Errc::kInvalidArgument, sentence);
}

std::vector<Finding> check_lint(const crypto::ParsedCsr& csr, const CaProfile& profile, Time now) {
  std::vector<Finding> findings = lint({csr, std::nullopt}, profile.lint, now);
  std::string errors;
  for (const Finding& f : findings)
    if (f.severity == Severity::kError) errors += "\n  " + f.rule + ": " + f.message + "; " + f.fix;
  if (!errors.empty())
    throw Error(Errc::kDenied, "the request breaks rules of lint profile '" +
                                   std::string(policy::word(profile.lint)) + "', which profile '" +
                                   profile.name +
                                   "' of the CA asks for; it was not signed:" + errors);
  return findings;
}

/// The certificate's contents, and what in it is not as asked.
crypto::CertificateSpec specification(const crypto::ParsedCsr& csr, const CaConfig& config,
                                      const CaProfile& profile, const keys::OriginSigner& ca,
                                      const policy::Policy& policy, Time now,
                                      std::vector<std::string>& remarks) {
  const keys::IssuerPointers pointers = config.pointers(ca.key.name);
  Days max = profile.max;
  if (profile.lint == Profile::kPublicBr && public_limit(now) < max) {
    max = public_limit(now);
    remarks.push_back("it is valid for " + std::to_string(max.count()) +
                      " days, as public CAs are limited to today (BR 6.3.2)");
  }
  if (policy.issue() && policy.issue()->max.value < max) {
    max = policy.issue()->max.value;
    remarks.push_back("it is valid for " + std::to_string(max.count()) + " days, as " +
                      policy.issue()->max.where.str() + " issue.max_days allows");
  }
  crypto::CertificateSpec spec = certificate_spec(csr,
                                                  {.max_validity = max,
                                                   .extended_key_usage = profile.extended_key_usage,
                                                   .key_usage = profile.key_usage,
                                                   .crl_distribution_points = pointers.crl,
                                                   .ca_issuers = pointers.ca_issuers,
                                                   .ocsp = pointers.ocsp},
                                                  ca.certificate.not_after(), now);
  if (spec.not_after == ca.certificate.not_after())
    remarks.push_back("it ends with the issuing CA, at " + rfc3339(spec.not_after));
  spec.subject = {.common_name = csr.name.common_name, .organization = profile.organization};
  if (spec.subject != csr.name)
    remarks.emplace_back(
        "of its subject only the common name was taken; the organization is the profile's");
  return spec;
}

ForeignCertificate given(store::Database& database, keys::IssuedCertificate issued,
                         std::vector<Finding> findings, std::vector<std::string> remarks,
                         bool already) {
  auto chain = keys::chain_of(database, crypto::Certificate::from_pem(issued.pem));
  return {std::move(issued), std::move(chain), std::move(findings), std::move(remarks), already};
}

}  // namespace

CaKey ca_key(keys::Context& context, const keys::OriginSigner& ca, const policy::Policy& policy,
             Duration validity) {
  policy::Permit allowed = keys::permit(context, policy,
                                        {.action = policy::Action::kSign,
                                         .key = ca.key.name,
                                         .algorithm = ca.key.public_key.algorithm(),
                                         .key_age = context.clock.now() - ca.key.created,
                                         .usage = policy::Usage::kCertificate,
                                         .validity = validity});
  std::string rule = allowed.rule();
  return {keys::signing_key(context, std::move(allowed), policy::Usage::kCertificate, ca.key),
          std::move(rule)};
}

Days public_limit(Time now) {
  for (const Limit& limit : kLimits)
    if (now < parse_rfc3339(limit.until)) return Days(limit.days);
  return Days(kLastLimit);
}

ForeignCertificate sign_foreign(keys::Context& context, const CaConfig& config,
                                const crypto::ParsedCsr& csr, const std::string& profile_name) {
  store::Database& database = context.database;
  const CaProfile& profile = config.profile(profile_name);
  const Time now = context.clock.now();
  const std::string digest = hex(crypto::sha256(csr.der));
  const std::string subject = digest + "/" + profile.name;
  const auto signed_already = [&]() -> std::optional<keys::IssuedCertificate> {
    auto newest = keys::issued_for(database, digest, profile.name, now);
    if (newest && is_ending(newest->not_before, newest->not_after, now)) newest.reset();
    return newest;
  };
  if (const auto issued = signed_already()) {
    context.journal.settle("ca sign", subject);
    return given(database, *issued, {}, {}, true);
  }
  check_request(csr, profile);
  keys::refuse_bad_key(database, csr.public_key);
  std::vector<Finding> findings = check_lint(csr, profile, now);
  const keys::OriginSigner ca = keys::issuing_ca(database);
  std::vector<std::string> remarks;
  const policy::Policy policy = keys::policy_of(database, ca.key);
  crypto::CertificateSpec spec = specification(csr, config, profile, ca, policy, now, remarks);
  const CaKey key = ca_key(context, ca, policy, spec.not_after - spec.not_before);
  // It has no step, for the register tells what is done; while it lives nobody else signs this.
  store::Operation operation = context.journal.begin("ca sign", subject);
  if (!signed_already())
    keys::record(context, "ca sign", subject, key.rule, &operation, [&]() -> json::object {
      spec.serial = keys::fresh_serial(context);
      const auto made = crypto::Certificate::from_der(
          crypto::issue(spec, csr.public_key, ca.certificate, key.key.get(), context.library));
      keys::register_issued(database, made, ca.key.name, profile.name, digest, now);
      return {{"subject", made.subject()},
              {"issuer", ca.key.name.str()},
              {"serial", made.serial()},
              {"sha256", hex(made.sha256())},
              {"configuration_sha256", config.sha256},
              {"not_after", rfc3339(made.not_after())}};
    });
  operation.finish();
  return given(database, signed_already().value(), std::move(findings), std::move(remarks), false);
}

}  // namespace poolkey::requests
