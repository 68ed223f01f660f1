#include "crypto/csr.h"

#include <openssl/param_build.h>

#include <atomic>
#include <thread>

#include "tests/crypto/software.h"
#include "tests/support/matchers.h"

namespace poolkey::crypto {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;

CsrSpec edge_spec() {
  CsrSpec out;
  out.subject = {.common_name = "sip.contoso.com",
                 .organization = "Contoso",
                 .organizational_unit = "IT",
                 .locality = "Redmond",
                 .state = "Washington",
                 .country = "US"};
  out.dns_sans = {"sip.contoso.com", "webcon.contoso.com", "sip.fabrikam.com"};
  out.key_usage = {KeyUsage::kDigitalSignature, KeyUsage::kKeyEncipherment};
  out.extended_key_usage = {std::string(kServerAuth)};
  return out;
}

TEST(CsrTest, SaysWhatItWasAskedToSay) {
  const EvpPkey key = rsa_key();
  const ParsedCsr csr = parse_csr(build_csr(edge_spec(), key.get()));
  EXPECT_EQ(csr.subject, "C=US, ST=Washington, L=Redmond, O=Contoso, OU=IT, CN=sip.contoso.com");
  EXPECT_EQ(csr.name, edge_spec().subject);
  EXPECT_THAT(csr.common_names, ElementsAre("sip.contoso.com"));
  EXPECT_THAT(csr.organizational_units, ElementsAre("IT"));
  EXPECT_EQ(csr.sans.dns, edge_spec().dns_sans);
  EXPECT_FALSE(csr.san_critical);
  EXPECT_EQ(csr.key_usage, edge_spec().key_usage);
  EXPECT_EQ(csr.extended_key_usage, edge_spec().extended_key_usage);
  EXPECT_FALSE(csr.eku_critical);
  EXPECT_FALSE(csr.is_ca);
  EXPECT_EQ(csr.public_key, PublicKey::from_evp(key.get()));
  EXPECT_EQ(csr.signature_algorithm, "sha256WithRSAEncryption");
  EXPECT_TRUE(csr.signature_valid);
}

TEST(CsrTest, ADraftSaysWhatTheRequestWillSay) {
  CsrSpec nameless = edge_spec();
  nameless.subject = {};
  nameless.key_usage = {};
  for (const EvpPkey& key : {rsa_key(), ec_key("P-256"), ec_key("P-384"), ed25519_key()})
    for (const CsrSpec& spec : {edge_spec(), nameless}) {
      const ParsedCsr draft = draft_csr(spec, PublicKey::from_evp(key.get()));
      const ParsedCsr csr = parse_csr(build_csr(spec, key.get()));
      SCOPED_TRACE(csr.signature_algorithm);
      EXPECT_EQ(draft.subject, csr.subject);
      EXPECT_EQ(draft.attributes.size(), csr.attributes.size());
      EXPECT_EQ(draft.name, csr.name);
      EXPECT_EQ(draft.common_names, csr.common_names);
      EXPECT_EQ(draft.organizational_units, csr.organizational_units);
      EXPECT_EQ(draft.sans, csr.sans);
      EXPECT_EQ(draft.has_san, csr.has_san);
      EXPECT_EQ(draft.san_critical, csr.san_critical);
      EXPECT_EQ(draft.extended_key_usage, csr.extended_key_usage);
      EXPECT_EQ(draft.key_usage, csr.key_usage);
      EXPECT_EQ(draft.key_usage_critical, csr.key_usage_critical);
      EXPECT_EQ(draft.public_key, csr.public_key);
      EXPECT_EQ(draft.key_algorithm, csr.key_algorithm);
      EXPECT_EQ(draft.signature_algorithm, csr.signature_algorithm);
      EXPECT_EQ(draft.signature_valid, csr.signature_valid);
    }
}

TEST(CsrTest, ASignerOfManyGivesEachItsOwnNamesUnderTheOneKey) {
  for (const EvpPkey& key : {rsa_key(), ec_key("P-256"), ed25519_key()}) {
    const CsrSigner signer(key.get());
    for (const char* name : {"a.contoso.com", "b.contoso.com"}) {
      CsrSpec spec = edge_spec();
      spec.subject.common_name = name;
      const ParsedCsr csr = parse_csr(signer.sign(spec));
      EXPECT_THAT(csr.common_names, ElementsAre(name));
      EXPECT_EQ(csr.public_key, PublicKey::from_evp(key.get()));
      EXPECT_TRUE(csr.signature_valid);
      EXPECT_EQ(parse_csr(signer.sign(spec, SelfCheck::kAlways)).name, spec.subject);
    }
  }
}

/// A key whose public part is `key`'s and whose private part is another: what it signs is wrong, as
/// a token's may be whose memory failed.
EvpPkey faulty(const EvpPkey& key) {
  const bool rsa = EVP_PKEY_is_a(key.get(), "RSA") == 1;
  const std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD_free>> build(OSSL_PARAM_BLD_new());
  BIGNUM *n = nullptr, *e = nullptr;
  EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_RSA_N, &n);
  EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_RSA_E, &e);
  const BnPtr own_n(n), own_e(e), wrong(BN_new());
  BN_set_word(wrong.get(), 0x12345);
  const Bytes point = rsa ? Bytes{} : PublicKey::from_evp(key.get()).ec_point();
  if (rsa) {
    OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_N, n);
    OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_E, e);
    OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_D, wrong.get());
  } else {
    OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
    OSSL_PARAM_BLD_push_octet_string(build.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                     point.size());
    OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_PRIV_KEY, wrong.get());
  }
  const std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM_free>> params(
      OSSL_PARAM_BLD_to_param(build.get()));
  const EvpPkeyCtx ctx(EVP_PKEY_CTX_new_from_name(nullptr, rsa ? "RSA" : "EC", nullptr));
  EVP_PKEY* out = nullptr;
  EVP_PKEY_fromdata_init(ctx.get());
  EVP_PKEY_fromdata(ctx.get(), &out, EVP_PKEY_KEYPAIR, params.get());
  return EvpPkey(out);
}

