#include "requests/lint/key_facts.h"

#include "crypto/memo.h"
#include "crypto/weak_key.h"

namespace poolkey::requests {
namespace {

/// Beyond this many bits a check that takes time by their cube is an attack on ours.
constexpr int kMostBits = 8192;
constexpr std::size_t kMostKeys = 4096;

std::shared_ptr<const KeyFacts> find_facts(const crypto::PublicKey& key) {
  using enum KeyFacts::Kind;
  auto out = std::make_shared<KeyFacts>();
  out->algorithm = key.algorithm();
  out->bits = key.bits();
  out->kind = key.is_rsa()                            ? kRsa
              : key.is_ec()                           ? kEc
              : out->algorithm.starts_with("RSA-PSS") ? kRsaPss
                                                      : kOther;
  if (out->kind == kEc) out->valid_point = crypto::is_valid_point(key);
  if (out->kind != kRsa) return out;
  const Bytes modulus = key.modulus();
  out->exponent = key.exponent();
  out->exponent_below_modulus = out->exponent.size() < modulus.size() ||
                                (out->exponent.size() == modulus.size() && out->exponent < modulus);
  out->small_factor = crypto::small_factor(modulus);
  out->roca = crypto::has_roca_fingerprint(modulus);
  out->close_primes = crypto::close_primes(modulus);
  out->prime_power = out->bits <= kMostBits && crypto::is_prime_power(modulus);
  out->debian_fingerprint = crypto::debian_fingerprint(modulus);
  return out;
}

}  // namespace

std::shared_ptr<const KeyFacts> key_facts(const crypto::PublicKey& key) {
  static auto& known = *new crypto::Memo<std::shared_ptr<const KeyFacts>>(kMostKeys);
  return known.get(key.spki_sha256(), [&] { return find_facts(key); });
}

}  // namespace poolkey::requests
