// Requests that the linter finds nothing in, and what it finds after a change.
#pragma once

#include <string>
#include <vector>

#include "crypto/csr.h"
#include "requests/lint/lint.h"
#include "tests/crypto/software.h"
#include "tests/requests/fixture.h"

namespace poolkey::test {

using namespace requests;

inline const Time kNow = at("2026-11-22T00:00:00Z");

inline crypto::CsrSpec good_spec() {
  crypto::CsrSpec out;
  out.subject.common_name = "sip.contoso.com";
  out.dns_sans = {"sip.contoso.com", "webcon.contoso.com", "sip.fabrikam.com"};
  out.key_usage = {crypto::KeyUsage::kDigitalSignature, crypto::KeyUsage::kKeyEncipherment};
  out.extended_key_usage = {std::string(crypto::kServerAuth)};
  return out;
}

inline LintSubject external(crypto::ParsedCsr csr) {
  return {std::move(csr), edge_context(Role::kEdgeExternal)};
}

inline LintSubject internal(const std::string& common_name) {
  crypto::CsrSpec spec;
  spec.subject.common_name = common_name;
  return {crypto::parse_csr(crypto::build_csr(spec, rsa_key().get())),
          edge_context(Role::kEdgeInternal)};
}

/// A good request, parsed; tests spoil one thing in it.
inline crypto::ParsedCsr good() {
  static const EvpPkey key = rsa_key();
  static const Bytes der = crypto::build_csr(good_spec(), key.get());
  return crypto::parse_csr(der);
}

inline crypto::ParsedCsr good_ec() {
  crypto::CsrSpec spec = good_spec();
  spec.key_usage = {crypto::KeyUsage::kDigitalSignature};
  return crypto::parse_csr(crypto::build_csr(spec, ec_key().get()));
}

/// "rule=severity" of each finding.
inline std::vector<std::string> found(const LintSubject& subject, Profile profile, Time now = kNow,
                                      const WeakKeys& weak_keys = WeakKeys::built_in()) {
  std::vector<std::string> out;
  for (const Finding& finding : lint(subject, profile, now, weak_keys))
    out.push_back(finding.rule + "=" + std::string(name(finding.severity)));
  return out;
}

template <class Change>
std::vector<std::string> found_after(Change change, Profile profile = Profile::kPublicBr) {
  crypto::ParsedCsr csr = good();
  change(csr);
  return found(external(std::move(csr)), profile);
}

}  // namespace poolkey::test