TEST(CsrTest, TheSelfCheckKeepsBackWhatIsWronglySigned) {
  const EvpPkey rsa = faulty(rsa_key()), ec = faulty(ec_key());
  ASSERT_TRUE(rsa && ec);
  const auto sign = [](const EvpPkey& key, SelfCheck check) {
    return parse_csr(CsrSigner(key.get()).sign(edge_spec(), check)).signature_valid;
  };
  for (const EvpPkey* key : {&rsa, &ec}) {
    EXPECT_FALSE(sign(*key, SelfCheck::kNever));
    EXPECT_THAT([&] { sign(*key, SelfCheck::kAlways); },
                ThrowsErrc(Errc::kInternal, "does not verify"));
  }
  EXPECT_THAT([&] { sign(rsa, SelfCheck::kWhereFaultsTell); },
              ThrowsErrc(Errc::kInternal, "does not verify"));
  EXPECT_FALSE(sign(ec, SelfCheck::kWhereFaultsTell));
  EXPECT_THAT([&] { build_csr(edge_spec(), ec.get()); }, ThrowsErrc(Errc::kInternal));
}

TEST(CsrTest, OneSignerServesManyThreads) {
  const EvpPkey key = rsa_key();
  const CsrSigner signer(key.get());
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        CsrSpec spec = edge_spec();
        spec.subject.common_name = "sip" + std::to_string(10 * t + i) + ".contoso.com";
        const ParsedCsr csr = parse_csr(signer.sign(spec));
        good += csr.signature_valid && csr.name == spec.subject ? 1 : 0;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 40);
}

TEST(CsrTest, IsAcceptedByTheOpensslCommand) {
  const TemporaryFolder folder;
  for (const EvpPkey& key : {rsa_key(), ec_key("P-384"), ed25519_key()}) {
    const Bytes der = build_csr(edge_spec(), key.get());
    const auto result =
        openssl("req -verify -noout -text -in " + folder.file("a.pem", csr_pem(der)));
    EXPECT_EQ(result.status, 0) << result.output;
    EXPECT_THAT(result.output, HasSubstr("verify OK"));
    EXPECT_THAT(result.output, HasSubstr("DNS:sip.contoso.com, DNS:webcon.contoso.com, "
                                         "DNS:sip.fabrikam.com"));
    EXPECT_THAT(result.output, HasSubstr("TLS Web Server Authentication"));
    EXPECT_THAT(result.output, HasSubstr("Digital Signature, Key Encipherment"));
  }
}

TEST(CsrTest, MakesTheSanCriticalOnlyWithoutASubject) {
  CsrSpec spec = edge_spec();
  spec.subject = {};
  const ParsedCsr csr = parse_csr(build_csr(spec, ec_key().get()));
  EXPECT_EQ(csr.subject, "");
  EXPECT_TRUE(csr.has_san);
  EXPECT_TRUE(csr.san_critical);
}

TEST(CsrTest, NeedsNoExtensions) {
  CsrSpec spec;
  spec.subject.common_name = "lsedge.contoso.net";
  const ParsedCsr csr = parse_csr(build_csr(spec, ec_key().get()));
  EXPECT_FALSE(csr.has_san);
  EXPECT_FALSE(csr.key_usage);
  EXPECT_TRUE(csr.extended_key_usage.empty());
  EXPECT_TRUE(csr.signature_valid);
}

TEST(CsrTest, IsSignedByAKeyOfAnotherLibraryContext) {
  const std::unique_ptr<OSSL_LIB_CTX, Free<OSSL_LIB_CTX_free>> context(OSSL_LIB_CTX_new());
  const EvpPkey key = rsa_key(2048, 65537, "RSA", context.get());
  EXPECT_TRUE(parse_csr(build_csr(edge_spec(), key.get(), context.get())).signature_valid);
}

