// A request's way to a public CA and back, by file: openssl is the CA, and the witness of what goes
// there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "e2e/authority.h"
#include "e2e/public_ca.h"

namespace poolkey::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// With the key of the pool, which now goes to a public CA.
Deployment with_public_ca(Stage stage) {
  Deployment d = Deployment::at(stage);
  use_public_ca(d);
  return d;
}

/// What the CA sends, made of leaf.pem, ca/issuing.pem and ca/root.pem; in the order in which it is
/// imported.
struct Shape {
  std::string name;
  std::string make;  ///< lines of bash
  std::vector<Words> imports;
};

std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << shape.name; }

const std::vector<Shape>& shapes() {
  const std::string p7 =
      "openssl crl2pkcs7 -nocrl -certfile leaf.pem -certfile ca/issuing.pem -certfile ca/root.pem ";
  static const auto& all = *new std::vector<Shape>{
      {"LeafAloneThenItsChain", "true", {{"leaf.pem"}, {"ca/issuing.pem"}, {"ca/root.pem"}}},
      {"Pkcs7Pem", p7 + "-out a.p7b", {{"a.p7b"}}},
      {"Pkcs7Der", p7 + "-outform DER -out a.p7b", {{"a.p7b"}}},
      {"Der",
       "openssl x509 -in leaf.pem -outform DER -out leaf.cer;"
       "openssl x509 -in ca/issuing.pem -outform DER -out issuing.cer;"
       "openssl x509 -in ca/root.pem -outform DER -out root.cer",
       {{"leaf.cer", "issuing.cer", "root.cer"}}},
      {"ChainFirst", "cat ca/issuing.pem ca/root.pem > chain.pem", {{"chain.pem"}, {"leaf.pem"}}},
      {"RootFirstInOneFile", "cat ca/root.pem ca/issuing.pem leaf.pem > all.pem", {{"all.pem"}}},
      {"WindowsLinesAndText",
       "{ echo 'Your order 42'; openssl x509 -text -in leaf.pem; cat ca/issuing.pem ca/root.pem; } "
       "|"
       " sed 's/$/\\r/' > mail.txt",
       {{"mail.txt"}}},
  };
  return all;
}

class RequestShapeTest : public testing::TestWithParam<Shape> {};

TEST_P(RequestShapeTest, IsImportedAndAccepted) {
  const Deployment d = with_public_ca(Stage::kGenerated);
  submit(d);
  certify(d, "av@1.csr", "leaf.pem");
  ASSERT_TRUE(succeeded(in_folder(d, GetParam().make)));
  for (const Words& files : GetParam().imports) d.must("origin", import(d, files));
  EXPECT_EQ(state_of(d), "issued");
  const json::object accepted = d.json_on("origin", accept());
  EXPECT_EQ(state_of(d), "accepted");
  write_file(d.path("bound.pem"), json::text(accepted, "certificate", "accept"));
  write_file(d.path("chain.pem"), json::text(accepted, "chain", "accept"));
  EXPECT_TRUE(succeeded(in_folder(d,
                                  "openssl verify -x509_strict -purpose sslserver -CAfile "
                                  "ca/root.pem -untrusted chain.pem bound.pem && "
                                  "cmp bound.pem leaf.pem")));
  // Once more, what is known is known, and nothing changes.
  for (const Words& files : GetParam().imports)
    EXPECT_THAT(d.must("origin", import(d, files)), HasSubstr("known before"));
  d.must("origin", accept());
  EXPECT_THAT(history(d), ElementsAre("drafted", "linted", "approved", "signed", "submitted",
                                      "issued", "accepted"));
  EXPECT_TRUE(d.audit_is_whole());
}

INSTANTIATE_TEST_SUITE_P(Shapes, RequestShapeTest, testing::ValuesIn(shapes()),
                         [](const auto& shape) { return shape.param.name; });

TEST(RequestRoundTripTest, WaitsForARootThatComesLater) {
  const Deployment d = with_public_ca(Stage::kGenerated);
  submit_and_certify(d);
  d.must("origin", import(d, {"av@1.pem"}));
  EXPECT_TRUE(refused(d.on("origin", accept()), 4,
                      {"the root of the CA 'public'", "is not here", "request import"}));
  EXPECT_EQ(state_of(d), "issued");
  d.must("origin", import(d, {"ca/root.pem"}));
  EXPECT_TRUE(refused(d.on("origin", accept()), 11, {"Public issuing"}));
  d.must("origin", import(d, {"ca/issuing.pem"}));
  d.must("origin", accept());
  EXPECT_EQ(state_of(d), "accepted");
}

TEST(RequestExportTest, GivesWhatOpensslReads) {
  const Deployment d = with_public_ca(Stage::kGenerated);
  change_topology(d, "[ca.public]",
                  "[ca.public]\ntemplate = \"WebServer\"\nconfig = 'CA01\\Pub CA'");
  submit(d);
  const Words der{"request", "export", public_request(),
                  "--der",   "--out",  d.path("r.der").string()};
  d.must("origin", der);
  d.must("origin", {"request", "export", public_request(), "--certreq", d.path("win").string()});
  EXPECT_EQ(state_of(d), "submitted");
  const Outcome read = in_folder(
      d,
      "openssl req -in av@1.csr -verify -noout && openssl req -in av@1.csr -outform DER | cmp - "
      "r.der && openssl req -in win/*.req -outform DER | cmp - r.der && "
      "openssl req -inform DER -in r.der -text -noout && openssl asn1parse -in av@1.csr");
  ASSERT_TRUE(succeeded(read));
  for (const char* name : {"sip.contoso.com", "webcon.contoso.com", "sip.fabrikam.com"})
    EXPECT_THAT(read.out, HasSubstr("DNS:" + std::string(name)));
  EXPECT_THAT(read.out, HasSubstr("1.3.6.1.4.1.311.20.2"));
  EXPECT_THAT(read.out, HasSubstr("TLS Web Server Authentication"));
  const Outcome windows = in_folder(d, "cat win/*.inf win/*.cmd");
  EXPECT_THAT(windows.out, HasSubstr("_continue_=\"DNS=webcon.contoso.com"));
  EXPECT_THAT(windows.out,
              HasSubstr("certreq -submit -config \"CA01\\Pub CA\" -attrib "
                        "\"CertificateTemplate:WebServer\" edge.edge-external.av-1.public.req"));
  EXPECT_THAT(history(d), ElementsAre("drafted", "linted", "approved", "signed", "submitted"));
}

TEST(RequestExportTest, IsForCasByFileOnly) {
  const Deployment d = Deployment::at(Stage::kGenerated);
  d.must("origin", d.create_request());
  EXPECT_TRUE(refused(d.on("origin", {"request", "export", "edge.edge-external.av@1.internal"}), 2,
                      {"poolkey's own CA", "certificate issue"}));
  EXPECT_TRUE(refused(d.on("origin", {"request", "export", "edge.edge-external.av@1.public"}), 4,
                      {"no request", "edge.edge-external.av@1.internal"}));
  EXPECT_TRUE(
      refused(d.on("origin", {"request", "export", "edge.edge-external.av@1.internal", "--der"}), 2,
              {"--der needs --out"}));
}

}  // namespace
}  // namespace poolkey::test
