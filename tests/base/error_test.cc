#include "base/error.h"

#include <array>
#include <set>
#include <string_view>

#include "tests/support/matchers.h"

namespace poolkey {
namespace {

constexpr std::array kAll{Errc::kInvalidArgument, Errc::kDenied,   Errc::kNotFound,
                          Errc::kAlreadyExists,   Errc::kConflict, Errc::kUnsupported,
                          Errc::kUnavailable,     Errc::kTimeout,  Errc::kAuthFailed,
                          Errc::kCorrupt,         Errc::kInternal};

TEST(ErrorTest, EveryCodeHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (const Errc code : kAll) names.insert(name(code));
  EXPECT_EQ(names.size(), kAll.size());
  EXPECT_EQ(name(Errc::kNotFound), "not-found");
}

TEST(ErrorTest, OnlyUnreachableLateAndConflictAreRetried) {
  for (const Errc code : kAll)
    EXPECT_EQ(is_retryable(code),
              code == Errc::kUnavailable || code == Errc::kTimeout || code == Errc::kConflict)
        << name(code);
}

TEST(ErrorTest, KnowsWhereItWasThrown) {
  const Error error(Errc::kDenied, 0x70UL, "no");
  EXPECT_THAT(error.where().file_name(), testing::EndsWith("error_test.cc"));
  EXPECT_EQ(error.ckr(), 0x70UL);
  EXPECT_EQ(Error(Errc::kDenied, "no").ckr(), std::nullopt);
}

}  // namespace
}  // namespace poolkey
