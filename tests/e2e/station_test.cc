// A pool of one member with a token and one Windows Edge Server, which has none: its delivery
// station turns its envelope into a PFX. `openssl` is the witness; the part of the Windows host is
// played by a receipt that `openssl` signs with the key out of the PFX.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/file.h"
#include "e2e/authority.h"
#include "e2e/deployment.h"

namespace poolkey::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kPolicy = POOLKEY_SOURCE_DIR "/policies/av-auth-windows.toml";
constexpr const char* kProvider = "Microsoft RSA SChannel Cryptographic Provider";

class StationTest : public testing::Test {
 protected:
  StationTest() {
    d.must("origin", d.origin_init());
    d.must("edge1", d.member_init("edge1"));
    d.must("origin", {"pool", "define", d.path("topology.toml").string()});
    d.must("edge1", {"member", "enrol"});
    d.must("origin", d.admit("edge1"));
    d.must("edge1", d.confirm("edge1"));
    d.must("edge2", init());
    d.must("edge2", {"station", "enrol"});
  }
  Words init() const {
    return {"--pin",     "file:" + d.path("pins/edge2.user").string(),
            "station",   "init",
            "--pool",    "edge",
            "--member",  "edge2",
            "--mailbox", d.path("mailbox").string()};
  }
  Words admit() const {
    Words out = d.admit("edge2");
    out.push_back("--software");
    return out;
  }
  void enrol() const {
    d.must("origin", admit());
    d.must("edge2", station_confirm());
  }
  Words station_confirm() const {
    Words out = d.confirm("edge2");
    out[0] = "station";
    return out;
  }
  void release() const {
    enrol();
    d.must("origin", d.generate("av", kPolicy));
    d.must("origin", d.release());
  }
  void certify() const {
    release();
    d.must("edge1", {"member", "receive"});
    d.must("edge2", {"station", "receive"});
    d.must("origin", d.create_request());
    d.must("origin", d.issue());
    d.must("origin", {"certificate", "publish", "av@1"});
    d.must("edge1", {"member", "install"});
  }
  void prove() const {
    d.must("origin", {"pool", "challenge", "edge"});
    d.must("edge1", {"member", "prove"});
    d.must("edge2", {"station", "prove"});
  }
  Words deliver(Words more = {}) const {
    Words out{"station",
              "deliver",
              "av@1",
              "--out",
              d.path("usb").string(),
              "--passphrase-out",
              d.path("secret").string()};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }
  /// `openssl pkcs12` on the PFX that was written, with its passphrase.
  Outcome pkcs12(const json::object& delivered, const std::string& options) const {
    return in_folder(d, "openssl pkcs12 -in '" + json::text(delivered, "pfx", "deliver") +
                            "' -passin file:secret " + options);
  }

  /// What install.ps1 would write on a host where all is well; `change` may spoil it.
  fs::path receipt(const json::object& delivered,
                   const std::function<void(json::object&)>& change = {},
                   bool is_signed = true) const {
    const std::string mark = json::text(delivered, "thumbprint", "deliver");
    json::array slots;
    for (const json::value& type : json::as_array(delivered, "types", "deliver"))
      slots.emplace_back(
          json::object{{"type", type}, {"thumbprint", mark}, {"other", ""}, {"effective_at", ""}});
    json::object said{{"context", "poolkey windows receipt v1"},
                      {"pool", "edge"},
                      {"member", "edge2"},
                      {"key", "av@1"},
                      {"delivery", json::text(delivered, "delivery", "deliver")},
                      {"step", "Install"},
                      {"host", "EDGE2"},
                      {"clock", "2026-11-23T12:00:00Z"},
                      {"thumbprint", mark},
                      {"has_private_key", true},
                      {"provider", kProvider},
                      {"key_spec", "Exchange"},
                      {"chain_is_valid", true},
                      {"slots", std::move(slots)}};
    if (change) change(said);
    write_file(d.path("said"), json::compact(said));
    EXPECT_TRUE(succeeded(pkcs12(delivered, "-nocerts -nodes -out host.pem")));
    EXPECT_TRUE(succeeded(in_folder(d, "openssl dgst -sha256 -sign host.pem -out said.sig said")));
    const std::string signature = is_signed ? base64(view(read_file(d.path("said.sig")))) : "";
    // As PowerShell writes it: another layout, and a mark before it.
    write_file(d.path("receipt.json"), "\xef\xbb\xbf{\r\n    \"statement\":  \"" +
                                           base64(view(read_file(d.path("said")))) +
                                           "\",\r\n    \"signature\":  \"" + signature + "\"\r\n}");
    return d.path("receipt.json");
  }
  Outcome take(const fs::path& file, Words more = {}) const {
    Words words{"station", "receipt", file.string()};
    words.insert(words.end(), more.begin(), more.end());
    return d.on("edge2", words);
  }
  std::string certificate_at_origin() const {
    prove();
    d.must("origin", {"pool", "collect", "edge"});
    const json::object status = d.json_on("origin", {"status"});
    for (const json::value& m : status.at("pools").at(0).at("members").as_array())
      if (m.at("name").as_string() == "edge2") {
        EXPECT_EQ(m.at("state").as_string(), "present");
        EXPECT_EQ(m.at("keys_in").as_string(), "software");
        return m.at("certificate_sha256").as_string().c_str();
      }
    return "no such member";
  }

