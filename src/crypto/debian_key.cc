#include "crypto/debian_key.h"

#include <algorithm>
#include <array>
#include <utility>

#include "crypto/openssl.h"

namespace poolkey::crypto {
namespace {

using BnCtxPtr = std::unique_ptr<BN_CTX, Free<BN_CTX_free>>;
using MontPtr = std::unique_ptr<BN_MONT_CTX, Free<BN_MONT_CTX_free>>;

constexpr std::size_t kDigest = 20;
constexpr std::size_t kState = 1023;

void must(bool done) {
  if (!done) throw_openssl(Errc::kInternal, "OpenSSL could not compute with large numbers");
}

/// The generator of OpenSSL 0.9.8 with Debian's change: what is added to it is counted, not mixed
/// in. The process number alone differs from run to run.
class Generator {
 public:
  explicit Generator(const DebianRun& run)
      : word_(run.machine == DebianMachine::kLittle64 ? 8 : 4),
        big_endian_(run.machine == DebianMachine::kBig32),
        process_(run.process),
        sha1_(fetch_digest("SHA1")),
        ctx_(EVP_MD_CTX_new()) {
    // RAND_load_file: the stat record of ~/.rnd, then a buffer of 1024 octets.
    if (run.seed != DebianSeed::kNoRnd) add(word_ == 8 ? 144 : 88);
    // RAND_status polls where that gave nothing; else the first request does.
    if (run.seed == DebianSeed::kRnd)
      add(1024);
    else
      poll();
    add(word_);
    if (run.seed == DebianSeed::kRnd) poll();
    for (std::size_t done = 0; done < kState; done += kDigest) add(kDigest);  // the pool is stirred
    first_ = true;
  }

  /// RAND_add, whose input has no effect.
  void add(std::size_t count) {
    std::size_t at = index_;
    Counters counters = counters_;
    Digest local = digest_;
    index_ = (index_ + count) % kState;
    counters_[1] += (count + kDigest - 1) / kDigest;
    for (std::size_t done = 0; done < count; done += kDigest) {
      const std::size_t take = std::min(kDigest, count - done);
      begin();
      feed(local);
      feed_state(at, take);
      feed(counters);
      end(local);
      ++counters[1];
      mix(local, take, at);
    }
    for (std::size_t i = 0; i < kDigest; ++i) digest_[i] ^= local[i];
  }

  /// What BN_rand does: adds the time, then takes `count` octets.
  Bytes number(std::size_t count) {
    if (!std::exchange(first_, false)) add(word_);
    return bytes(count);
  }

 private:
  /// RAND_poll: 32 octets of /dev/urandom, then process, user and time.
  void poll() {
    add(32);
    for (int i = 0; i < 3; ++i) add(word_);
  }

  using Digest = std::array<std::uint8_t, kDigest>;
  using Counters = std::array<std::uint64_t, 2>;
  static constexpr std::size_t kHalf = kDigest / 2;

  Bytes bytes(std::size_t count) {
    Bytes out;
    std::size_t at = index_;
    const Counters counters = counters_;
    Digest local = digest_;
    index_ += (count + kHalf - 1) / kHalf * kHalf;
    if (index_ > kState) index_ %= kState;
    ++counters_[0];
    for (bool first = true; out.size() < count; first = false) {
      begin();
      if (first && process_ != 0) feed_integer(process_, 4);
      feed(local);
      feed(counters);
      feed_state(at, kHalf);
      end(local);
      mix(local, kHalf, at);
      const std::size_t take = std::min(kHalf, count - out.size());
      out.insert(out.end(), local.begin() + kHalf, local.begin() + kHalf + take);
    }
    begin();
    feed(counters);
    feed(local);
    feed(digest_);
    end(digest_);
    return out;
  }

  void begin() { must(EVP_DigestInit_ex(ctx_.get(), sha1_.get(), nullptr) == 1); }
  void end(Digest& out) { must(EVP_DigestFinal_ex(ctx_.get(), out.data(), nullptr) == 1); }
  void feed(const void* data, std::size_t size) {
    must(EVP_DigestUpdate(ctx_.get(), data, size) == 1);
  }
  void feed(const Digest& digest) { feed(digest.data(), digest.size()); }
  void feed(const Counters& counters) {
    for (const std::uint64_t counter : counters) feed_integer(counter, word_);
  }
  void feed_integer(std::uint64_t value, std::size_t size) {
    std::array<std::uint8_t, 8> octets{};
    for (std::size_t i = 0; i < size; ++i)
      octets[big_endian_ ? size - 1 - i : i] = static_cast<std::uint8_t>(value >> (8 * i));
    feed(octets.data(), size);
  }
  /// The pool is a ring of kState octets. Where the index stands just behind them, OpenSSL reads
  /// from the beginning, but writes one octet there.
  void mix(const Digest& from, std::size_t size, std::size_t& at) {
    for (std::size_t i = 0; i < size; ++i) {
      state_[at++] ^= from[i];
      if (at >= kState) at = 0;
    }
  }
  void feed_state(std::size_t at, std::size_t size) {
    const std::size_t first = std::min(size, at < kState ? kState - at : 0);
    feed(state_.data() + at, first);
    feed(state_.data(), size - first);
  }

