// A store that a poolkey of before the life of requests has written: today's opens it, and goes on
// with what was requested and issued.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "e2e/authority.h"
#include "e2e/public_ca.h"
#include "store/sql.h"

namespace poolkey::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kInternal = "edge.edge-external.av@1.internal";

/// Takes back what migrations 2 and 3 made, and has the states that there were then: 'signed' and
/// 'issued'.
void make_schema_1(const Deployment& d, const std::string& side) {
  auto database = store::Database::open(d.home(side) / "state.db");
  for (const char* statement : {"DROP TABLE quota",
                                "DROP TABLE idempotency",
                                "DROP TABLE report",
                                "DROP TABLE invitation",
                                "DROP TABLE pfx",
                                "ALTER TABLE member DROP COLUMN keys_in",
                                "DROP TABLE exposure",
                                "DROP TABLE rollover",
                                "DROP TABLE key_force",
                                "DROP TABLE ca_crl",
                                "DROP TABLE ca_certificate",
                                "DROP TABLE ca_configuration",
                                "DROP TABLE received",
                                "UPDATE request SET state = 'issued' WHERE state <> 'signed'",
                                "ALTER TABLE request DROP COLUMN server",
                                "ALTER TABLE request DROP COLUMN ca",
                                "ALTER TABLE request DROP COLUMN ca_kind",
                                "ALTER TABLE request DROP COLUMN details",
                                "ALTER TABLE request DROP COLUMN history",
                                "DELETE FROM schema_version WHERE version > 1"})
    database.run(statement);
}

class MigrationTest : public testing::Test {
 protected:
  MigrationTest() {
    use_public_ca(d);
    d.must("origin", create(d));
    before = read_file(d.path("created.pem"));
    for (const std::string& side : d.sides()) make_schema_1(d, side);
  }
  std::string text(const json::object& o, std::string_view key) const {
    return json::text(o, key, "request show");
  }
  const Deployment d = Deployment::at(Stage::kCertified);
  std::string before;  ///< the request for the public CA
};

TEST_F(MigrationTest, KeepsRequestsAndWhatWasIssued) {
  const json::object issued = d.json_on("origin", {"request", "show", kInternal});
  EXPECT_EQ(text(issued, "state"), "accepted");
  EXPECT_EQ(text(issued, "ca"), "internal");
  EXPECT_EQ(text(issued, "certificate"), read_file(d.path("out/cert.pem")));
  EXPECT_EQ(text(issued, "csr"), read_file(d.path("out/csr.pem")));
  const json::object waiting = d.json_on("origin", {"request", "show", public_request()});
  EXPECT_EQ(text(waiting, "state"), "signed");
  EXPECT_EQ(text(waiting, "ca"), "public");
  EXPECT_EQ(text(waiting, "csr"), before);
  EXPECT_THAT(d.must("origin", {"request", "list"}), HasSubstr("request export"));
  EXPECT_TRUE(d.audit_is_whole());
}

TEST_F(MigrationTest, GoesOnWithARequestThatWaited) {
  d.must("origin", create(d));
  EXPECT_EQ(read_file(d.path("created.pem")), before);
  d.must("origin", send(d));
  certify(d, "av@1.csr", "av@1.pem");
  d.must("origin", import(d, {"av@1.pem", "ca/issuing.pem", "ca/root.pem"}));
  d.must("origin", accept());
  EXPECT_THAT(history(d), ElementsAre("submitted", "issued", "accepted"));
  EXPECT_THAT(d.unfinished("origin"), IsEmpty());
}

TEST_F(MigrationTest, GoesOnWithACertificateThatWasIssued) {
  EXPECT_THAT(d.must("origin", {"certificate", "publish", "av@1"}), HasSubstr("edge2"));
  for (const std::string& m : d.members()) d.must(m, {"member", "install"});
  d.prove_all();
  d.must("origin", {"pool", "collect", "edge"});
  EXPECT_EQ(state_of(d, kInternal), "installed");
  d.must("origin", configure_ca(d));
  d.must("origin", {"ca", "revoke", d.path("out/cert.pem").string(), "--reason", "superseded"});
  EXPECT_TRUE(succeeded(in_folder(
      d, "openssl crl -inform DER -in pki/issuing-ca-1.crl -text -noout | grep -q " +
             std::string("$(openssl x509 -in out/cert.pem -serial -noout | cut -d= -f2)"))));
}

}  // namespace
}  // namespace poolkey::test
