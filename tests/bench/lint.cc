// Rows of the linter. Its aim is a time, not a ratio; beside it stands what is done once for each
// key.
#include <chrono>

#include "bench/rows.h"
#include "crypto/csr.h"
#include "crypto/weak_key.h"
#include "requests/lint/lint.h"
#include "tests/crypto/software.h"
#include "tests/requests/fixture.h"

namespace poolkey::bench {
namespace {

/// What `request create` asks for an Edge pool's external interface, parsed, with its pool.
std::vector<requests::LintSubject> edge_requests(EVP_PKEY* key) {
  const auto names = names_for(test::edge_topology(), PoolName("edge"),
                               requests::Role::kEdgeExternal, requests::CaKind::kPublic);
  std::vector<requests::LintSubject> out;
  for (int i = 0; i < operations(200); ++i) {
    crypto::CsrSpec spec;
    spec.subject = {.common_name = names.common_name.name,
                    .organization = "Contoso " + std::to_string(i),
                    .state = "Washington",
                    .country = "US"};
    spec.dns_sans = names.dns_sans();
    spec.key_usage = {crypto::KeyUsage::kDigitalSignature, crypto::KeyUsage::kKeyEncipherment};
    spec.extended_key_usage = {std::string(crypto::kServerAuth)};
    out.emplace_back(crypto::parse_csr(crypto::CsrSigner(key).sign(spec)),
                     test::edge_context(requests::Role::kEdgeExternal));
  }
  return out;
}

void lint_all_profiles(const requests::LintSubject& subject, Time now) {
  for (const auto profile : {requests::Profile::kPublicBr, requests::Profile::kLync})
    if (!requests::lint(subject, profile, now).empty())
      throw Error(Errc::kInternal, "the linter finds something in a good request");
}

/// The median of single calls, in microseconds, and their mean in seconds.
std::pair<double, double> times_of(const std::vector<requests::LintSubject>& subjects, Time now) {
  std::vector<double> each;
  const double all = seconds_of([&] {
    for (const requests::LintSubject& subject : subjects)
      each.push_back(1e6 * seconds_of([&] { lint_all_profiles(subject, now); }));
  });
  return {median(each), all / static_cast<double>(subjects.size())};
}

void check_key(const Bytes& modulus) {
  benchmark::DoNotOptimize(crypto::small_factor(modulus));
  benchmark::DoNotOptimize(crypto::has_roca_fingerprint(modulus));
  benchmark::DoNotOptimize(crypto::close_primes(modulus));
  benchmark::DoNotOptimize(crypto::is_prime_power(modulus));
}

}  // namespace

void add_lint_rows() {
  add_row({"lint of a request beyond the first of its key, 2 profiles",
           "the checks of its RSA-2048 key", Unit::kMicroseconds, under_microseconds(10)},
          [](Pairs& pairs) {
            const crypto::EvpPkey key = test::rsa_key();
            const std::vector<requests::LintSubject> subjects = edge_requests(key.get());
            const Bytes modulus = subjects.front().content.public_key.modulus();
            const Time now = SystemClock().now();
            pairs.run(
                [&] {
                  const auto [p50, mean] = times_of(subjects, now);
                  pairs.remark("p50 us", p50);
                  return mean;
                },
                [&] { return timed(1, operations(5), [&](int) { check_key(modulus); }); });
          });
}

}  // namespace poolkey::bench
