// The paddings that are done in software, with blocks made by hand.
#include "provider/rsa_padding.h"

#include <set>

#include "fixture.h"

namespace poolkey::provider {
namespace {

constexpr std::size_t kSize = 256;

/// 00 02 <padding> 00 <message>
Bytes block(std::string_view message) {
  Bytes out(kSize, 0x55);
  out[0] = 0;
  out[1] = 2;
  out[kSize - message.size() - 1] = 0;
  std::ranges::copy(message, out.end() - static_cast<std::ptrdiff_t>(message.size()));
  return out;
}

std::string found_in(const Bytes& octets) {
  const Rejection instead = rejection(nullptr, view("secret"), Bytes(kSize, 7));
  Bytes out(kSize);
  out.resize(select_message(octets, unpad_pkcs1(octets), instead, out));
  return to_text(out);
}

std::string rejected() { return found_in(Bytes(kSize, 0)); }

TEST(RsaPaddingTest, AMessageOfAnySizeIsFound) {
  for (const std::size_t size : {0UL, 1UL, 48UL, kSize - 11})
    EXPECT_EQ(found_in(block(std::string(size, '\0'))), std::string(size, '\0'));
}

TEST(RsaPaddingTest, EveryFaultGivesTheSameOtherMessage) {
  Bytes first = block("m"), second = block("m"), endless = block("m"), early = block("m");
  first[0] = 1;
  second[1] = 1;
  endless[kSize - 2] = 1;
  early[9] = 0;  // 7 octets of padding
  for (const Bytes& bad : {first, second, endless, early}) {
    EXPECT_NE(found_in(bad), "m");
    EXPECT_EQ(found_in(bad), rejected());
  }
  Bytes just = block("m");
  just[10] = 0;  // 8
  EXPECT_EQ(found_in(just).size(), kSize - 11);
}

TEST(RsaPaddingTest, RejectionsDependOnKeyAndCiphertextAndAreOfEverySize) {
  std::set<std::size_t> sizes;
  std::set<Bytes> messages;
  for (std::uint8_t i = 0; i < 100; ++i) {
    const Rejection one = rejection(nullptr, view("one"), Bytes(kSize, i));
    const Rejection same = rejection(nullptr, view("one"), Bytes(kSize, i));
    const Rejection two = rejection(nullptr, view("two"), Bytes(kSize, i));
    EXPECT_TRUE(std::ranges::equal(one.octets.view(), same.octets.view()));
    EXPECT_EQ(one.size, same.size);
    for (const Rejection* each : {&one, &two}) {
      EXPECT_LE(each->size, kSize - 11);
      sizes.insert(each->size);
      messages.emplace(each->octets.view().begin(), each->octets.view().end());
    }
  }
  EXPECT_EQ(messages.size(), 200U);
  EXPECT_GT(sizes.size(), 60U);
  EXPECT_LT(*sizes.begin(), 40U);
  EXPECT_GT(*sizes.rbegin(), 200U);
}

TEST(RsaPaddingTest, APremasterIsTakenOnlyWithItsVersion) {
  const std::string good = "\x03\x03" + std::string(46, 's'), older = "\x03\x01" + good.substr(2);
  const Bytes instead(kPremaster, 'r');
  const auto premaster = [&](const std::string& message, unsigned version, unsigned other) {
    std::array<std::uint8_t, kPremaster> out;
    const Bytes octets = block(message);
    select_premaster(octets, unpad_pkcs1(octets), version, other, instead, out);
    return to_text(out);
  };
  const std::string random(kPremaster, 'r');
  EXPECT_EQ(premaster(good, 0x0303, 0), good);
  EXPECT_EQ(premaster(good, 0x0302, 0), random);
  EXPECT_EQ(premaster(older, 0x0303, 0), random);
  EXPECT_EQ(premaster(older, 0x0303, 0x0301), older);
  EXPECT_EQ(premaster(good + "x", 0x0303, 0), random);
  EXPECT_EQ(premaster(good.substr(0, 47), 0x0303, 0), random);
  EXPECT_EQ(premaster("", 0x0303, 0), random);
  EXPECT_EQ(premaster(std::string(48, '\0'), 0x0303, 0), random);
}

}  // namespace
}  // namespace poolkey::provider