TEST(CsrTest, RefusesNamesThatCannotBeWritten) {
  const EvpPkey key = ec_key();
  const auto refused = [&](auto change, const std::string& why) {
    CsrSpec spec = edge_spec();
    change(spec);
    EXPECT_THAT([&] { build_csr(spec, key.get()); }, ThrowsErrc(Errc::kInvalidArgument, why));
  };
  refused([](CsrSpec& s) { s.subject.common_name = std::string(65, 'a'); }, "common name");
  refused([](CsrSpec& s) { s.subject.country = "USA"; }, "country");
  refused([](CsrSpec& s) { s.subject.country = "U"; }, "two letters");
  refused([](CsrSpec& s) { s.subject.organization = "\xff\xfe"; }, "organization");
  refused([](CsrSpec& s) { s.subject.common_name = std::string("a\0b", 3); }, "common name");
  refused([](CsrSpec& s) { s.dns_sans.emplace_back(""); }, "empty");
  refused([](CsrSpec& s) { s.dns_sans.assign(kMaxNames + 1, "a.b.c"); }, "room for 1000");
  refused(
      [](CsrSpec& s) {
        s.dns_sans.emplace_back(
            "b\xc3\xbc"
            "cher.de");
      },
      "non-ASCII");
  refused([](CsrSpec& s) { s.extended_key_usage = {"serverauth"}; }, "dotted OID");
  CsrSpec spec = edge_spec();
  spec.hash = "SHA99";
  EXPECT_THAT([&] { build_csr(spec, key.get()); }, ThrowsErrc(Errc::kUnsupported));
}

TEST(CsrTest, ReadsPemDerAndBareBase64) {
  const Bytes der = build_csr(edge_spec(), ec_key().get());
  const std::string pem = csr_pem(der);
  EXPECT_EQ(csr_der(view(pem)), der);
  EXPECT_EQ(parse_csr(view(pem)).der, der);
  EXPECT_EQ(parse_csr(view("Some text before\n" + pem)).der, der);
  EXPECT_THAT([&] { csr_der(view(pem + pem)); },
              ThrowsErrc(Errc::kCorrupt, "2 certificate requests"));
  EXPECT_THAT([] { parse_csr(view("hello")); }, ThrowsErrc(Errc::kCorrupt));
  EXPECT_THAT([] { parse_csr({}); }, ThrowsErrc(Errc::kCorrupt));
}

TEST(CsrTest, NoticesABadSignature) {
  Bytes der = build_csr(edge_spec(), rsa_key().get());
  der.back() ^= 1U;
  EXPECT_FALSE(parse_csr(der).signature_valid);
}

TEST(CsrTest, ReadsNamesOfEveryKindAndCaRequestsFromOpenssl) {
  const TemporaryFolder folder;
  const std::string config = folder.file("c.cnf", std::string_view(R"([req]
distinguished_name = dn
req_extensions = ext
prompt = no
[dn]
1.CN = a.contoso.com
2.CN = b.contoso.com
[ext]
subjectAltName = critical, @names
basicConstraints = CA:TRUE
keyUsage = keyCertSign, cRLSign
extendedKeyUsage = critical, clientAuth, anyExtendedKeyUsage
[names]
DNS = *.contoso.com
IP.1 = 131.107.155.10
IP.2 = 2001:db8::1
email = a@b.c
URI = http://x/
RID = 1.2.3
)"));
  const auto made =
      openssl("req -new -nodes -newkey rsa:2048 -keyout /dev/null -outform DER -out " +
              folder.path("a.der") + " -config " + config);
  ASSERT_EQ(made.status, 0) << made.output;
  const ParsedCsr csr = parse_csr(view(read_file(folder.path("a.der"))));
  EXPECT_THAT(csr.common_names, ElementsAre("a.contoso.com", "b.contoso.com"));
  EXPECT_THAT(csr.sans.dns, ElementsAre("*.contoso.com"));
  EXPECT_THAT(csr.sans.ip, ElementsAre("131.107.155.10", "2001:db8::1"));
  EXPECT_THAT(csr.sans.email, ElementsAre("a@b.c"));
  EXPECT_THAT(csr.sans.uri, ElementsAre("http://x/"));
  EXPECT_EQ(csr.sans.other, 1U);
  EXPECT_TRUE(csr.san_critical);
  EXPECT_TRUE(csr.is_ca);
  EXPECT_EQ(csr.key_usage, (KeyUsages{KeyUsage::kKeyCertSign, KeyUsage::kCrlSign}));
  EXPECT_THAT(csr.extended_key_usage, ElementsAre(kClientAuth, kAnyExtendedKeyUsage));
  EXPECT_TRUE(csr.eku_critical);
}

TEST(CsrTest, SurvivesHostileOctets) {
  const Bytes der = build_csr(edge_spec(), ec_key().get());
  survive_mutations(der, [&](const Bytes& bytes) {
    EXPECT_FALSE(parse_csr(bytes).signature_valid) << "a changed request still verifies";
  });
}

}  // namespace
}  // namespace poolkey::crypto