  Deployment d = Deployment::at(Stage::kNothing, 2);
};

TEST_F(StationTest, AMemberWithoutATokenIsAdmittedOnlyAsOne) {
  EXPECT_THAT(d.must("origin", {"enrolment", "show", "edge2", "--pool", "edge"}),
              HasSubstr("SOFTWARE"));
  EXPECT_TRUE(refused(d.on("origin", d.admit("edge2")), 3, {"in software", "--software"}));
  Words wrong = admit();
  wrong[6] = std::string(64, '0');
  EXPECT_TRUE(refused(d.on("origin", wrong), 3, {"fingerprint"}));
  Words other = d.admit("edge1");
  other.push_back("--software");
  EXPECT_TRUE(refused(d.on("origin", other), 3, {"has a token"}));
  enrol();
  EXPECT_TRUE(succeeded(d.on("edge2", {"audit", "verify"})));
  EXPECT_THAT(d.must("origin", {"audit", "export"}), HasSubstr(R"("keys_in":"software")"));
}

TEST_F(StationTest, ThePolicyDecidesWhoReceivesInSoftware) {
  enrol();
  d.must("origin", d.generate("av"));
  EXPECT_TRUE(refused(d.on("origin", d.release()), 3,
                      {"export.software_recipients", "'edge/edge2'", "av-auth.toml"}));
  EXPECT_FALSE(fs::exists(d.mail("edge1", "envelope.av@1.cms"))) << "nobody receives it";
  d.must("origin", d.generate("av", kPolicy));
  d.must("origin", d.release("av@2"));
  d.must("edge2", {"station", "receive"});
  EXPECT_TRUE(d.audit_is_whole());
}

TEST_F(StationTest, ACutOrChangedEnvelopeIsRefused) {
  release();
  const fs::path mail = d.mail("edge2", "envelope.av@1.cms");
  const std::string good = read_file(mail);
  std::string changed = good;
  changed[changed.size() / 2] = static_cast<char>(changed[changed.size() / 2] ^ 1);
  for (const std::string& bad : {changed, good.substr(0, good.size() / 2), std::string("x")}) {
    write_file(mail, bad);
    EXPECT_EQ(d.on("edge2", {"station", "receive"}).status, 11);
  }
  fs::copy_file(d.mail("edge1", "envelope.av@1.cms"), mail, fs::copy_options::overwrite_existing);
  EXPECT_TRUE(refused(d.on("edge2", {"station", "receive"}), 3, {"edge1"})) << "another member's";
  write_file(mail, good);
  d.must("edge2", {"station", "receive"});
  EXPECT_FALSE(fs::exists(mail));
}

