// The template of a Microsoft CA in a request, against the vectors of tests/data/edge.json.
#include "base/json.h"
#include "crypto/csr.h"
#include "tests/crypto/software.h"
#include "tests/crypto/tlv.h"
#include "tests/support/matchers.h"

namespace poolkey::crypto {
namespace {

using namespace test;

/// The octets of an extension that is not critical, as they stand in a request.
Bytes extension(const std::string& oid_digits, const Bytes& value) {
  return sequence({oid(oid_digits), tlv(0x04, value)});
}

bool holds(const Bytes& whole, const Bytes& part) {
  return std::ranges::search(whole, part).begin() != whole.end();
}

const std::map<std::string, std::string> kDigits{{"1.3.6.1.4.1.311.20.2", "2b0601040182371402"},
                                                 {"1.3.6.1.4.1.311.21.7", "2b0601040182371507"}};

CertificateTemplate of_vector(const json::object& vector) {
  if (vector.contains("name")) return {.name = json::text(vector, "name", "vector")};
  const auto number = [&](const char* key) {
    return static_cast<std::uint32_t>(json::integer(vector, key, "vector"));
  };
  return {.oid = json::text(vector, "template_oid", "vector"),
          .major = number("major"),
          .minor = number("minor")};
}

TEST(TemplateTest, IsWrittenAsWindowsDoesAndReadBack) {
  const json::value file = json::parse(read_file(POOLKEY_SOURCE_DIR "/tests/data/edge.json"), "it");
  const EvpPkey key = ec_key();
  int written = 0;
  for (const json::value& value :
       json::as_array(file.as_object(), "adcs_template_vectors", "edge.json")) {
    const json::object& vector = value.as_object();
    const Bytes octets = from_hex(json::text(vector, "extn_value_hex", "vector"));
    const Bytes whole = extension(kDigits.at(json::text(vector, "extension", "vector")), octets);
    const CertificateTemplate wanted = of_vector(vector);
    EXPECT_EQ(
        parse_csr(odd_request(PublicKey::from_evp(key.get()).spki_der(), {.extensions = whole}))
            .adcs_template,
        wanted);
    if (vector.contains("interop")) continue;  // the form that Windows does not write
    CsrSpec spec{.subject = {.common_name = "sip.contoso.com"}, .adcs_template = wanted};
    const Bytes made = build_csr(spec, key.get());
    EXPECT_TRUE(holds(made, whole)) << hex(made);
    EXPECT_EQ(parse_csr(made).adcs_template, wanted);
    ++written;
  }
  EXPECT_EQ(written, 3);
}

TEST(TemplateTest, IsShownByOpenssl) {
  const TemporaryFolder folder;
  const CsrSpec spec{.subject = {.common_name = "a.b.c"},
                     .adcs_template = {.name = "WebServer", .oid = "1.3.6.1.4.1.311.21.8.1.2.3"}};
  const auto shown = openssl("req -inform DER -noout -text -in " +
                             folder.file("a.der", build_csr(spec, ec_key().get())));
  EXPECT_THAT(shown.output, testing::HasSubstr("1.3.6.1.4.1.311.20.2: \n"));
  EXPECT_THAT(shown.output, testing::HasSubstr("1.3.6.1.4.1.311.21.7: \n"));
}

TEST(TemplateTest, RefusesWhatCannotBeWrittenOrRead) {
  const EvpPkey key = ec_key();
  for (const CertificateTemplate& bad :
       {CertificateTemplate{.name = "\xff"}, CertificateTemplate{.name = "\xf0\x9f\x94\x91"},
        CertificateTemplate{.name = std::string("a\0b", 3)},
        CertificateTemplate{.oid = "WebServer"}, CertificateTemplate{.oid = "1.2.3", .minor = 1}})
    EXPECT_THAT([&] { build_csr({.adcs_template = bad}, key.get()); },
                ThrowsErrc(Errc::kInvalidArgument));
  const Bytes spki = PublicKey::from_evp(key.get()).spki_der();
  for (const char* value : {"", "1e0100", "0500", "3000", "30020500", "1e00"})
    EXPECT_THAT(
        [&] {
          parse_csr(
              odd_request(spki, {.extensions = extension("2b0601040182371402", from_hex(value))}));
        },
        ThrowsErrc(Errc::kCorrupt, "template"))
        << value;
  for (const char* value : {"", "3000", "3003020101", "30070602 2a03 0201ff", "30060602 2a03 0500"})
    EXPECT_THAT(
        [&] {
          parse_csr(
              odd_request(spki, {.extensions = extension("2b0601040182371507", from_hex(value))}));
        },
        ThrowsErrc(Errc::kCorrupt, "template"))
        << value;
  const Bytes once = extension("2b0601040182371402", from_hex("1e020041"));
  EXPECT_THAT(
      [&] {
        parse_csr(odd_request(spki, {.extensions = joined({once, once})}));
      },
      ThrowsErrc(Errc::kCorrupt, "there twice"));
}

}  // namespace
}  // namespace poolkey::crypto
