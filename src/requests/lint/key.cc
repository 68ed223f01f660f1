// Rules on the public key. What takes time is in KeyFacts, and done once for each key.
#include <algorithm>
#include <array>

#include "requests/lint/rule.h"

namespace poolkey::requests {
namespace {

using enum Level;
using Kind = KeyFacts::Kind;

Offences key_if(const LintInput& in, bool bad) {
  return bad ? Offences{in.key.algorithm} : Offences{};
}

Offences key_type(const LintInput& in) { return key_if(in, in.key.kind == Kind::kOther); }

Offences pss_key(const LintInput& in) { return key_if(in, in.key.kind == Kind::kRsaPss); }

Offences rsa_small(const LintInput& in) { return key_if(in, is_rsa(in) && in.key.bits < 2048); }

Offences rsa_large(const LintInput& in) { return key_if(in, is_rsa(in) && in.key.bits > 8192); }

Offences rsa_size_step(const LintInput& in) {
  return key_if(in, is_rsa(in) && in.key.bits % 8 != 0);
}

Offences rsa_unlisted(const LintInput& in) {
  return key_if(in,
                is_rsa(in) && in.key.bits != 1024 && in.key.bits != 2048 && in.key.bits != 4096);
}

/// The AlgorithmIdentifier of the SPKI has one encoding (BR 7.1.3.1).
Offences spki_encoding(const LintInput& in) {
  constexpr std::array<std::string_view, 4> kAllowed{
      "300d06092a864886f70d0101010500", "301306072a8648ce3d020106082a8648ce3d030107",
      "301006072a8648ce3d020106052b81040022", "301006072a8648ce3d020106052b81040023"};
  if (!is_rsa(in) && !is_ec(in)) return {};
  std::string found = hex(in.content.key_algorithm);
  if (std::ranges::find(kAllowed, found) != kAllowed.end()) return {};
  return {std::move(found)};
}

/// Even, or 1, or no smaller than the modulus: no such key can sign safely, if at all.
bool is_hopeless(const KeyFacts& key) {
  return key.exponent.empty() || (key.exponent.back() & 1U) == 0 || key.exponent == Bytes{1} ||
         !key.exponent_below_modulus;
}

Offences exponent_if(const LintInput& in, bool bad) {
  return bad ? Offences{"0x" + hex(in.key.exponent)} : Offences{};
}

Offences exponent_hopeless(const LintInput& in) {
  return exponent_if(in, is_rsa(in) && is_hopeless(in.key));
}

Offences exponent_unusual(const LintInput& in) {
  return exponent_if(in, is_rsa(in) && !is_hopeless(in.key) && hex(in.key.exponent) != "010001");
}

Offences modulus_even(const LintInput& in) { return offence_if(in.key.small_factor == 2U); }

Offences small_factor(const LintInput& in) {
  return in.key.small_factor ? Offences{std::to_string(*in.key.small_factor)} : Offences{};
}

Offences roca(const LintInput& in) { return offence_if(in.key.roca); }

Offences close_primes(const LintInput& in) {
  return in.key.close_primes ? Offences{"round " + std::to_string(*in.key.close_primes)}
                             : Offences{};
}

Offences prime_power(const LintInput& in) { return offence_if(in.key.prime_power); }

Offences debian(const LintInput& in) {
  const Bytes& fingerprint = in.key.debian_fingerprint;
  return in.weak_keys.has_modulus(fingerprint) ? Offences{hex(fingerprint)} : Offences{};
}

Offences reported(const LintInput& in) {
  const Bytes& sha256 = in.content.public_key.spki_sha256();
  return in.weak_keys.has_key(sha256) ? Offences{hex(sha256)} : Offences{};
}

Offences ec_curve(const LintInput& in) {
  constexpr std::array<std::string_view, 3> kAllowed{"EC-P-256", "EC-P-384", "EC-P-521"};
  return key_if(in, is_ec(in) && std::ranges::find(kAllowed, in.key.algorithm) == kAllowed.end());
}

Offences ec_point(const LintInput& in) { return offence_if(!in.key.valid_point); }

Offences ec_key(const LintInput& in) { return key_if(in, is_ec(in)); }

// The product looks at none of what makes a key worthless, and says so with kOff under lync; the
// profile beside it does, public-br or internal.
constexpr std::array kRules{
    Rule{"key.type", kError, kError, kError,
         "the key is of a kind that TLS certificates do not have", "make an RSA-2048 key",
         "BR 6.1.5", key_type},
    Rule{"key.pss", kError, kError, kError, "the key is restricted to RSASSA-PSS",
         "make a plain RSA key", "BR 7.1.3.1.1; certificate infrastructure topic", pss_key},
    Rule{"key.rsa-small", kError, kWarn, kError, "the RSA key has fewer than 2048 bits",
         "make an RSA-2048 key", "BR 6.1.5", rsa_small},
    Rule{"key.rsa-large", kWarn, kWarn, kWarn, "the RSA key has over 8192 bits",
         "make an RSA-2048 key; lists of weak keys end there, and so do our checks", "BR 6.1.1.3",
         rsa_large},
    Rule{"key.rsa-size-step", kError, kOff, kWarn, "the RSA key's size is no multiple of 8 bits",
         "make an RSA-2048 key", "BR 6.1.5", rsa_size_step},
    Rule{"key.rsa-unlisted", kOff, kWarn, kOff,
         "the RSA size is not of the listed 1024, 2048, 4096", "take 2048 or 4096 bits",
         "certificate infrastructure topic", rsa_unlisted},
    Rule{"key.spki-encoding", kError, kOff, kWarn,
         "the key's algorithm is not written in the one way that is allowed",
         "let poolkey build the request", "BR 7.1.3.1", spki_encoding},
    Rule{"key.exponent-invalid", kError, kError, kError,
         "the public exponent is even, below 3, or no smaller than the modulus",
         "make a new key with exponent 65537", "BR 6.1.6", exponent_hopeless},
    Rule{"key.exponent-unusual", kWarn, kOff, kWarn, "the public exponent is not 65537",
         "make a new key with exponent 65537; some CAs take no other", "BR 6.1.6; Boulder goodkey",
         exponent_unusual},
    Rule{"key.modulus-even", kError, kError, kError, "the modulus is even", "make a new key",
         "BR 6.1.6", modulus_even},
    Rule{"key.small-factor", kError, kOff, kError, "the modulus has a small factor",
         "make a new key; this one is broken", "BR 6.1.6", small_factor},
    Rule{"key.prime-power", kError, kOff, kError, "the modulus is a prime, or a power of one",
         "make a new key; this one is broken", "BR 6.1.6", prime_power},
    Rule{"key.close-primes", kError, kOff, kError,
         "Fermat's method factors the modulus: its primes are too close",
         "make a new key; this one is broken", "BR 6.1.1.3", close_primes},
    Rule{"key.roca", kError, kOff, kError,
         "the key comes from a broken library of Infineon's (ROCA, CVE-2017-15361)",
         "make a new key elsewhere; this one can be computed", "BR 6.1.1.3", roca},
    Rule{"key.debian", kError, kOff, kError,
         "the key comes from Debian's broken OpenSSL (CVE-2008-0166), and everybody has it",
         "make a new key", "BR 6.1.1.3", debian},
    Rule{"key.reported", kError, kError, kError, "the key is in a list of reported keys",
         "make a new key", "BR 6.1.1.3", reported},
    Rule{"key.ec-curve", kError, kError, kError, "the curve is not P-256, P-384 or P-521",
         "make an RSA-2048 or P-256 key", "BR 6.1.5", ec_curve},
    Rule{"key.ec-point", kError, kError, kError, "the point is not one of the curve's own",
         "make a new key", "BR 6.1.6", ec_point},
    Rule{"key.ec", kOff, kWarn, kOff, "EC keys do not fit the key store that the product uses",
         "make an RSA-2048 key", "community reports on CryptoAPI providers", ec_key},
};

}  // namespace

std::span<const Rule> key_rules() { return kRules; }

}  // namespace poolkey::requests