TEST_F(StationTest, WritesAPfxWithThePoolsKeyAndTheWholeChain) {
  certify();
  const json::object dry = d.json_on("edge2", deliver({"--dry-run"}));
  EXPECT_FALSE(fs::exists(d.path("usb")));
  EXPECT_EQ(d.count("edge2", "pfx"), 0);
  const json::object made = d.json_on("edge2", deliver());
  EXPECT_EQ(dry.at("friendly_name"), made.at("friendly_name"));

  const Outcome dump = pkcs12(made, "-nodes -info");
  EXPECT_THAT(dump.text(), AllOf(HasSubstr("MAC: sha256"), HasSubstr("AES-256-CBC"),
                                 HasSubstr(kProvider), HasSubstr("friendlyName: edge av@1 until "),
                                 HasSubstr("localKeyID: "), Not(HasSubstr("X509v3 Key Usage"))));
  EXPECT_TRUE(succeeded(pkcs12(made, "-nocerts -nodes -out k.pem")));
  EXPECT_TRUE(succeeded(pkcs12(made, "-clcerts -nokeys -out leaf.pem")));
  EXPECT_TRUE(succeeded(pkcs12(made, "-cacerts -nokeys -out chain.pem")));
  EXPECT_TRUE(succeeded(in_folder(
      d,
      "openssl pkey -in k.pem -pubout -out a && openssl x509 -in leaf.pem -noout -pubkey -out b && "
      "cmp a b && openssl verify -CAfile chain.pem leaf.pem && "
      "openssl x509 -in edge1/tls/av/certificate.pem -noout -pubkey -out c && cmp a c")))
      << "the member with a token serves with the same key";
  EXPECT_NE(in_folder(d, "openssl pkcs12 -passin pass:wrong -noout -in usb/*.pfx").status, 0);
  const Outcome print = in_folder(d, "openssl x509 -in leaf.pem -noout -fingerprint -sha1");
  std::string mark = print.out;
  std::erase(mark, ':');
  EXPECT_THAT(mark, HasSubstr(json::text(made, "thumbprint", "deliver")));

  const std::string script = read_file(d.path("usb/install.ps1"));
  EXPECT_THAT(script,
              AllOf(HasSubstr(json::text(made, "pfx_sha256", "deliver")),
                    HasSubstr("Set-CsCertificate -Type "
                              "AccessEdgeExternal,DataEdgeExternal,AudioVideoAuthentication "
                              "-Thumbprint " +
                              json::text(made, "thumbprint", "deliver") + " -Confirm"),
                    Not(HasSubstr("{{"))));
  EXPECT_EQ(fs::status(d.path("secret")).permissions() & fs::perms(0777), fs::perms(0600));
  EXPECT_TRUE(refused(d.on("edge2", deliver()), 5, {"not empty"}));
  EXPECT_TRUE(d.audit_is_whole());
}

TEST_F(StationTest, ThePassphraseIsNowhereElse) {
  certify();
  d.must("edge2", {"--log-level", "trace", "station", "deliver", "av@1", "--out",
                   d.path("usb").string(), "--passphrase-out", d.path("secret").string()});
  const std::string secret = read_file(d.path("secret"));
  EXPECT_EQ(secret.size(), 35U);
  EXPECT_TRUE(succeeded(in_folder(d, "test \"$(grep -rlF -- \"$(cat secret)\" .)\" = ./secret")));
  const Outcome shown = d.on("edge2", {"--log-level", "trace", "station", "deliver", "av@1",
                                       "--out", d.path("usb2").string(), "--show-passphrase"});
  EXPECT_TRUE(succeeded(shown));
  const std::size_t at = shown.out.find("kept nowhere:\n  ");
  ASSERT_NE(at, std::string::npos) << shown.out;
  EXPECT_THAT(shown.err, Not(HasSubstr(shown.out.substr(at + 16, 35))));
  EXPECT_TRUE(refused(d.on("edge2", {"station", "deliver", "av@1", "--out", d.path("usb3").string(),
                                     "--passphrase-out", d.path("usb3/secret").string()}),
                      2, {"beside the PFX"}));
  EXPECT_TRUE(
      refused(d.on("edge2", {"station", "deliver", "av@1", "--out", d.path("usb3/").string(),
                             "--passphrase-out", d.path("usb3/a/secret").string()}),
              2, {"beside the PFX"}));
  EXPECT_TRUE(refused(d.on("edge2", {"station", "deliver", "av@1", "--out", d.path("usb3").string(),
                                     "--passphrase-out", d.path("secret").string()}),
                      5, {"of another PFX"}));
  EXPECT_TRUE(
      refused(d.on("edge2", {"station", "deliver", "av@1", "--out", d.path("usb3").string()}), 2,
              {"--show-passphrase"}));
  EXPECT_FALSE(fs::exists(d.path("usb3")));
}

