#include "base/secret.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <new>
#include <type_traits>

#include "tests/support/matchers.h"

namespace {

/// What stood at a watched place when it was given back to the heap.
const void* watched = nullptr;
std::array<std::uint8_t, 64> left_behind{};

void give_back(void* place) noexcept {
  if (place == watched && place != nullptr) {
    // The compiler knows how long some of the places are; what lies behind them is read on purpose.
    asm volatile("" : "+r"(place));
    std::memcpy(left_behind.data(), place, left_behind.size());
    watched = nullptr;
  }
  std::free(place);
}

}  // namespace

void* operator new(std::size_t size) {
  if (void* place = std::malloc(size)) return place;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return std::malloc(size); }
void operator delete(void* place) noexcept { give_back(place); }
void operator delete(void* place, std::size_t) noexcept { give_back(place); }

namespace poolkey {
namespace {

static_assert(!std::is_copy_constructible_v<SecretBytes>);
static_assert(!std::is_copy_assignable_v<SecretBytes>);
static_assert(!std::is_copy_constructible_v<Pin>);
template <class T>
concept Formattable = fmt::is_formattable<T>::value;
static_assert(Formattable<int>);
static_assert(!Formattable<SecretBytes>);
static_assert(!Formattable<Pin>);

TEST(SecretTest, HoldsWhatItWasGiven) {
  const SecretBytes secret(Bytes{1, 2, 3});
  EXPECT_EQ(Bytes(secret.view().begin(), secret.view().end()), (Bytes{1, 2, 3}));
  const Pin pin("1234");
  EXPECT_EQ(to_text(pin.clone().view()), "1234");
}

TEST(SecretTest, LeavesNothingBehindWhenMoved) {
  SecretBytes from(Bytes{1, 2, 3});
  SecretBytes to(std::move(from));
  EXPECT_TRUE(from.empty());  // NOLINT(bugprone-use-after-move): that is the promise
  EXPECT_EQ(to.size(), 3U);
  SecretBytes other(Bytes{9});
  other = std::move(to);
  EXPECT_TRUE(to.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(other.view()[2], 3);
  SecretBytes& same = other;
  other = std::move(same);
  EXPECT_EQ(other.size(), 3U);
}

class SecretWipeTest : public testing::Test {
 protected:
  static SecretBytes watched_secret() {
    SecretBytes secret(left_behind.size());
    std::fill(secret.span().begin(), secret.span().end(), std::uint8_t{0xa5});
    left_behind.fill(0xa5);
    watched = secret.view().data();
    return secret;
  }
  static void expect_wiped() {
    EXPECT_EQ(watched, nullptr) << "the memory was not given back";
    EXPECT_EQ(std::count(left_behind.begin(), left_behind.end(), 0), 64);
  }
};

TEST_F(SecretWipeTest, WipesWhenItGoes) {
  { const SecretBytes secret = watched_secret(); }
  expect_wiped();
}

TEST_F(SecretWipeTest, WipesWhenItIsReplaced) {
  SecretBytes secret = watched_secret();
  secret = SecretBytes(Bytes{1});
  expect_wiped();
}

TEST_F(SecretWipeTest, WipesAfterAMove) {
  SecretBytes secret = watched_secret();
  { const SecretBytes moved(std::move(secret)); }
  expect_wiped();
}

TEST_F(SecretWipeTest, WipesAPin) {
  { const Pin pin(watched_secret()); }
  expect_wiped();
}

}  // namespace
}  // namespace poolkey
