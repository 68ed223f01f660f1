// What strangers send instead of requests and certificates: each gets a clear sentence, in bounded
// time and memory.
#include <sys/resource.h>

#include <chrono>

#include "crypto/bundle.h"
#include "crypto/csr.h"
#include "crypto/der_guard.h"
#include "tests/crypto/software.h"
#include "tests/crypto/tlv.h"
#include "tests/support/matchers.h"

namespace poolkey::crypto {
namespace {

using namespace test;
using testing::HasSubstr;

const Bytes& spki() {
  static const Bytes der = PublicKey::from_evp(ec_key().get()).spki_der();
  return der;
}

long peak_kilobytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

/// Runs `read`, which must throw: in under a second, and with little memory beyond the input.
template <class Read>
std::string sentence_of(Read&& read) {
  const long before = peak_kilobytes();
  const auto start = std::chrono::steady_clock::now();
  std::string out;
  try {
    read();
    ADD_FAILURE() << "it was read";
  } catch (const Error& error) {
    out = error.what();
    EXPECT_NE(error.code(), Errc::kInternal) << out;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1)) << out;
  EXPECT_LT(peak_kilobytes() - before, 64 << 10) << out;
  EXPECT_LT(out.size(), 400U) << "the input is repeated in the sentence";
  return out;
}

std::string request_fault(ByteView file) {
  return sentence_of([&] { parse_csr(file); });
}
std::string certificate_fault(ByteView file) {
  return sentence_of([&] { Certificate::from_der(file); });
}
std::string bundle_fault(ByteView file) {
  return sentence_of([&] { read_bundle(file); });
}

/// The same complaint of all who read foreign octets.
void expect_refused(ByteView file, const std::string& part) {
  EXPECT_THAT(request_fault(file), HasSubstr(part));
  EXPECT_THAT(bundle_fault(file), HasSubstr(part));
}

Bytes repeated(const Bytes& what, std::size_t times) {
  Bytes out;
  out.reserve(what.size() * times);
  for (std::size_t i = 0; i < times; ++i) out.insert(out.end(), what.begin(), what.end());
  return out;
}

TEST(OutlineTest, OfWhatIsWholeIsAccepted) {
  EXPECT_NO_THROW(check_der(odd_request(spki()), "it"));
  EXPECT_NO_THROW(check_der(odd_certificate(spki()), "it"));
  EXPECT_EQ(parse_csr(odd_request(spki())).sans.dns.front(), "sip.contoso.com");
  EXPECT_EQ(Certificate::from_der(odd_certificate(spki())).serial(), "01");
}

TEST(OutlineTest, NamesThePlaceAndTheFault) {
  const auto fault = [](const char* digits, Encoding encoding = Encoding::kDer) {
    return sentence_of([&] { check_der(from_hex(digits), "it", encoding); });
  };
  EXPECT_THAT(fault(""), HasSubstr("it is empty"));
  EXPECT_THAT(fault("30"), HasSubstr("octet 0: it ends before a length"));
  EXPECT_THAT(fault("3082"), HasSubstr("octet 0: it ends within a length"));
  EXPECT_THAT(fault("30 05 02 01 00"),
              HasSubstr("octet 0: an element of 5 octets is said to follow, and 3 are left"));
  EXPECT_THAT(fault("30 03 02 04 00"),
              HasSubstr("octet 2: an element of 4 octets is said to follow, and 1 are left"));
  EXPECT_THAT(fault("30 88 01 00 00 00 00 00 00 00"), HasSubstr("a length has 8 octets"));
  EXPECT_THAT(fault("30 03 02 01 00 aa bb"), HasSubstr("ends at octet 5, and 2 octets stand"));
  EXPECT_THAT(fault("30 04 00 00 02 00"), HasSubstr("two end octets"));
  EXPECT_THAT(fault("3f ff ff ff ff ff 01 00"), HasSubstr("an identifier has more than 4"));
  EXPECT_THAT(fault("10 00"), HasSubstr("written as a plain value"));
  EXPECT_THAT(fault("04 80 00 00", Encoding::kBer), HasSubstr("without parts"));
  EXPECT_THAT(fault("30 80 02 01 00", Encoding::kBer), HasSubstr("octet 0: an element of indef"));
}

TEST(OutlineTest, TellsBerFromDer) {
  const Bytes five = integer(Bytes(5, 1));
  for (const Bytes& octets :
       {joined({{0x30, 0x80}, five, {0, 0}}), joined({{0x30, 0x81, 0x07}, five}),
        joined({{0x30, 0x82, 0x00, 0x07}, five}), tlv(0x24, tlv(0x04, {'a'})),
        joined({{0x30, 0x83, 0x00, 0x00, 0x80}, tlv(0x04, Bytes(126, 'a'))})}) {
    EXPECT_NO_THROW(check_der(octets, "it", Encoding::kBer)) << hex(octets);
    EXPECT_THAT(sentence_of([&] { check_der(octets, "it"); }), HasSubstr("BER, not DER"));
  }
}

TEST(OutlineTest, EndsAtADepth) {
  Bytes deep;
  for (int i = 0; i < kMaxDepth; ++i) deep = tlv(0x30, deep);
  EXPECT_NO_THROW(check_der(deep, "it"));
  deep = tlv(0x30, tlv(0x30, deep));
  EXPECT_THAT(sentence_of([&] { check_der(deep, "it"); }), HasSubstr("more than 32 deep"));
  const Bytes million = repeated({0x30, 0x80}, 1'000'000);
  EXPECT_THAT(sentence_of([&] { check_der(million, "it", Encoding::kBer); }),
              HasSubstr("more than 32 deep"));
  // The same 32 elements over and over: time must not multiply by the depth's levels.
  const Bytes wide =
      tlv(0x30, repeated(joined({repeated({0x30, 0x80}, 30), Bytes(60, 0)}), 30'000));
  EXPECT_THAT(request_fault(wide), HasSubstr("wanted"));
  expect_refused(million, "deep");
}

TEST(BadInputTest, CutAnywhereIsRefused) {
  for (const Bytes& whole : {odd_request(spki()), odd_certificate(spki())})
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const ByteView cut = ByteView(whole).first(size);
      EXPECT_THROW(parse_csr(cut), Error) << size;
      EXPECT_THROW(Certificate::from_der(cut), Error) << size;
      EXPECT_THROW(read_bundle(cut), Error) << size;
      if (size > 1) {
        EXPECT_THAT(bundle_fault(cut), HasSubstr("damaged at octet 0"));
      }
    }
}

TEST(BadInputTest, SizesAreBounded) {
  const Bytes huge = joined({from_hex("30 84 05 f5 e0 fa"), Bytes(100'000'000, 0)});
  expect_refused(huge, "at most 4194304");
  const Bytes text(100'000'000, '-');
  expect_refused(text, "at most 4194304");
  EXPECT_THAT(certificate_fault(huge), HasSubstr("at most 524288"));
  const Bytes large = tlv(0x30, Bytes(600'000, 5));
  EXPECT_THAT(certificate_fault(large), HasSubstr("at most 524288"));
}

TEST(BadInputTest, AThousandNamesAreReadAndTenThousandAreNot) {
  const auto named = [](int count) {
    std::vector<std::string> names;
    for (int i = 0; i < count; ++i) names.push_back("n" + std::to_string(i) + ".contoso.com");
    return Oddity{.extensions = dns_names(names)};
  };
  EXPECT_EQ(parse_csr(odd_request(spki(), named(1000))).sans.dns.size(), 1000U);
  EXPECT_EQ(Certificate::from_der(odd_certificate(spki(), named(1000))).dns_sans().size(), 1000U);
  for (const int count : {1001, 10'000}) {
    EXPECT_THAT(request_fault(odd_request(spki(), named(count))), HasSubstr("more than 1000"));
    EXPECT_THAT(certificate_fault(odd_certificate(spki(), named(count))),
                HasSubstr("more than 1000"));
  }
  Bytes rdns;
  for (int i = 0; i < 101; ++i) {
    const Bytes one = tlv(0x31, sequence({oid("550403"), tlv(0x0c, {'a'})}));
    rdns.insert(rdns.end(), one.begin(), one.end());
  }
  const Oddity many{.name = tlv(0x30, rdns)};
  EXPECT_THAT(request_fault(odd_request(spki(), many)), HasSubstr("101 parts"));
  EXPECT_THAT(certificate_fault(odd_certificate(spki(), many)), HasSubstr("101 parts"));
}

TEST(BadInputTest, NulOctetsInNamesAreRefused) {
  const std::string name("sip.contoso.com\0.evil.com", 25);
  for (const Oddity& odd :
       {Oddity{.name = common_name(name)}, Oddity{.extensions = dns_names({"a.b.c", name})}}) {
    EXPECT_THAT(request_fault(odd_request(spki(), odd)),
                HasSubstr("NUL octet behind its first 15"));
    EXPECT_THAT(certificate_fault(odd_certificate(spki(), odd)), HasSubstr("NUL octet"));
  }
}

TEST(BadInputTest, ARepeatedNameIsReadAndARepeatedExtensionIsNot) {
  const Oddity twice{.extensions = dns_names({"a.b.c", "a.b.c"})};
  EXPECT_EQ(parse_csr(odd_request(spki(), twice)).sans.dns.size(), 2U);
  const Bytes san = dns_names({"a.b.c"});
  // Two lists in one attribute, of which OpenSSL reads the first.
  const Bytes list = sequence({san}), name = common_name("a.b.c");
  const Bytes attribute = sequence({oid("2a864886f70d01090e"), tlv(0x31, joined({list, list}))});
  EXPECT_THAT(request_fault(
                  unsigned_document(sequence({integer({0}), name, spki(), tlv(0xa0, attribute)}))),
              HasSubstr("more than one list"));
  const Oddity two_lists{.extensions = joined({san, san})};
  EXPECT_THAT(request_fault(odd_request(spki(), two_lists)), HasSubstr("is there twice"));
  EXPECT_THROW(Certificate::from_der(odd_certificate(spki(), two_lists)), Error);
}

TEST(BadInputTest, VersionsAndSerialNumbers) {
  for (const std::uint8_t version : Bytes{1, 2, 127})
    EXPECT_THAT(request_fault(odd_request(spki(), {.version = {version}})),
                HasSubstr("says version"));
  EXPECT_THAT(certificate_fault(odd_certificate(spki(), {.version = {3}})), HasSubstr("version 4"));
  EXPECT_THAT(certificate_fault(odd_certificate(spki(), {.version = {1}})),
              HasSubstr("version 2 and has extensions"));
  EXPECT_THROW(Certificate::from_der(odd_certificate(spki(), {.version = Bytes(20, 0x7f)})), Error);
  EXPECT_EQ(Certificate::from_der(odd_certificate(spki(), {.serial = {0x80}})).serial(), "-80");
  EXPECT_EQ(Certificate::from_der(odd_certificate(spki(), {.serial = {0}})).serial(), "00");
  EXPECT_EQ(Certificate::from_der(odd_certificate(spki(), {.serial = Bytes(40, 0x11)})).serial(),
            std::string(80, '1'));
}

TEST(BadInputTest, OneThingInThePlaceOfAnotherIsNamed) {
  const Identity ca = make_root("Contoso Root");
  const Bytes request = build_csr({.subject = {.common_name = "a.b.c"}}, ca.key.get());
  EXPECT_THAT(request_fault(ca.certificate.der()), HasSubstr("and this is a certificate"));
  EXPECT_THAT(request_fault(view(ca.certificate.pem())), HasSubstr("and this is a certificate"));
  EXPECT_THAT(certificate_fault(request), HasSubstr("this is a certificate request (PKCS#10)"));
  EXPECT_THAT(bundle_fault(request), HasSubstr("but a certificate request (PKCS#10)"));
  EXPECT_THAT(request_fault(spki()), HasSubstr("and this is a public key"));
}

TEST(BadInputTest, PrivateKeysAreRefusedWithAWarning) {
  const TemporaryFolder folder;
  const std::string key = folder.path("key.pem"), certificate = folder.path("cert.pem");
  const auto run = [](const std::string& arguments) {
    const auto result = openssl(arguments);
    ASSERT_EQ(result.status, 0) << result.output;
  };
  run("req -x509 -newkey rsa:2048 -noenc -subj /CN=a.b.c -keyout " + key + " -out " + certificate);
  run("ecparam -name prime256v1 -genkey -noout -outform DER -out " + folder.path("sec1.der"));
  run("rsa -traditional -in " + key + " -outform DER -out " + folder.path("pkcs1.der"));
  run("pkcs8 -topk8 -nocrypt -in " + key + " -outform DER -out " + folder.path("pkcs8.der"));
  run("pkcs8 -topk8 -passout pass:x -in " + key + " -outform DER -out " + folder.path("enc.der"));
  run("pkcs8 -topk8 -passout pass:x -in " + key + " -out " + folder.path("enc.pem"));
  run("rsa -traditional -aes128 -passout pass:x -in " + key + " -out " + folder.path("old.pem"));
  run("pkcs12 -export -passout pass:x -inkey " + key + " -in " + certificate + " -out " +
      folder.path("all.pfx"));
  for (const char* file : {"key.pem", "sec1.der", "pkcs1.der", "pkcs8.der", "enc.der", "enc.pem",
                           "old.pem", "all.pfx"}) {
    SCOPED_TRACE(file);
    const std::string octets = read_file(folder.path(file));
    expect_refused(view(octets), "must not be sent to anybody");
    if (std::string(file).ends_with(".pem"))
      expect_refused(view(read_file(certificate) + octets), "a private key at line");
    EXPECT_THAT(request_fault(view(octets)),
                HasSubstr(std::string(file) == "all.pfx" ? "(PFX)" : "holds a private key"));
  }
}

TEST(BadInputTest, TextThatIsNoneOfIt) {
  const std::string pem = csr_pem(odd_request(spki()));
  std::string little, big;
  for (const char c : pem) {
    little += {c, '\0'};
    big += {'\0', c};
  }
  for (const std::string& text : {"\xff\xfe" + little, "\xfe\xff" + big, little, big})
    expect_refused(view(text), "UTF-16");
  expect_refused(view("\r\n <!DOCTYPE html><html><body>Please log in</body></html>"), "web page");
  expect_refused(view("<HTML>"), "web page");
  expect_refused({}, "empty");
  expect_refused(view(" \r\n\n"), "empty");
  expect_refused(view("hello"), "neither PEM nor DER nor base64");
  expect_refused(view("MIIB, but not base64"), "neither PEM nor DER nor base64");
  std::string encrypted = pem;
  encrypted.insert(pem.find('\n') + 1, "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n");
  expect_refused(view(encrypted), "is encrypted");
  expect_refused(view("-----BEGIN \x1b[31mX-----\n"), "line 1 should be");
  expect_refused(view("-----BEGIN X-----\n"), "'X' at line 1 has no line");
}

TEST(BadInputTest, PemIsTakenAsItCameOrRefused) {
  const Bytes der = odd_request(spki());
  const std::string pem = csr_pem(der);
  EXPECT_EQ(csr_der(view("To: ca@contoso.com\n\n" + pem + "\n-- \nthe pool's owner")), der);
  EXPECT_EQ(csr_der(view(base64(der))), der);
  EXPECT_EQ(csr_der(view("0 s:CN=a.b.c\n" + pem)), der);
  for (std::size_t size = 0; size + 2 < pem.size(); ++size)
    EXPECT_THROW(csr_der(view(std::string_view(pem).substr(0, size))), Error) << size;
  EXPECT_THAT(request_fault(view(pem + pem)), HasSubstr("2 certificate requests"));
  const std::string trailing = csr_pem(joined({der, {0}}));
  EXPECT_THAT(request_fault(view(trailing)), HasSubstr("1 octets stand behind it"));
}

TEST(BadInputTest, ABundleOfManyIsRefused) {
  std::string file;
  const std::string one = base64(odd_certificate(spki()));
  for (int i = 0; i < static_cast<int>(kMaxBundle) + 1; ++i) {
    const Bytes serial{1, static_cast<std::uint8_t>(i >> 7), static_cast<std::uint8_t>(i & 127)};
    file += "-----BEGIN CERTIFICATE-----\n" + base64(odd_certificate(spki(), {.serial = serial})) +
            "\n-----END CERTIFICATE-----\n";
  }
  EXPECT_THAT(bundle_fault(view(file)), HasSubstr("more than 500 certificates"));
}

}  // namespace
}  // namespace poolkey::crypto