TEST_F(StationTest, StagesAndWritesForOldWindows) {
  certify();
  EXPECT_TRUE(refused(d.on("edge2", deliver({"--effective", "2020-01-01T06:00:00Z"})), 2,
                      {"in the future"}));
  EXPECT_TRUE(refused(d.on("edge2", deliver({"--type", "Default"})), 2, {"no type of an Edge"}));
  const std::string tomorrow = rfc3339(SystemClock().now() + Days(1));
  EXPECT_TRUE(
      refused(d.on("edge2", deliver({"--effective", tomorrow, "--type", "AccessEdgeExternal"})), 2,
              {"AudioVideoAuthentication"}));
  const json::object made = d.json_on("edge2", deliver({"--legacy", "--effective", tomorrow,
                                                        "--type", "AudioVideoAuthentication"}));
  EXPECT_THAT(pkcs12(made, "-noout -info").text(),
              AllOf(HasSubstr("MAC: sha1"), HasSubstr("pbeWithSHA1And3-KeyTripleDES-CBC")));
  EXPECT_THAT(read_file(d.path("usb/install.ps1")),
              AllOf(HasSubstr("-Roll -EffectiveDate ($EffectiveUtc.ToLocalTime())"),
                    HasSubstr("Remove-CsCertificate -Type AudioVideoAuthentication -Previous")));
  // The old one is still in force on the host; the new one waits in the other place.
  const auto staged = [&](const std::string& when) {
    return receipt(made, [&](json::object& said) {
      json::object& slot = said["slots"].as_array().at(0).as_object();
      if (when.empty()) std::swap(slot["thumbprint"], slot["other"]);
      slot["effective_at"] = when;
    });
  };
  EXPECT_TRUE(succeeded(take(staged(""), {"--dry-run"})));
  EXPECT_TRUE(refused(take(staged("2031-01-01T06:00:00Z")), 6, {"2031-01-01", tomorrow}));
  EXPECT_TRUE(succeeded(take(staged(tomorrow))));
}

TEST_F(StationTest, TheReceiptTellsTheOriginWhatIsInstalled) {
  certify();
  EXPECT_EQ(certificate_at_origin(), "") << "nothing is known of the host yet";
  const json::object made = d.json_on("edge2", deliver());
  EXPECT_EQ(certificate_at_origin(), "") << "a PFX that was written is not one that is installed";

  const auto with = [&](const char* member, const json::value& value) {
    return receipt(made, [&](json::object& said) { said[member] = value; });
  };
  EXPECT_TRUE(refused(take(with("provider", "Microsoft Software Key Storage Provider")), 6,
                      {"cannot use"}));
  EXPECT_TRUE(refused(take(with("key_spec", "Signature")), 6, {"not for exchange"}));
  EXPECT_TRUE(refused(take(with("has_private_key", false)), 6, {"no private key"}));
  EXPECT_TRUE(refused(take(with("thumbprint", std::string(40, 'A').c_str())), 6, {"AAAA"}));
  EXPECT_TRUE(refused(take(with("slots", json::array{})), 6, {"AccessEdgeExternal"}));
  EXPECT_TRUE(refused(take(with("delivery", "0011223344556677")), 4, {"did not write"}));
  EXPECT_TRUE(refused(take(with("member", "edge1")), 3, {"edge1"}));
  EXPECT_TRUE(refused(take(receipt(made, {}, false)), 3, {"--unsigned"}));
  receipt(made);
  write_file(d.path("receipt.json"),
             replaced(read_file(d.path("receipt.json")), base64(view(read_file(d.path("said")))),
                      base64(view(replaced(read_file(d.path("said")), "EDGE2", "OTHER")))));
  EXPECT_TRUE(refused(take(d.path("receipt.json")), 11, {"not signed by the key"}));
  EXPECT_EQ(certificate_at_origin(), "");

  EXPECT_TRUE(succeeded(take(receipt(made))));
  EXPECT_THAT(d.must("edge2", {"station", "status"}), HasSubstr("signed receipt"));
  EXPECT_THAT(certificate_at_origin(), testing::SizeIs(64));
  EXPECT_TRUE(
      succeeded(d.on("origin", {"pool", "attest", "edge", "--out", d.path("att").string()})));
  EXPECT_THAT(d.must("origin", {"status"}), HasSubstr("at a delivery station"));
  EXPECT_TRUE(succeeded(in_folder(d, POOLKEY_SOURCE_DIR
                                  "/docs/audit-attestation.sh att out/root.pem "
                                  "$(openssl x509 -in out/root.pem -noout -fingerprint -sha256 | "
                                  "sed 's/.*=//')")));
  EXPECT_TRUE(d.audit_is_whole());
}

