// The corpus through the same functions, in the ordinary build: what was found once stays found.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "base/file.h"
#include "fuzz/target.h"

namespace poolkey::fuzz {
namespace {

class ReplayTest : public testing::TestWithParam<Target> {};

TEST_P(ReplayTest, HoldsForTheWholeCorpus) {
  const std::filesystem::path folder =
      std::filesystem::path(POOLKEY_SOURCE_DIR "/tests/data/fuzz") / GetParam().name;
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    SCOPED_TRACE(entry.path().filename());
    const std::string octets = read_file(entry.path());
    const auto start = std::chrono::steady_clock::now();
    EXPECT_NO_THROW(GetParam().run(view(octets)));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
    ++files;
  }
  EXPECT_GE(files, 5) << "the corpus is gone";
}

INSTANTIATE_TEST_SUITE_P(All, ReplayTest, testing::ValuesIn(kTargets),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace poolkey::fuzz
