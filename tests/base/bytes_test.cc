#include "base/bytes.h"

#include "tests/support/matchers.h"

namespace poolkey {
namespace {

using test::ThrowsErrc;

TEST(BytesTest, WritesHex) {
  EXPECT_EQ(hex(Bytes{0x00, 0x0f, 0xf0, 0xff}), "000ff0ff");
  EXPECT_EQ(hex(Bytes{}), "");
}

TEST(BytesTest, ReadsHexAsPeoplePrintIt) {
  EXPECT_EQ(from_hex("AB:cd Ef"), (Bytes{0xab, 0xcd, 0xef}));
  EXPECT_EQ(from_hex(""), Bytes{});
  for (const std::string bad : {"a", "a:b", "0g", "0x00", "ab:c", "\xff\xff"})
    EXPECT_THAT([&] { from_hex(bad); }, ThrowsErrc(Errc::kInvalidArgument)) << bad;
}

TEST(BytesTest, WritesBase64OfRfc4648) {
  const std::pair<std::string, std::string> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : vectors) {
    EXPECT_EQ(base64(view(plain)), coded);
    EXPECT_EQ(to_text(from_base64(coded)), plain);
  }
}

TEST(BytesTest, RoundTripsEveryOctet) {
  Bytes all;
  for (int i = 0; i < 256; ++i) {
    EXPECT_EQ(from_base64(base64(all)), all);
    EXPECT_EQ(from_hex(hex(all)), all);
    all.push_back(static_cast<std::uint8_t>(i));
  }
}

TEST(BytesTest, ReadsBase64WithLineBreaks) {
  EXPECT_EQ(to_text(from_base64("Zm9v\r\nYmFy\n")), "foobar");
}

TEST(BytesTest, RefusesWhatIsNotBase64) {
  for (const std::string bad : {"Z", "Zg", "Zg=", "Zg===", "Z===", "====", "Zm9v=", "Zm8=Zm8=",
                                "Zm9v Yg=", "Zm9_", "Zg=a", "=", "Zm9v===="})
    EXPECT_THAT([&] { from_base64(bad); }, ThrowsErrc(Errc::kInvalidArgument)) << bad;
}

TEST(BytesTest, RefusesBase64ThatItWouldNotHaveWritten) {
  // The unused bits of the last group must be zero, or one value has several texts.
  for (const std::string bad : {"Zh==", "Zm9="})
    EXPECT_THAT([&] { from_base64(bad); }, ThrowsErrc(Errc::kInvalidArgument)) << bad;
}

TEST(BytesTest, PrintsFingerprints) {
  EXPECT_EQ(fingerprint_text(Bytes{0x3f, 0x0a}), "3F:0A");
  EXPECT_EQ(from_hex(fingerprint_text(Bytes{0x3f, 0x0a})), (Bytes{0x3f, 0x0a}));
}

}  // namespace
}  // namespace poolkey
