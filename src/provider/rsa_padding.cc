#include "provider/rsa_padding.h"

#include <openssl/rand.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <functional>
#include <limits>

// OpenSSL deprecates its paddings for being its own providers' business, which ours is, too.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace poolkey::provider {
namespace {

constexpr std::size_t kTopBit = std::numeric_limits<std::size_t>::digits - 1;
constexpr std::size_t kPkcs1Header = 2;
constexpr std::size_t kLeastPadding = 8;  // RFC 8017 7.2.1
constexpr std::uint8_t kPssTrailer = 0xbc;

/// A value of which the compiler knows nothing, so that it makes no branch of it.
std::size_t hidden(std::size_t value) {
  asm("" : "+r"(value));
  return value;
}
std::size_t spread_top(std::size_t value) { return 0 - (value >> kTopBit); }
std::size_t is_zero(std::size_t value) { return spread_top(~value & (value - 1)); }
std::size_t is_equal(std::size_t a, std::size_t b) { return is_zero(a ^ b); }
std::size_t is_less(std::size_t a, std::size_t b) {
  return spread_top(a ^ ((a ^ b) | ((a - b) ^ b)));
}
std::size_t select(std::size_t mask, std::size_t a, std::size_t b) {
  return (hidden(mask) & a) | (hidden(~mask) & b);
}

/// XORs MGF1 (RFC 8017 B.2.1) of `seed` into the mask's place.
void apply_mgf1(std::span<std::uint8_t> target, ByteView seed, const Digest& digest) {
  Bytes mask(target.size());
  if (PKCS1_MGF1(mask.data(), static_cast<long>(mask.size()), seed.data(),
                 static_cast<long>(seed.size()), digest.md()) != 0)
    throw Error(Errc::kInternal, "OpenSSL made no mask (MGF1)");
  std::ranges::transform(target, mask, target.begin(), std::bit_xor<std::uint8_t>());
}

}  // namespace

Bytes pss_block(OSSL_LIB_CTX* libctx, const Digest& digest, const Digest& mgf1, std::size_t salt,
                ByteView hash, int bits) {
  const std::size_t modulus = static_cast<std::size_t>(bits + 7) / 8;
  const std::size_t encoded_bits = static_cast<std::size_t>(bits - 1);
  Bytes out(modulus);
  // EM = maskedDB || H || 0xbc, one octet shorter than the modulus where its top bits allow that.
  const std::span<std::uint8_t> block = std::span(out).subspan(modulus - (encoded_bits + 7) / 8);
  const auto masked = block.first(block.size() - digest.size() - 1);
  const auto h = block.subspan(masked.size(), digest.size());
  const auto salted = masked.last(salt);
  masked[masked.size() - salt - 1] = 1;
  constexpr std::uint8_t kZeros[8]{};
  const crypto::EvpMdCtx ctx(EVP_MD_CTX_new());
  if (RAND_bytes_ex(libctx, salted.data(), salted.size(), 0) != 1 || !ctx ||
      EVP_DigestInit_ex2(ctx.get(), digest.md(), nullptr) != 1 ||
      EVP_DigestUpdate(ctx.get(), kZeros, sizeof kZeros) != 1 ||
      EVP_DigestUpdate(ctx.get(), hash.data(), hash.size()) != 1 ||
      EVP_DigestUpdate(ctx.get(), salted.data(), salted.size()) != 1 ||
      EVP_DigestFinal_ex(ctx.get(), h.data(), nullptr) != 1)
    throw Error(Errc::kInternal, "OpenSSL could not make a PSS encoding");
  apply_mgf1(masked, h, mgf1);
  masked[0] &= static_cast<std::uint8_t>(0xff >> (8 * block.size() - encoded_bits));
  block.back() = kPssTrailer;
  return out;
}

std::optional<SecretBytes> oaep_message(ByteView block, const Digest& digest, const Digest& mgf1,
                                        ByteView label) {
  const int size = static_cast<int>(block.size());
  SecretBytes out(block.size());
  const int found = RSA_padding_check_PKCS1_OAEP_mgf1(
      out.span().data(), size, block.data(), size, size, label.data(),
      static_cast<int>(label.size()), digest.md(), mgf1.md());
  if (found < 0) return std::nullopt;
  return SecretBytes(out.view().first(static_cast<std::size_t>(found)));
}

