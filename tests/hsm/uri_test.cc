#include "hsm/uri.h"

#include "support/matchers.h"
#include "support/soft_token.h"

namespace poolkey::hsm {
namespace {

using test::ThrowsErrc;

TEST(UriTest, ReadsEveryComponent) {
  const Uri uri = parse_uri(
      "pkcs11:token=edge%201;serial=00aB;manufacturer=SoftHSM;model=v2;object=av%401;id=%01%fF;"
      "type=private?pin-source=file:/run/pin&module-name=softhsm2");
  EXPECT_EQ(uri.token, "edge 1");
  EXPECT_EQ(uri.serial, "00aB");
  EXPECT_EQ(uri.manufacturer, "SoftHSM");
  EXPECT_EQ(uri.model, "v2");
  EXPECT_EQ(uri.object, "av@1");
  EXPECT_EQ(uri.id, (Bytes{0x01, 0xff}));
  EXPECT_EQ(uri.type, "private");
  EXPECT_EQ(uri.query.at("pin-source"), "file:/run/pin");
  EXPECT_EQ(uri.query.at("module-name"), "softhsm2");
}

TEST(UriTest, EmptyPathMatchesEveryInitialisedToken) {
  TokenInfo info{};
  EXPECT_FALSE(parse_uri("pkcs11:").matches(info));
  info.flags = CKF_TOKEN_INITIALIZED;
  EXPECT_TRUE(parse_uri("pkcs11:").matches(info));
}

TEST(UriTest, MatchesOnlyTheTokenItNames) {
  TokenInfo info{};
  info.flags = CKF_TOKEN_INITIALIZED;
  info.label = "edge1";
  info.serial = "abc";
  EXPECT_TRUE(parse_uri("pkcs11:token=edge1;serial=abc").matches(info));
  EXPECT_FALSE(parse_uri("pkcs11:token=edge1;serial=abd").matches(info));
  EXPECT_FALSE(parse_uri("pkcs11:token=edge").matches(info));
}

TEST(UriTest, TakesPinSourceInThePathAndTheOldNameOfType) {
  const Uri uri = parse_uri("pkcs11:pin-source=file:/p;object-type=cert");
  EXPECT_EQ(uri.query.at("pin-source"), "file:/p");
  EXPECT_EQ(uri.type, "cert");
}

TEST(UriTest, WritesWhatItReads) {
  for (const char* text : {"pkcs11:token=edge1;serial=00ab;id=%01%02;type=private",
                           "pkcs11:object=av%401", "pkcs11:token=a%3bb%3d%25"})
    EXPECT_EQ(parse_uri(text).str(), text);
}

TEST(UriTest, PrivateKeyIsNamedByTokenSerialAndId) {
  EXPECT_EQ(private_key_uri({"edge 1", "00ab"}, Bytes{0x0a, 0xff}),
            "pkcs11:token=edge%201;serial=00ab;id=%0a%ff;type=private");
  EXPECT_EQ(private_key_uri({"edge1", ""}, Bytes{1}), "pkcs11:token=edge1;id=%01;type=private");
}

TEST(UriTest, TakesVendorsQueryAttributesAndIgnoresThem) {
  EXPECT_EQ(parse_uri("pkcs11:token=a?x-colour=red&x-colour=blue").token, "a");
}

TEST(UriTest, MatchesTheLibraryAndTheSlotThatItNames) {
  const test::SoftToken soft;
  const auto module = soft.module();
  const CK_SLOT_ID slot = module->tokens().front().slot;
  const auto fits = [&](const std::string& text) {
    return parse_uri("pkcs11:" + text).matches_place(*module, slot);
  };
  EXPECT_TRUE(
      fits("library-manufacturer=SoftHSM;library-description=Implementation%20of%20PKCS11"));
  EXPECT_TRUE(fits("library-version=2.6;slot-manufacturer=SoftHSM%20project"));
  EXPECT_TRUE(fits("slot-id=" + std::to_string(slot)));
  EXPECT_FALSE(fits("slot-id=" + std::to_string(slot + 1)));
  EXPECT_FALSE(fits("slot-description=another"));
  EXPECT_FALSE(fits("library-version=2"));
  EXPECT_FALSE(fits("library-manufacturer=Another"));
}

TEST(UriTest, GivesLabelAndIdAsATemplate) {
  Template t = parse_uri("pkcs11:object=av;id=%07").object_template();
  ASSERT_EQ(t.count(), 2U);
  EXPECT_EQ(t.data()[0].type, CKA_LABEL);
  EXPECT_EQ(t.data()[1].type, CKA_ID);
  EXPECT_TRUE(parse_uri("pkcs11:token=t").object_template().empty());
}

struct BadUri {
  const char* name;
  const char* text;
  const char* complaint;
  friend void PrintTo(const BadUri& uri, std::ostream* out) { *out << uri.name; }
};

class BadUriTest : public testing::TestWithParam<BadUri> {};

TEST_P(BadUriTest, IsRefusedNamingTheComponent) {
  EXPECT_THAT([] { parse_uri(GetParam().text); },
              ThrowsErrc(Errc::kInvalidArgument, GetParam().complaint));
}

INSTANTIATE_TEST_SUITE_P(
    , BadUriTest,
    testing::Values(BadUri{"OtherScheme", "file:key.pem", "pkcs11:"},
                    BadUri{"NoScheme", "token=edge1", "pkcs11:"},
                    BadUri{"NoEquals", "pkcs11:token", "'token' has no '='"},
                    BadUri{"EmptyComponent", "pkcs11:token=a;;id=%01", "has no '='"},
                    BadUri{"Twice", "pkcs11:token=a;token=a", "'token' stands twice"},
                    BadUri{"TypeTwice", "pkcs11:type=cert;object-type=cert", "stands twice"},
                    BadUri{"QueryTwice", "pkcs11:?pin-source=a&pin-source=b", "'pin-source'"},
                    BadUri{"CutPercent", "pkcs11:id=%0", "'id'"},
                    BadUri{"NotHexadecimal", "pkcs11:object=a%zz", "'object'"},
                    BadUri{"UnknownType", "pkcs11:type=key", "'key'"},
                    BadUri{"UnknownComponent", "pkcs11:colour=red", "'colour'"},
                    BadUri{"Vendor", "pkcs11:x-colour=red", "'x-colour'"},
                    BadUri{"Nul", "pkcs11:object=a%00b", "'object' has a NUL"},
                    BadUri{"NoNumber", "pkcs11:slot-id=0x1", "'slot-id' is not a number"},
                    BadUri{"Negative", "pkcs11:slot-id=-1", "'slot-id' is not a number"},
                    BadUri{"NoVersion", "pkcs11:library-version=2.x", "'library-version'"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace poolkey::hsm
