#include "requests/accept.h"

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
                 std::vector<std::string>& faults) {
  const std::string found = lower_case(certificate.common_name());
  const std::string asked = names.common_name.name;
  // A CA may drop the common name only where the SAN carries it.
  if (found != asked && !(found.empty() && !names.sans.empty()))
    faults.push_back("its common name is '" + found + "', and '" + asked + "' was asked for");
  const NameSet sans = name_set(certificate.dns_sans());
  const NameSet wanted = name_set(names.dns_sans());
  NameSet allowed = wanted;
  if (wanted.empty()) allowed.insert(asked);
  if (const NameSet missing = minus(wanted, sans); !missing.empty())
    faults.push_back("it lacks the names " + list(missing));
  if (const NameSet extra = minus(sans, allowed); !extra.empty())
    faults.push_back("it has names that were not asked for: " + list(extra));
  const crypto::AlternativeNames all = certificate.alternative_names();
  if (!all.ip.empty() || !all.email.empty() || !all.uri.empty() || all.other != 0)
    faults.emplace_back("it has alternative names that are not DNS names");
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

}  // namespace

std::vector<std::string> check_certificate(const crypto::Certificate& certificate,
                                           const std::vector<crypto::Certificate>& chain,
                                           const crypto::Certificate& root,
                                           const crypto::PublicKey& key,
                                           const RequestedNames& names, Duration max_validity,
                                           Time now) {
  std::vector<std::string> faults;
  if (certificate.public_key() != key)
    faults.push_back("its public key (SPKI SHA-256 " + hex(certificate.public_key().spki_sha256()) +
                     ") is not ours (" + hex(key.spki_sha256()) + ")");
  // A leaf outside its dates is said below; here it would hide what the chain has.
  const bool dated = now >= certificate.not_before() && now <= certificate.not_after();
  try {
    verify_chain(certificate, chain, root, dated ? std::optional(now) : std::nullopt);
  } catch (const Error& error) {
    faults.emplace_back(error.what());
  }
  check_names(certificate, names, faults);
  check_validity(certificate, max_validity, now, faults);
  if (!certificate.has_extended_key_usage(crypto::kServerAuth))
    faults.emplace_back("it lacks the extended key usage serverAuth");
  if (certificate.is_ca()) faults.emplace_back("it is a CA certificate");
  return faults;
}

}  // namespace poolkey::requests
