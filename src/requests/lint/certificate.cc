// Rules on what only a certificate has: dates, serial, issuer's signature, where to ask about it.
#include <algorithm>
#include <array>

#include "requests/lint/rule.h"
#include "requests/validity.h"

namespace poolkey::requests {
namespace {

using enum Level;
constexpr Applies kOnly = Applies::kCertificate;

/// BR 1.6.1: such a certificate needs no CRL and no OCSP, from 2026-03-15.
constexpr long kShortLivedDays = 7;

long days(const LintInput& in) {
  return validity_days(in.certificate->not_before(), in.certificate->not_after());
}

Offences days_if(const LintInput& in, bool bad) {
  return bad ? Offences{std::to_string(days(in)) + " days"} : Offences{};
}

Offences version(const LintInput& in) {
  return in.certificate->version() != 3 ? Offences{std::to_string(in.certificate->version())}
                                        : Offences{};
}

Offences too_long(const LintInput& in) {
  return days_if(in, days(in) > validity_limit(in.issued).max_days);
}

Offences not_advised(const LintInput& in) {
  const ValidityLimit limit = validity_limit(in.issued);
  return days_if(in, days(in) > limit.advised_days && days(in) <= limit.max_days);
}

Offences backwards(const LintInput& in) {
  return offence_if(in.certificate->not_after() < in.certificate->not_before());
}

Offences expired(const LintInput& in) {
  return in.now > in.certificate->not_after() ? Offences{rfc3339(in.certificate->not_after())}
                                              : Offences{};
}

Offences not_yet(const LintInput& in) {
  return in.now < in.issued ? Offences{rfc3339(in.issued)} : Offences{};
}

/// Hexadecimal, with a sign if it is negative.
Offences serial_if(const LintInput& in, bool (*bad)(std::string_view serial)) {
  const std::string serial = in.certificate->serial();
  return bad(serial) ? Offences{serial} : Offences{};
}

Offences serial_invalid(const LintInput& in) {
  return serial_if(in, [](std::string_view serial) {
    // Twenty octets with the highest bit set need one more in DER.
    return serial.starts_with('-') || serial.size() > 40 ||
           (serial.size() == 40 && serial.front() >= '8') ||
           serial.find_first_not_of('0') == std::string_view::npos;
  });
}

Offences serial_small(const LintInput& in) {
  return serial_if(in, [](std::string_view serial) { return serial.size() < 16; });
}

Offences signature_if(const LintInput& in, bool (*bad)(std::string_view algorithm)) {
  const std::string& algorithm = in.content.signature_algorithm;
  return bad(algorithm) ? Offences{algorithm} : Offences{};
}

Offences sha1(const LintInput& in) {
  return signature_if(in, [](std::string_view a) { return is_sha1_signature(a); });
}
Offences pss(const LintInput& in) {
  return signature_if(in, [](std::string_view a) { return a == kPssSignature; });
}
Offences other_signature(const LintInput& in) {
  return signature_if(in, [](std::string_view a) {
    return a != kPssSignature && !is_sha1_signature(a) && !is_good_signature(a);
  });
}

Offences self_signed(const LintInput& in) { return offence_if(in.certificate->is_self_signed()); }

Offences no_cdp(const LintInput& in) {
  return offence_if(in.content.crl_distribution_points.empty());
}

Offences cdp_not_http(const LintInput& in) {
  const std::vector<std::string>& urls = in.content.crl_distribution_points;
  const bool any =
      std::ranges::any_of(urls, [](const std::string& url) { return url.starts_with("http://"); });
  return any || urls.empty() ? Offences{} : urls;
}

Offences no_revocation(const LintInput& in) {
  return offence_if(in.content.crl_distribution_points.empty() && in.content.ocsp.empty() &&
                    days(in) > kShortLivedDays);
}

Offences no_aia(const LintInput& in) {
  return offence_if(in.content.ca_issuers.empty() && in.content.ocsp.empty());
}

Offences no_eku(const LintInput& in) { return offence_if(in.content.extended_key_usage.empty()); }

constexpr std::array kRules{
    Rule{"certificate.version", kError, kError, kError, "the certificate is not of version 3",
         "have it issued again", "BR 7.1.1", version, kOnly},
    Rule{"validity.too-long", kError, kOff, kOff,
         "the certificate is valid for longer than a public one of its day may be",
         "ask for fewer days", "BR 6.3.2", too_long, kOnly},
    Rule{"validity.advised", kInfo, kOff, kOff, "the certificate is valid for the last day allowed",
         "ask for one day less, so that a second does not break the limit", "BR 6.3.2", not_advised,
         kOnly},
    Rule{"validity.backwards", kError, kError, kError, "the certificate ends before it begins",
         "have it issued again", "RFC 5280 4.1.2.5", backwards, kOnly},
    Rule{"validity.expired", kError, kError, kError, "the certificate has ended",
         "have a new one issued", "RFC 5280 4.1.2.5", expired, kOnly},
    Rule{"validity.not-yet", kWarn, kWarn, kWarn, "the certificate is not valid yet",
         "wait, or look at the clocks", "RFC 5280 4.1.2.5", not_yet, kOnly},
    Rule{"serial.invalid", kError, kError, kError,
         "the serial is zero, negative or longer than 20 octets", "have it issued again",
         "RFC 5280 4.1.2.2", serial_invalid, kOnly},
    Rule{"serial.small", kError, kOff, kWarn, "the serial cannot have 64 random bits",
         "have it issued by a CA with random serials", "BR 7.1", serial_small, kOnly},
    Rule{"certificate.sha1", kError, kWarn, kError, "the certificate is signed with SHA-1",
         "ask for SHA-256", "BR 7.1.3.2.1", sha1, kOnly},
    Rule{"certificate.pss", kOff, kError, kWarn,
         "the certificate is signed with RSASSA-PSS, which the product does not support",
         "ask for a chain that signs with PKCS#1 v1.5", "certificate infrastructure topic", pss,
         kOnly},
    Rule{"certificate.algorithm", kError, kError, kError,
         "the certificate is signed with an algorithm that public CAs do not use",
         "ask for SHA-256 with RSA or ECDSA", "BR 7.1.3.2", other_signature, kOnly},
    Rule{"certificate.self-signed", kError, kError, kError, "the certificate signs itself",
         "have it issued by a CA", "certificate infrastructure topic", self_signed, kOnly},
    Rule{"certificate.no-cdp", kOff, kError, kWarn, "the certificate has no CRL distribution point",
         "ask for a profile that has one", "certificate infrastructure topic", no_cdp, kOnly},
    Rule{"certificate.cdp-not-http", kWarn, kWarn, kInfo,
         "no CRL distribution point is an http URL, which is how an Edge Server reads one",
         "ask for a profile with an http URL", "edge environmental requirements topic",
         cdp_not_http, kOnly},
    Rule{"certificate.no-revocation", kError, kOff, kOff,
         "the certificate names neither a CRL nor an OCSP responder", "have it issued again",
         "BR 7.1.2.11.2", no_revocation, kOnly},
    Rule{"certificate.no-aia", kError, kOff, kInfo,
         "the certificate has no authority information access", "have it issued again",
         "BR 7.1.2.7.7", no_aia, kOnly},
    Rule{"eku.missing", kError, kError, kError,
         "the certificate has no extended key usage, and so is good for anything",
         "have it issued with serverAuth", "BR 7.1.2.7.10; certificate infrastructure topic",
         no_eku, kOnly},
};

}  // namespace

std::span<const Rule> certificate_rules() { return kRules; }

}  // namespace poolkey::requests
