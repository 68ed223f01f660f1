#include "requests/ca/client.h"

#include <algorithm>
#include <array>

#include "crypto/digest.h"
#include "pool/repository.h"
#include "requests/ca/sign.h"
#include "requests/fqdn.h"
#include "requests/issue.h"

namespace poolkey::requests {
namespace {

struct Kind {
  std::string_view profile;
  std::string_view extended_key_usage;
  Days CaConfig::*validity;
};
constexpr Kind kService{kServiceProfile, crypto::kServerAuth, &CaConfig::service_validity};
constexpr Kind kMember{kMemberProfile, crypto::kClientAuth, &CaConfig::member_validity};
constexpr Kind kClient{kClientProfile, crypto::kClientAuth, &CaConfig::client_validity};

/// Of clients; members' and the service's are ours, and P-256.
constexpr std::array<std::string_view, 6> kAlgorithms{"EC-P-256", "EC-P-384", "RSA-2048",
                                                      "RSA-3072", "RSA-4096", "Ed25519"};

struct Wanted {
  const Kind& kind;
  crypto::DistinguishedName subject;
  crypto::PublicKey key;
  std::vector<std::string> dns{};
  std::vector<std::string> addresses{};
  std::string csr_sha256{};
  Renewal renewal = Renewal::kWhenDue;
};

crypto::CertificateSpec specification(const Wanted& wanted, const CaConfig& config,
                                      const keys::OriginSigner& ca, const policy::Policy& policy,
                                      Time now) {
  const keys::IssuerPointers pointers = config.pointers(ca.key.name);
  Days validity = config.*wanted.kind.validity;
  if (policy.issue()) validity = std::min(validity, policy.issue()->max.value);
  if (ca.certificate.not_after() <= now)
    throw Error(Errc::kConflict, "the issuing CA ended at " + rfc3339(ca.certificate.not_after()) +
                                     "; run 'poolkey ca rollover issuing'");
  return {.subject = wanted.subject,
          .dns_sans = wanted.dns,
          .ip_sans = wanted.addresses,
          .not_before = now,
          // The last second counts (RFC 5280 4.1.2.5).
          .not_after = std::min(Time(now + validity - Duration(1)), ca.certificate.not_after()),
          .key_usage = {crypto::KeyUsage::kDigitalSignature},
          .extended_key_usage = {std::string(wanted.kind.extended_key_usage)},
          .crl_distribution_points = pointers.crl,
          .ca_issuers = pointers.ca_issuers,
          .ocsp = pointers.ocsp};
}

/// What the register has for this key is taken if it is for the same names and not ending.
std::optional<keys::IssuedCertificate> found(store::Database& database, const Wanted& wanted,
                                             const keys::OriginSigner& ca, Time now) {
  const auto newest =
      keys::issued_to(database, wanted.key, ca.key.name, std::string(wanted.kind.profile), now);
  if (!newest || newest->subject != crypto::subject_text(wanted.subject)) return std::nullopt;
  if (wanted.renewal == Renewal::kNow || is_ending(newest->not_before, newest->not_after, now))
    return std::nullopt;
  const crypto::AlternativeNames names =
      crypto::Certificate::from_pem(newest->pem).alternative_names();
  if (names.dns != wanted.dns || names.ip != wanted.addresses) return std::nullopt;
  return newest;
}

ClientCertificate given(store::Database& database, keys::IssuedCertificate issued, bool already) {
  auto chain = keys::chain_of(database, crypto::Certificate::from_pem(issued.pem));
  return {std::move(issued), std::move(chain), already};
}

/// Without a journal: the register tells what is done. Of two at once both are good.
ClientCertificate ensure(keys::Context& context, const CaConfig& config, const Wanted& wanted) {
  store::Database& database = context.database;
  const Time now = context.clock.now();
  const keys::OriginSigner ca = keys::issuing_ca(database);
  if (auto there = found(database, wanted, ca, now))
    return given(database, std::move(*there), true);
  keys::refuse_bad_key(database, wanted.key);
  const policy::Policy policy = keys::policy_of(database, ca.key);
  crypto::CertificateSpec spec = specification(wanted, config, ca, policy, now);
  const CaKey key = ca_key(context, ca, policy, spec.not_after - spec.not_before);
  std::string serial;
  keys::record(context, "ca issue " + std::string(wanted.kind.profile), wanted.subject.common_name,
               key.rule, nullptr, [&]() -> json::object {
                 spec.serial = keys::fresh_serial(context);
                 const auto made = crypto::Certificate::from_der(crypto::issue(
                     spec, wanted.key, ca.certificate, key.key.get(), context.library));
                 keys::register_issued(database, made, ca.key.name,
                                       std::string(wanted.kind.profile), wanted.csr_sha256, now);
                 serial = made.serial();
                 return {{"issuer", ca.key.name.str()},
                         {"serial", serial},
                         {"sha256", hex(made.sha256())},
                         {"spki_sha256", hex(wanted.key.spki_sha256())},
                         {"not_after", rfc3339(made.not_after())}};
               });
  return given(database, keys::find_issued(database, serial).value(), false);
}

void check_names(const std::vector<std::string>& dns, const std::vector<std::string>& addresses) {
  if (dns.empty() && addresses.empty())
    throw Error(Errc::kInvalidArgument, "the service has no name to be reached by");
  for (const std::string& name : dns)
    if (const auto fault = fqdn_fault(name); fault && name != "localhost")
      throw Error(Errc::kInvalidArgument, "'" + name + "' is no DNS name: " + *fault);
}

/// Our linter's rules on keys; its rules on names are for certificates of servers.
void check_key(const crypto::ParsedCsr& csr, Time now) {
  const std::string& algorithm = csr.public_key.algorithm();
  if (std::ranges::find(kAlgorithms, algorithm) == kAlgorithms.end())
    throw Error(Errc::kDenied, "the request's key is " + algorithm +
                                   "; a client's is EC-P-256, EC-P-384, RSA-2048, RSA-3072, "
                                   "RSA-4096 or Ed25519");
  for (const Finding& f : lint({csr, std::nullopt}, Profile::kInternal, now))
    if (f.severity == Severity::kError && f.rule.starts_with("key.") && algorithm != "Ed25519")
      throw Error(Errc::kDenied, f.rule + ": " + f.message + "; " + f.fix);
}

/// A key that is somebody's proves who that is.
void expect_own(store::Database& database, const crypto::PublicKey& key, const std::string& name,
                Time now) {
  const std::string subject = crypto::subject_text({.common_name = name});
  for (const keys::OriginSigner& ca : keys::origin_versions(database, keys::OriginRole::kIssuingCa))
    if (const auto theirs =
            keys::issued_to(database, key, ca.key.name, std::string(kClientProfile), now);
        theirs && theirs->subject != subject)
      throw Error(Errc::kConflict,
                  "the request's key is in use under another name; make a new "
                  "key for '" +
                      name + "'");
}

}  // namespace

ClientCertificate service_certificate(keys::Context& context, const CaConfig& config,
                                      const std::vector<std::string>& dns,
                                      const std::vector<std::string>& addresses,
                                      const crypto::PublicKey& key, Renewal renewal) {
  check_names(dns, addresses);
  Wanted wanted{.kind = kService,
                .subject = {.common_name = dns.empty() ? addresses.front() : dns.front()},
                .key = key};
  wanted.dns = dns;
  wanted.addresses = addresses;
  wanted.renewal = renewal;
  return ensure(context, config, wanted);
}

ClientCertificate member_certificate(keys::Context& context, const CaConfig& config,
                                     const PoolName& pool, const MemberName& member,
                                     Renewal renewal) {
  const pool::Member known = pool::member(context.database, pool, member);
  const std::string name = pool.str() + "/" + member.str();
  if (!known.enrolled || !known.identity)
    throw Error(Errc::kConflict, "member '" + name +
                                     "' is not enrolled; it has no identity key "
                                     "that could be certified");
  Wanted wanted{.kind = kMember, .subject = {.common_name = name}, .key = *known.identity};
  wanted.renewal = renewal;
  return ensure(context, config, wanted);
}

void check_client_request(keys::Context& context, const std::string& name,
                          const crypto::ParsedCsr& csr) {
  if (!csr.signature_valid)
    throw Error(Errc::kInvalidArgument,
                "the request is not signed by the key inside: who sent it does not have that key");
  if (std::ranges::any_of(csr.common_names, [&](const auto& one) { return one != name; }))
    throw Error(Errc::kInvalidArgument, "the request is not one for '" + name +
                                            "': leave its subject empty, or write CN=" + name);
  const Time now = context.clock.now();
  check_key(csr, now);
  keys::refuse_bad_key(context.database, csr.public_key);
  expect_own(context.database, csr.public_key, name, now);
}

ClientCertificate client_certificate(keys::Context& context, const CaConfig& config,
                                     const std::string& name, const crypto::ParsedCsr& csr,
                                     Renewal renewal) {
  check_client_request(context, name, csr);
  Wanted wanted{.kind = kClient, .subject = {.common_name = name}, .key = csr.public_key};
  wanted.csr_sha256 = hex(crypto::sha256(csr.der));
  wanted.renewal = renewal;
  return ensure(context, config, wanted);
}

}  // namespace poolkey::requests
