#include "crypto/weak_key.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "crypto/digest.h"
#include "crypto/openssl.h"

namespace poolkey::crypto {
namespace {

using BnCtxPtr = std::unique_ptr<BN_CTX, Free<BN_CTX_free>>;

constexpr unsigned kSmall = 752;     // BR 6.1.6
constexpr unsigned kRocaMost = 167;  // of the primes that the fingerprint looks at
constexpr unsigned kRocaBase = 65537;

void must(bool done) {
  if (!done) throw_openssl(Errc::kInternal, "OpenSSL could not compute with large numbers");
}

BnPtr number_of(ByteView octets) {
  BnPtr out(BN_bin2bn(octets.data(), static_cast<int>(octets.size()), nullptr));
  must(out != nullptr);
  return out;
}

BnPtr new_number() {
  BnPtr out(BN_new());
  must(out != nullptr);
  return out;
}

const std::vector<unsigned>& small_primes() {
  static const std::vector<unsigned> primes = [] {
    std::vector<unsigned> out;
    for (unsigned n = 2; n < kSmall; ++n)
      if (std::ranges::none_of(out, [n](unsigned p) { return n % p == 0; })) out.push_back(n);
    return out;
  }();
  return primes;
}

/// The rests of `modulus` by the small primes. Several primes at a time: one walk over the octets
/// gives the rest by their product.
std::vector<unsigned> rests(ByteView modulus) {
  const std::vector<unsigned>& primes = small_primes();
  std::vector<unsigned> out;
  while (out.size() < primes.size()) {
    std::uint64_t product = 1;
    std::size_t end = out.size();
    while (end < primes.size() && product * primes[end] < (std::uint64_t{1} << 48))
      product *= primes[end++];
    std::uint64_t rest = 0;
    std::size_t at = 0;
    if (modulus.size() % 2 != 0) rest = modulus[at++];
    for (; at < modulus.size(); at += 2)
      rest = ((rest << 16) | (std::uint64_t{modulus[at]} << 8) | modulus[at + 1]) % product;
    while (out.size() < end) out.push_back(static_cast<unsigned>(rest % primes[out.size()]));
  }
  return out;
}

/// The powers of 65537 modulo one prime.
struct Powers {
  unsigned order = 0;
  std::vector<int> log;  ///< by the number; -1: no power
};

Powers powers_modulo(unsigned prime) {
  Powers out{0, std::vector<int>(prime, -1)};
  for (unsigned n = 1 % prime; out.log[n] < 0; n = n * (kRocaBase % prime) % prime)
    out.log[n] = static_cast<int>(out.order++);
  return out;
}

const std::vector<Powers>& roca_powers() {
  static const std::vector<Powers> all = [] {
    std::vector<Powers> out;
    for (const unsigned p : small_primes())
      if (p <= kRocaMost) out.push_back(powers_modulo(p));
    return out;
  }();
  return all;
}

/// The largest number whose square is at most `n` (Newton's method, from above).
BnPtr square_root(const BIGNUM* n, BN_CTX* ctx) {
  BnPtr root = new_number();
  if (BN_is_zero(n) == 1) return root;
  must(BN_set_bit(root.get(), (BN_num_bits(n) + 1) / 2) == 1);
  for (;;) {
    BnPtr next = new_number();
    must(BN_div(next.get(), nullptr, n, root.get(), ctx) == 1 &&
         BN_add(next.get(), next.get(), root.get()) == 1 &&
         BN_rshift1(next.get(), next.get()) == 1);
    if (BN_cmp(next.get(), root.get()) >= 0) return root;
    root = std::move(next);
  }
}

/// Squares leave one of 12 rests by 64, one of 16 by 63, ...: most other numbers fail here.
bool may_be_square(const BIGNUM* n) {
  for (const unsigned modulus : {64U, 63U, 65U, 11U, 17U, 19U, 23U, 31U}) {
    const auto rest = static_cast<unsigned>(BN_mod_word(n, modulus));
    unsigned root = 0;
    while (root < modulus && root * root % modulus != rest) ++root;
    if (root == modulus) return false;
  }
  return true;
}

bool is_square(const BIGNUM* n, BN_CTX* ctx) {
  if (!may_be_square(n)) return false;
  const BnPtr root = square_root(n, ctx);
  const BnPtr square = new_number();
  must(BN_sqr(square.get(), root.get(), ctx) == 1);
  return BN_cmp(square.get(), n) == 0;
}

}  // namespace

std::optional<unsigned> small_factor(ByteView modulus) {
  const std::vector<unsigned> found = rests(modulus);
  const auto zero = std::ranges::find(found, 0U);
  if (zero == found.end()) return std::nullopt;
  return small_primes()[static_cast<std::size_t>(zero - found.begin())];
}

bool has_roca_fingerprint(ByteView modulus) {
  const std::vector<Powers>& all = roca_powers();
  const std::vector<unsigned> found = rests(modulus);
  // A power modulo each prime, and one exponent for all: those of two primes agree modulo what
  // their orders have in common (Chinese remainder theorem).
  for (std::size_t i = 0; i < all.size(); ++i) {
    const int log = all[i].log[found[i]];
    if (log < 0) return false;
    for (std::size_t j = 0; j < i; ++j) {
      const int common = static_cast<int>(std::gcd(all[i].order, all[j].order));
      if ((log - all[j].log[found[j]]) % common != 0) return false;
    }
  }
  return true;
}

std::optional<int> close_primes(ByteView modulus, int rounds) {
  const BnCtxPtr ctx(BN_CTX_new());
  must(ctx != nullptr);
  const BnPtr n = number_of(modulus);
  const BnPtr a = square_root(n.get(), ctx.get());
  const BnPtr rest = new_number();
  must(BN_sqr(rest.get(), a.get(), ctx.get()) == 1);
  if (BN_cmp(rest.get(), n.get()) < 0)
    must(BN_add_word(a.get(), 1) == 1 && BN_sqr(rest.get(), a.get(), ctx.get()) == 1);
  must(BN_sub(rest.get(), rest.get(), n.get()) == 1);
  for (int round = 1; round <= rounds; ++round) {
    // n = (a + b)(a - b) where the rest, a * a - n, is the square of b.
    if (is_square(rest.get(), ctx.get())) return round;
    must(BN_add(rest.get(), rest.get(), a.get()) == 1 &&
         BN_add(rest.get(), rest.get(), a.get()) == 1 && BN_add_word(rest.get(), 1) == 1 &&
         BN_add_word(a.get(), 1) == 1);
  }
  return std::nullopt;
}

bool is_prime_power(ByteView modulus) {
  if (modulus.empty() || (modulus.back() & 1U) == 0) return false;
  // If n is a power of the prime p, then p divides 2^n - 2 (Fermat). Of a product of two random
  // primes neither does.
  const BnCtxPtr ctx(BN_CTX_new());
  const BnPtr n = number_of(modulus), two = new_number(), power = new_number(),
              common = new_number();
  must(ctx && BN_set_word(two.get(), 2) == 1 &&
       BN_mod_exp(power.get(), two.get(), n.get(), n.get(), ctx.get()) == 1 &&
       BN_mod_sub(power.get(), power.get(), two.get(), n.get(), ctx.get()) == 1 &&
       BN_gcd(common.get(), power.get(), n.get(), ctx.get()) == 1);
  return BN_is_one(common.get()) == 0;
}

bool is_valid_point(const PublicKey& key) {
  const ErrorMark mark;
  const EvpPkeyCtx ctx(EVP_PKEY_CTX_new(key.evp(), nullptr));
  return ctx && EVP_PKEY_public_check(ctx.get()) == 1;
}

Bytes debian_fingerprint(ByteView modulus) {
  std::string text = hex(modulus);
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; });
  const Bytes all = digest("SHA1", view("Modulus=" + text + "\n"));
  return {all.begin() + 10, all.end()};
}

}  // namespace poolkey::crypto
