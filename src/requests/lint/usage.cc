// Rules on a request's own signature, and on the usages that it or a certificate has.
#include <algorithm>
#include <array>
#include <initializer_list>
#include <iterator>

#include "requests/lint/rule.h"

namespace poolkey::requests {
namespace {

using enum Level;
using crypto::KeyUsage;
constexpr Applies kRequestOnly = Applies::kRequest;

/// Chrome Root Program 1.3.2: certificates issued from then on have serverAuth alone.
constexpr Time kClientAuthEnds =
    std::chrono::sys_days(std::chrono::year(2027) / std::chrono::March / 15);

bool asks_for(const LintInput& in, std::string_view oid) {
  return std::ranges::find(in.content.extended_key_usage, oid) !=
         in.content.extended_key_usage.end();
}

bool asks_for(const LintInput& in, KeyUsage usage) {
  return in.content.key_usage && in.content.key_usage->contains(usage);
}

bool lacks(const LintInput& in, KeyUsage usage) {
  return in.content.key_usage && !in.content.key_usage->contains(usage);
}

Offences signature_invalid(const LintInput& in) { return offence_if(!in.subject.signature_valid); }

Offences signature_if(const LintInput& in, bool bad) {
  return bad ? Offences{in.content.signature_algorithm} : Offences{};
}

Offences pss_signature(const LintInput& in) {
  return signature_if(in, in.content.signature_algorithm == kPssSignature);
}

Offences sha1_signature(const LintInput& in) {
  return signature_if(in, is_sha1_signature(in.content.signature_algorithm));
}

Offences other_signature(const LintInput& in) {
  const std::string& algorithm = in.content.signature_algorithm;
  return signature_if(in, algorithm != kPssSignature && !is_sha1_signature(algorithm) &&
                              !is_good_signature(algorithm));
}

Offences no_server_auth(const LintInput& in) {
  return offence_if(!in.content.extended_key_usage.empty() && !asks_for(in, crypto::kServerAuth) &&
                    !asks_for(in, crypto::kAnyExtendedKeyUsage));
}

Offences client_auth(const LintInput& in) {
  // Under the other profiles the date does not matter: no public CA is asked.
  return offence_if(asks_for(in, crypto::kClientAuth) &&
                    (in.profile != Profile::kPublicBr || in.issued < kClientAuthEnds));
}

Offences client_auth_ended(const LintInput& in) {
  return offence_if(asks_for(in, crypto::kClientAuth) && in.issued >= kClientAuthEnds);
}

Offences any_usage(const LintInput& in) {
  return offence_if(asks_for(in, crypto::kAnyExtendedKeyUsage));
}

/// codeSigning, emailProtection, timeStamping, OCSPSigning, and signing of precertificates.
constexpr std::array<std::string_view, 5> kForbiddenPurposes{
    "1.3.6.1.5.5.7.3.3", "1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.8", crypto::kOcspSigning,
    "1.3.6.1.4.1.11129.2.4.4"};

bool is_forbidden_purpose(const std::string& oid) {
  return std::ranges::find(kForbiddenPurposes, oid) != kForbiddenPurposes.end();
}

Offences forbidden_usage(const LintInput& in) {
  Offences out;
  std::ranges::copy_if(in.content.extended_key_usage, std::back_inserter(out),
                       is_forbidden_purpose);
  return out;
}

Offences other_usage(const LintInput& in) {
  Offences out;
  for (const std::string& oid : in.content.extended_key_usage)
    if (oid != crypto::kServerAuth && oid != crypto::kClientAuth &&
        oid != crypto::kAnyExtendedKeyUsage && !is_forbidden_purpose(oid))
      out.push_back(oid);
  return out;
}

Offences critical_usage(const LintInput& in) { return offence_if(in.content.eku_critical); }

Offences usages_among(const LintInput& in, std::initializer_list<KeyUsage> usages) {
  Offences out;
  for (const KeyUsage usage : usages)
    if (asks_for(in, usage)) out.emplace_back(name(usage));
  return out;
}

Offences signs_certificates(const LintInput& in) {
  return usages_among(in, {KeyUsage::kKeyCertSign, KeyUsage::kCrlSign});
}

Offences is_ca(const LintInput& in) { return offence_if(in.content.is_ca); }

Offences rsa_without_signature(const LintInput& in) {
  return offence_if(is_rsa(in) && lacks(in, KeyUsage::kDigitalSignature));
}

Offences rsa_without_encipherment(const LintInput& in) {
  return offence_if(is_rsa(in) && lacks(in, KeyUsage::kKeyEncipherment));
}

Offences ec_without_signature(const LintInput& in) {
  return offence_if(is_ec(in) && lacks(in, KeyUsage::kDigitalSignature));
}

Offences ec_with_encipherment(const LintInput& in) {
  return offence_if(is_ec(in) && asks_for(in, KeyUsage::kKeyEncipherment));
}

/// What has no rule of its own of the usages that are not permitted for the kind of key.
Offences forbidden_key_usage(const LintInput& in) {
  using enum KeyUsage;
  const KeyUsage other = is_rsa(in) ? kKeyAgreement : kDataEncipherment;
  return is_rsa(in) || is_ec(in)
             ? usages_among(in, {kNonRepudiation, other, kEncipherOnly, kDecipherOnly})
             : Offences{};
}

Offences discouraged_key_usage(const LintInput& in) {
  if (!is_rsa(in) && !is_ec(in)) return {};
  return usages_among(in, {is_rsa(in) ? KeyUsage::kDataEncipherment : KeyUsage::kKeyAgreement});
}

Offences usage_not_critical(const LintInput& in) {
  return offence_if(in.content.key_usage && !in.content.key_usage_critical);
}

constexpr std::array kRules{
    Rule{"signature.invalid", kError, kError, kError,
         "the request's signature does not verify with the key inside",
         "sign the request again with its own key", "RFC 2986 section 3", signature_invalid,
         kRequestOnly},
    Rule{"signature.pss", kError, kError, kError, "the request is signed with RSASSA-PSS",
         "sign with PKCS#1 v1.5 and SHA-256", "certificate infrastructure topic", pss_signature,
         kRequestOnly},
    Rule{"signature.sha1", kError, kWarn, kWarn, "the request is signed with SHA-1",
         "sign with SHA-256", "BR 7.1.3.2.1; Boulder csr", sha1_signature, kRequestOnly},
    Rule{"signature.algorithm", kError, kError, kError,
         "the request is signed with an algorithm that CAs do not take",
         "sign with SHA-256 and RSA or ECDSA", "BR 7.1.3.2", other_signature, kRequestOnly},
    Rule{"eku.no-server-auth", kError, kError, kError,
         "there are extended key usages, but serverAuth is none of them", "add serverAuth",
         "BR 7.1.2.7.10; certificate infrastructure topic", no_server_auth},
    Rule{"eku.client-auth", kWarn, kInfo, kInfo, "clientAuth is an extended key usage",
         "ask for serverAuth alone; nothing in the product needs more", "CRP 1.3.2", client_auth},
    Rule{"eku.client-auth-ended", kError, kOff, kOff,
         "clientAuth is an extended key usage, which public certificates may not have from "
         "2027-03-15",
         "ask for serverAuth alone", "CRP 1.3.2", client_auth_ended},
    Rule{"eku.any", kError, kInfo, kWarn, "anyExtendedKeyUsage is an extended key usage",
         "ask for serverAuth alone", "BR 7.1.2.7.10", any_usage},
    Rule{"eku.forbidden", kError, kInfo, kWarn,
         "there is an extended key usage that no TLS certificate may have",
         "ask for serverAuth alone", "BR 7.1.2.7.10", forbidden_usage},
    Rule{"eku.other", kWarn, kInfo, kInfo, "there is an extended key usage beside serverAuth",
         "ask for serverAuth alone", "BR 7.1.2.7.10", other_usage},
    Rule{"eku.critical", kError, kWarn, kWarn, "the extended key usage is critical",
         "let poolkey build the request", "BR 7.1.2.7.6", critical_usage},
    Rule{"ku.signs-certificates", kError, kError, kError, "the key usage is a CA's",
         "ask for digitalSignature and keyEncipherment", "BR 7.1.2.7.11", signs_certificates},
    Rule{"ca.requested", kError, kError, kError, "basicConstraints says that it is a CA",
         "leave basicConstraints out", "BR 7.1.2.7.8", is_ca},
    Rule{"ku.rsa-signature", kWarn, kWarn, kWarn, "the key usage lacks digitalSignature",
         "ask for digitalSignature and keyEncipherment", "BR 7.1.2.7.11", rsa_without_signature},
    Rule{"ku.rsa-encipherment", kOff, kWarn, kOff, "the key usage lacks keyEncipherment",
         "ask for it too: older clients use RSA key exchange", "reverse proxy topic",
         rsa_without_encipherment},
    Rule{"ku.ec-signature", kError, kError, kError, "the key usage lacks digitalSignature",
         "ask for digitalSignature alone", "BR 7.1.2.7.11", ec_without_signature},
    Rule{"ku.forbidden", kError, kOff, kWarn, "the key usage is not permitted for such a key",
         "ask for digitalSignature, for RSA with keyEncipherment", "BR 7.1.2.7.11",
         forbidden_key_usage},
    Rule{"ku.discouraged", kWarn, kOff, kOff, "the key usage will soon be prohibited",
         "ask for digitalSignature, for RSA with keyEncipherment", "BR 7.1.2.7.11",
         discouraged_key_usage},
    Rule{"ku.not-critical", kWarn, kOff, kInfo, "the key usage is not critical",
         "let poolkey build the request", "RFC 5280 4.2.1.3", usage_not_critical},
    Rule{"ku.ec-encipherment", kError, kWarn, kWarn, "an EC key cannot do keyEncipherment",
         "ask for digitalSignature alone", "BR 7.1.2.7.11", ec_with_encipherment},
};

}  // namespace

bool is_sha1_signature(std::string_view algorithm) {
  return algorithm == "sha1WithRSAEncryption" || algorithm == "ecdsa-with-SHA1";
}

bool is_good_signature(std::string_view algorithm) {
  constexpr std::array<std::string_view, 6> kGood{
      "sha256WithRSAEncryption", "sha384WithRSAEncryption", "sha512WithRSAEncryption",
      "ecdsa-with-SHA256",       "ecdsa-with-SHA384",       "ecdsa-with-SHA512"};
  return std::ranges::find(kGood, algorithm) != kGood.end();
}

std::span<const Rule> usage_rules() { return kRules; }

}  // namespace poolkey::requests