std::size_t mask_of(bool truth) { return 0 - hidden(truth ? 1 : 0); }

Unpadded unpad_pkcs1(ByteView block) {
  std::size_t end = 0, ended = 0;
  for (std::size_t i = kPkcs1Header; i < block.size(); ++i) {
    const std::size_t here = is_zero(block[i]);
    end = select(here & ~ended, i, end);
    ended |= here;
  }
  const std::size_t good = is_zero(block[0]) & is_equal(block[1], 2) & ended &
                           ~is_less(end, kPkcs1Header + kLeastPadding);
  return {good, select(good, end + 1, 0), select(good, block.size() - end - 1, 0)};
}

SecretBytes pseudo_random(OSSL_LIB_CTX* libctx, ByteView key, std::string_view label,
                          std::size_t size) {
  constexpr std::size_t kBlock = 32;
  SecretBytes out((size + kBlock - 1) / kBlock * kBlock);
  const std::size_t bits = 8 * size;
  for (std::size_t i = 0; i * kBlock < size; ++i) {
    Bytes input{static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)};
    input.insert(input.end(), label.begin(), label.end());
    input.push_back(static_cast<std::uint8_t>(bits >> 8));
    input.push_back(static_cast<std::uint8_t>(bits));
    if (EVP_Q_mac(libctx, "HMAC", kOthers, "SHA256", nullptr, key.data(), key.size(), input.data(),
                  input.size(), out.span().data() + i * kBlock, kBlock, nullptr) == nullptr)
      throw Error(Errc::kUnsupported, "no other provider computes an HMAC; is 'default' active?");
  }
  return out.size() == size ? std::move(out) : SecretBytes(out.view().first(size));
}

Rejection rejection(OSSL_LIB_CTX* libctx, ByteView secret, ByteView ciphertext) {
  constexpr std::size_t kCandidates = 128;
  const std::size_t longest = ciphertext.size() - kPkcs1Header - kLeastPadding - 1;
  std::size_t below = longest;
  for (const std::size_t shift : {1UL, 2UL, 4UL, 8UL}) below |= below >> shift;
  const SecretBytes derived = pseudo_random(libctx, secret, to_text(ciphertext), 32);
  const SecretBytes lengths = pseudo_random(libctx, derived.view(), "length", 2 * kCandidates);
  Rejection out{pseudo_random(libctx, derived.view(), "message", ciphertext.size()), 0};
  for (std::size_t i = 0; i < lengths.size(); i += 2) {
    const std::size_t candidate =
        (std::size_t{lengths.view()[i]} << 8 | lengths.view()[i + 1]) & below;
    out.size = select(is_less(candidate, longest + 1), candidate, out.size);
  }
  return out;
}

std::size_t select_message(ByteView octets, const Unpadded& found, const Rejection& instead,
                           std::span<std::uint8_t> out) {
  const std::size_t size = select(found.good, found.size, instead.size);
  const std::size_t other = select(found.good, 0, instead.octets.size() - instead.size);
  for (std::size_t i = 0; i < size; ++i)
    out[i] = static_cast<std::uint8_t>(
        select(found.good, octets[found.offset + i], instead.octets.view()[other + i]));
  return size;
}

void select_premaster(ByteView octets, Unpadded found, unsigned version, unsigned other_version,
                      ByteView instead, std::span<std::uint8_t, kPremaster> out) {
  std::size_t good = found.good & is_equal(found.size, kPremaster);
  // Not where the message stands unless it stands where it must.
  const std::size_t offset = select(good, found.offset, 0);
  const std::size_t said = std::size_t{octets[offset]} << 8 | octets[offset + 1];
  good &= is_equal(said, version) | (is_equal(said, other_version) & ~is_zero(other_version));
  for (std::size_t i = 0; i < kPremaster; ++i)
    out[i] = static_cast<std::uint8_t>(select(good, octets[offset + i], instead[i]));
}

}  // namespace poolkey::provider
