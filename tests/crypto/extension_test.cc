#include "crypto/extension.h"

#include "tests/support/matchers.h"

namespace poolkey::crypto {
namespace {

using test::ThrowsErrc;

TEST(ExtensionTest, KnowsKeyUsagesByName) {
  for (int bit = 0; bit <= static_cast<int>(KeyUsage::kDecipherOnly); ++bit) {
    const auto usage = static_cast<KeyUsage>(bit);
    EXPECT_EQ(parse_key_usage(name(usage)), usage);
  }
  EXPECT_THAT([] { parse_key_usage("signing"); },
              ThrowsErrc(Errc::kInvalidArgument, "digitalSignature, nonRepudiation"));
}

TEST(ExtensionTest, KnowsExtendedKeyUsagesByNameAndOid) {
  EXPECT_EQ(parse_extended_key_usage("serverAuth"), kServerAuth);
  EXPECT_EQ(parse_extended_key_usage("clientAuth"), kClientAuth);
  EXPECT_EQ(parse_extended_key_usage("2.25.1.2"), "2.25.1.2");
  EXPECT_THAT([] { parse_extended_key_usage("codeSigning"); },
              ThrowsErrc(Errc::kInvalidArgument, "codeSigning"));
}

}  // namespace
}  // namespace poolkey::crypto
