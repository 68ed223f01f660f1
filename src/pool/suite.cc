#include "pool/suite.h"

#include <algorithm>

#include "base/error.h"

namespace poolkey::pool {
namespace {

bool opens(const Member& member, policy::Suite suite) {
  const auto& suites = member.token.suites;
  return std::find(suites.begin(), suites.end(), word(suite)) != suites.end();
}

/// "'rsa-oaep-sha1+aes256-kwp' is not opened by edge2".
std::string objection(const hsm::Token& origin, const std::vector<Member>& members,
                      policy::Suite suite) {
  const std::string start = "; '" + std::string(word(suite)) + "' is not ";
  if (!hsm::offers(origin.module(), oaep_hash(suite))) return start + "offered by the origin";
  std::string names;
  for (const Member& m : members)
    if (!opens(m, suite)) names += (names.empty() ? "" : ", ") + m.name.str();
  return names.empty() ? "" : start + "opened by " + names;
}

}  // namespace

hsm::OaepHash oaep_hash(policy::Suite suite) {
  return suite == policy::Suite::kOaepSha256Kwp ? hsm::OaepHash::kSha256 : hsm::OaepHash::kSha1;
}

TokenReport report_of(const hsm::Token& token) {
  const hsm::Profile& profile = token.module().profile();
  TokenReport out{{}, profile.not_kept, profile.not_enforced()};
  for (const auto& suite : policy::words<policy::Suite>())
    if (hsm::offers(token.module(), oaep_hash(suite.value))) out.suites.emplace_back(suite.text);
  if (out.suites.empty())
    throw Error(Errc::kUnsupported, token.name().str() +
                                        " cannot unwrap private keys, as poolkey doctor found, so "
                                        "it cannot receive pool keys; use another token");
  return out;
}

policy::Suite suite_of(const Envelope& envelope) {
  const auto suite = policy::parse_word<policy::Suite>(envelope.suite);
  if (!suite)
    throw Error(Errc::kUnsupported, "the envelope uses the wrap suite '" + envelope.suite +
                                        "', which this poolkey does not know; upgrade it");
  return *suite;
}

policy::Suite choose_suite(const hsm::Token& origin, const policy::Policy& policy,
                           const std::vector<Member>& members) {
  const auto& suites = policy.exports().wrapped.value().suites;
  std::string objections;
  for (const auto& suite : suites.value) {
    const std::string why = objection(origin, members, suite.value);
    if (why.empty()) return suite.value;
    objections += why;
  }
  throw Error(Errc::kUnsupported, "no wrap suite of policy '" + policy.name() + "' (" +
                                      suites.where.str() + ") suits everybody" + objections +
                                      "; allow another suite in a new key's policy, or replace "
                                      "the token");
}

}  // namespace poolkey::pool