TEST_F(StationTest, SaysWhatItWouldDoAndDoesNothing) {
  enrol();
  const std::string before = d.inventory();
  const std::int64_t entries = d.count("edge2", "audit_entry");
  Words again = init();
  again[1] = "file:/nowhere";
  for (Words words : {Words{"station", "enrol"}, station_confirm(), Words{"station", "receive"},
                      Words{"station", "prove"}, init()}) {
    words.push_back("--dry-run");
    EXPECT_THAT(d.must("edge2", words), HasSubstr("Nothing was changed"));
  }
  EXPECT_EQ(d.inventory(), before);
  EXPECT_EQ(d.count("edge2", "audit_entry"), entries);
}

TEST_F(StationTest, AVersionThatIsNotNamedAnyMoreIsDropped) {
  release();
  d.must("edge2", {"station", "receive"});
  const fs::path kept = d.home("edge2") / "state" / "envelopes";
  EXPECT_TRUE(fs::exists(kept / "av@1.cms"));
  fs::copy_file(kept / "av@1.cms", kept / "av@7.cms");
  d.must("edge2", {"station", "receive"});
  EXPECT_TRUE(fs::exists(kept / "av@1.cms"));
  EXPECT_FALSE(fs::exists(kept / "av@7.cms"));
  EXPECT_THAT(d.must("edge2", {"audit", "export"}), HasSubstr("station drop"));
}

TEST_F(StationTest, AnAvCertificateOfItsOwnTakesThatTypeFromTheExternalOne) {
  certify();
  d.must("origin", d.generate("relay", kPolicy));
  d.must("origin", d.release("relay@1"));
  d.must("edge2", {"station", "receive"});
  std::string topology = read_file(d.path("topology.toml"));
  write_file(d.path("topology.toml"),
             replaced(topology, "ca = { edge-external = \"internal\" }",
                      "av_certificate = \"separate\"\nca = { edge-external = \"internal\", "
                      "av-authentication = \"internal\" }"));
  d.must("origin", {"pool", "define", d.path("topology.toml").string()});
  d.must("origin", {"request", "create", "--pool", "edge", "--role", "av-authentication", "--key",
                    "relay@1"});
  d.must("origin", {"certificate", "issue", "edge.av-authentication.relay@1.internal"});
  d.must("origin", {"certificate", "publish", "relay@1"});
  const auto types = [&](const std::string& key) {
    Words words = deliver({"--dry-run"});
    words[2] = key;
    return json::compact(d.json_on("edge2", words).at("types"));
  };
  EXPECT_EQ(types("av@1"), R"(["AccessEdgeExternal","DataEdgeExternal"])");
  EXPECT_EQ(types("relay@1"), R"(["AudioVideoAuthentication"])");
}

TEST_F(StationTest, OpensWithItsPinOnly) {
  write_file(d.path("pins/edge2.user"), "wrong", 0600);
  EXPECT_TRUE(refused(d.on("edge2", {"station", "enrol"}), 10, {"identity.pem", "passphrase"}));
}

// Killed at each step of the journal, then again: one PFX with its passphrase and its record.
TEST_F(StationTest, GoesOnAfterAKillAtEachStep) {
  certify();
  for (const char* point : {"nonce:before", "nonce:recorded", "nonce:after", "write:before",
                            "write:recorded", "write:after"}) {
    fs::remove_all(d.path("usb"));
    fs::remove(d.path("secret"));
    d.crash("edge2", deliver(), "station deliver/" + std::string(point));
    const json::object made = d.json_on("edge2", deliver());
    EXPECT_TRUE(succeeded(pkcs12(made, "-noout"))) << point;
    EXPECT_TRUE(succeeded(take(receipt(made), {"--dry-run"}))) << point;
    EXPECT_TRUE(d.unfinished("edge2").empty()) << point;
  }
}

}  // namespace
}  // namespace poolkey::test
