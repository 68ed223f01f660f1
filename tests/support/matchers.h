// Matchers and small helpers shared by the tests.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace poolkey::test {

/// `EXPECT_THAT([&] { act(); }, ThrowsErrc(Errc::kDenied))`
inline auto ThrowsErrc(Errc code) {
  return testing::Throws<Error>(testing::Property("code", &Error::code, code));
}

/// As above, and the sentence contains `part`.
inline auto ThrowsErrc(Errc code, const std::string& part) {
  return testing::Throws<Error>(
      testing::AllOf(testing::Property("code", &Error::code, code),
                     testing::Property("what", &Error::what, testing::HasSubstr(part))));
}

}  // namespace poolkey::test