  std::size_t word_;
  bool big_endian_;
  std::uint32_t process_;
  EvpMd sha1_;
  EvpMdCtx ctx_;
  std::array<std::uint8_t, kState + kDigest> state_{};
  Digest digest_{};
  Counters counters_{};
  std::size_t index_ = 0;
  bool first_ = false;  ///< the first number's time is added already
};

/// The 2048 primes of bn_prime.h, without 2.
const std::vector<unsigned>& odd_primes() {
  static const std::vector<unsigned> primes = [] {
    std::vector<unsigned> out;
    for (unsigned n = 3; out.size() < 2047; n += 2)
      if (std::ranges::none_of(out, [n](unsigned p) { return n % p == 0; })) out.push_back(n);
    return out;
  }();
  return primes;
}

BnPtr number_of(ByteView octets) {
  BnPtr out(BN_bin2bn(octets.data(), static_cast<int>(octets.size()), nullptr));
  must(out != nullptr);
  return out;
}

/// BN_rand(bits, 1, 1) and the first number from there on that has no small factor and is not 1
/// modulo any small prime: probable_prime() of 0.9.8.
BnPtr candidate(Generator& generator, unsigned bits) {
  Bytes octets = generator.number((bits + 7) / 8);
  const unsigned bit = (bits - 1) % 8;
  if (bit == 0) {
    octets[0] = 1;
    octets[1] |= 0x80;
  } else {
    octets[0] = static_cast<std::uint8_t>((octets[0] | (3U << (bit - 1))) & ~(0xffU << (bit + 1)));
  }
  octets.back() |= 1;
  BnPtr out = number_of(octets);
  std::vector<unsigned> rests;
  for (const unsigned p : odd_primes())
    rests.push_back(static_cast<unsigned>(BN_mod_word(out.get(), p)));
  unsigned delta = 0;
  const auto unfit = [&] {
    for (std::size_t i = 0; i < rests.size(); ++i)
      if ((rests[i] + delta) % odd_primes()[i] <= 1) return true;
    return false;
  };
  while (unfit()) delta += 2;
  must(BN_add_word(out.get(), delta) == 1);
  return out;
}

/// BN_prime_checks_for_size() of 0.9.8.
int rounds(unsigned bits) {
  struct Row {
    unsigned bits;
    int rounds;
  };
  constexpr std::array kRows{Row{1300, 2}, Row{850, 3}, Row{650, 4}, Row{550, 5}, Row{450, 6},
                             Row{400, 7},  Row{350, 8}, Row{300, 9}, Row{250, 12}};
  const auto* row = std::ranges::find_if(kRows, [bits](const Row& r) { return bits >= r.bits; });
  return row != kRows.end() ? row->rounds : 15;
}

/// Miller-Rabin with the bases that the generator gives: each takes its place in the stream.
bool passes(Generator& generator, const BIGNUM* n, unsigned bits, BN_CTX* ctx) {
  const BnPtr less(BN_dup(n)), odd(BN_new()), power(BN_new());
  must(less && odd && power && BN_sub_word(less.get(), 1) == 1);
  int twos = 0;
  while (BN_is_bit_set(less.get(), twos) == 0) ++twos;
  must(BN_rshift(odd.get(), less.get(), twos) == 1);
  const MontPtr mont(BN_MONT_CTX_new());
  must(mont && BN_MONT_CTX_set(mont.get(), n, ctx) == 1);
  const auto is_witness = [&](const BIGNUM* base) {
    must(BN_mod_exp_mont(power.get(), base, odd.get(), n, ctx, mont.get()) == 1);
    if (BN_is_one(power.get()) == 1) return false;
    for (int i = 0; i < twos; ++i) {
      if (BN_cmp(power.get(), less.get()) == 0) return false;
      must(BN_mod_sqr(power.get(), power.get(), n, ctx) == 1);
    }
    return true;
  };
  for (int i = 0; i < rounds(bits); ++i) {
    BnPtr base;
    do {
      Bytes octets = generator.number((bits + 7) / 8);
      octets[0] &= static_cast<std::uint8_t>(0xffU >> (7 - (bits - 1) % 8));
      base = number_of(octets);
    } while (BN_cmp(base.get(), less.get()) >= 0);
    must(BN_add_word(base.get(), 1) == 1);
    if (is_witness(base.get())) return false;
  }
  return true;
}

BnPtr prime(Generator& generator, unsigned bits, BN_CTX* ctx) {
  for (;;) {
    BnPtr out = candidate(generator, bits);
    // RSA_generate_key_ex wants p - 1 without a factor in common with the exponent, 65537 or 3;
    // the latter never divides it, see candidate().
    if (passes(generator, out.get(), bits, ctx) && BN_mod_word(out.get(), 65537) != 1) return out;
  }
}

Bytes octets_of(const BIGNUM* n) {
  Bytes out(static_cast<std::size_t>(BN_num_bytes(n)));
  BN_bn2bin(n, out.data());
  return out;
}

}  // namespace

DebianKey debian_key(unsigned bits, const DebianRun& run) {
  if (bits < 512 || bits > 8192)
    throw Error(
        Errc::kInvalidArgument,
        "Debian's weak keys can be made of 512 to 8192 bits, not of " + std::to_string(bits));
  Generator generator(run);
  const BnCtxPtr ctx(BN_CTX_new());
  BnPtr p = prime(generator, (bits + 1) / 2, ctx.get());
  BnPtr q = prime(generator, bits - (bits + 1) / 2, ctx.get());
  if (BN_cmp(p.get(), q.get()) < 0) std::swap(p, q);
  const BnPtr n(BN_new());
  must(ctx && n && BN_mul(n.get(), p.get(), q.get(), ctx.get()) == 1);
  return {octets_of(n.get()), octets_of(p.get()), octets_of(q.get())};
}

}  // namespace poolkey::crypto
