// The digests that a provider keeps, by every name that they are asked for with.
#include <gmock/gmock.h>

#include <string>
#include <thread>
#include <vector>

#include "provider/scheme.h"
#include "support/matchers.h"

namespace poolkey::provider {
namespace {

using test::ThrowsErrc;

/// More than are kept: eight spellings of each.
std::vector<std::string> spellings() {
  std::vector<std::string> out;
  for (const char* name : {"sha256", "sha384", "sha512", "sha3-256", "sha3-384", "sha3-512"})
    for (unsigned upper = 0; upper < 8; ++upper) {
      std::string spelling = name;
      for (unsigned i = 0; i < 3; ++i)
        if ((upper >> i & 1) != 0) spelling[i] = static_cast<char>(spelling[i] - 'a' + 'A');
      out.push_back(spelling);
    }
  return out;
}

TEST(DigestsTest, AreFetchedOnce) {
  const Digests digests(nullptr);
  EXPECT_EQ(digests.find("SHA256").md(), digests.find("SHA256").md());
  EXPECT_EQ(digests.find("SHA256"), digests.find("SHA2-256"));
  EXPECT_STREQ(digests.find("2.16.840.1.101.3.4.2.1").name(), "SHA256");
}

TEST(DigestsTest, WhatIsNoneStaysNone) {
  const Digests digests(nullptr);
  for (int i = 0; i < 2; ++i)
    EXPECT_THAT([&] { digests.find("SHAKE256"); }, ThrowsErrc(Errc::kUnsupported));
  EXPECT_EQ(digests.find("SHA1").size(), 20U);
}

TEST(DigestsTest, ThreadsThatSpellThemInMoreWaysThanAreKeptGetTheRightOnes) {
  const Digests digests(nullptr);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (const std::string& name : spellings())
        for (int i = 0; i < 2; ++i)
          EXPECT_EQ(EVP_MD_is_a(digests.find(name).md(), name.c_str()), 1) << name;
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace poolkey::provider
