// Rules on the public key of a request.
#include <algorithm>
#include <array>

#include "requests/lint/rule.h"

namespace poolkey::requests {
namespace {

using enum Level;

bool is_pss(const LintInput& in) { return in.csr.public_key.algorithm().starts_with("RSA-PSS"); }

Offences key_if(const LintInput& in, bool bad) {
  return bad ? Offences{in.csr.public_key.algorithm()} : Offences{};
}

Offences key_type(const LintInput& in) {
  return key_if(in, !in.csr.public_key.is_rsa() && !in.csr.public_key.is_ec() && !is_pss(in));
}

Offences pss_key(const LintInput& in) { return key_if(in, is_pss(in)); }

Offences rsa_small(const LintInput& in) {
  return key_if(in, in.csr.public_key.is_rsa() && in.csr.public_key.bits() < 2048);
}

Offences rsa_size_step(const LintInput& in) {
  return key_if(in, in.csr.public_key.is_rsa() && in.csr.public_key.bits() % 8 != 0);
}

Offences rsa_unlisted(const LintInput& in) {
  constexpr std::array kListed{1024, 2048, 4096};
  return key_if(in, in.csr.public_key.is_rsa() &&
                        std::ranges::find(kListed, in.csr.public_key.bits()) == kListed.end());
}

/// Even, or 1: no such key can sign safely, if at all.
bool is_hopeless(const Bytes& exponent) {
  return exponent.empty() || (exponent.back() & 1U) == 0 || exponent == Bytes{1};
}

Offences exponent_if(const LintInput& in, bool (*bad)(const Bytes&)) {
  if (!in.csr.public_key.is_rsa()) return {};
  const Bytes exponent = in.csr.public_key.exponent();
  return bad(exponent) ? Offences{"0x" + hex(exponent)} : Offences{};
}

Offences exponent_hopeless(const LintInput& in) { return exponent_if(in, is_hopeless); }

Offences exponent_unusual(const LintInput& in) {
  return exponent_if(in, [](const Bytes& e) {
    return !is_hopeless(e) && e != Bytes{0x01, 0x00, 0x01};
  });
}

Offences small_factor(const LintInput& in) {
  if (!in.csr.public_key.is_rsa()) return {};
  const Bytes modulus = in.csr.public_key.modulus();
  // Dividing by every number below 752 finds the same keys as dividing by the primes.
  for (unsigned factor = 2; factor < 752; ++factor) {
    unsigned rest = 0;
    for (const std::uint8_t octet : modulus) rest = (rest * 256 + octet) % factor;
    if (rest == 0) return {std::to_string(factor)};
  }
  return {};
}

Offences ec_curve(const LintInput& in) {
  constexpr std::array<std::string_view, 3> kAllowed{"EC-P-256", "EC-P-384", "EC-P-521"};
  return key_if(in,
                in.csr.public_key.is_ec() &&
                    std::ranges::find(kAllowed, in.csr.public_key.algorithm()) == kAllowed.end());
}

Offences ec_key(const LintInput& in) { return key_if(in, in.csr.public_key.is_ec()); }

constexpr std::array kRules{
    Rule{"key.type", kError, kError, kError,
         "the key is of a kind that TLS certificates do not have", "make an RSA-2048 key",
         "BR 6.1.5", key_type},
    Rule{"key.pss", kError, kError, kError, "the key is restricted to RSASSA-PSS",
         "make a plain RSA key", "BR 7.1.3.1.1; certificate infrastructure topic", pss_key},
    Rule{"key.rsa-small", kError, kWarn, kError, "the RSA key has fewer than 2048 bits",
         "make an RSA-2048 key", "BR 6.1.5", rsa_small},
    Rule{"key.rsa-size-step", kError, kOff, kWarn, "the RSA key's size is no multiple of 8 bits",
         "make an RSA-2048 key", "BR 6.1.5", rsa_size_step},
    Rule{"key.rsa-unlisted", kOff, kWarn, kOff,
         "the RSA size is not of the listed 1024, 2048, 4096", "take 2048 or 4096 bits",
         "certificate infrastructure topic", rsa_unlisted},
    Rule{"key.exponent-invalid", kError, kError, kError, "the public exponent is even or below 3",
         "make a new key with exponent 65537", "BR 6.1.6", exponent_hopeless},
    Rule{"key.exponent-unusual", kWarn, kOff, kWarn, "the public exponent is not 65537",
         "make a new key with exponent 65537; some CAs take no other", "BR 6.1.6; Boulder goodkey",
         exponent_unusual},
    Rule{"key.small-factor", kError, kWarn, kError, "the modulus has a small factor",
         "make a new key; this one is broken", "BR 6.1.6", small_factor},
    Rule{"key.ec-curve", kError, kError, kError, "the curve is not P-256, P-384 or P-521",
         "make an RSA-2048 or P-256 key", "BR 6.1.5", ec_curve},
    Rule{"key.ec", kOff, kWarn, kOff, "EC keys do not fit the key store that the product uses",
         "make an RSA-2048 key", "community reports on CryptoAPI providers", ec_key},
};

}  // namespace

std::span<const Rule> key_rules() { return kRules; }

}  // namespace poolkey::requests
