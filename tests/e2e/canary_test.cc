// No private key and no PIN in the clear in any file, log or output of a whole deployment.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/file.h"
#include "e2e/deployment.h"

namespace poolkey::test {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargest = std::size_t{1} << 28;

/// The text of base64 that any longer text has where these octets stand in it, for each of the
/// three ways in which they can fall.
std::vector<std::string> in_base64(const Bytes& octets) {
  std::vector<std::string> out;
  for (std::size_t shift = 0; shift < 3; ++shift) {
    Bytes shifted(shift, 0);
    shifted.insert(shifted.end(), octets.begin(), octets.end());
    const std::size_t whole = shifted.size() / 3 * 4;
    const std::string text = base64(shifted);
    const std::size_t skip = shift == 0 ? 0 : 4;
    out.push_back(text.substr(skip, whole - skip));
  }
  return out;
}

/// What gives away a private key: PEM's words, and the head of a PrivateKeyInfo (RFC 5208) up to
/// the octets that differ from key to key, as octets, hexadecimal and base64.
std::vector<std::string> key_marks() {
  std::vector<std::string> out{"PRIVATE KEY-----"};
  for (const char* head : {"020100300d06092a864886f70d01010105000482",            // rsaEncryption
                           "020100301306072a8648ce3d020106082a8648ce3d03010704",  // P-256
                           "020100301006072a8648ce3d020106052b8104002204"}) {     // P-384
    const Bytes octets = from_hex(head);
    out.push_back(to_text(octets));
    out.emplace_back(head);
    const auto encoded = in_base64(octets);
    out.insert(out.end(), encoded.begin(), encoded.end());
  }
  return out;
}

/// Files below `folder` that hold one of `marks`, except `own`.
std::vector<std::string> files_with(const fs::path& folder, const std::vector<std::string>& marks,
                                    const fs::path& own = {}) {
  std::vector<std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || entry.path() == own) continue;
    const std::string content = read_file(entry.path(), kLargest);
    for (const std::string& mark : marks)
      if (content.find(mark) != std::string::npos) {
        out.push_back(entry.path().string());
        break;
      }
  }
  return out;
}

TEST(CanaryTest, TheSearchFindsAPrivateKeyInEveryForm) {
  const auto scratch = Deployment::folder();
  const std::string make =
      "cd '" + scratch->path().string() +
      "' && openssl genrsa -out rsa.pem 2048 &&"
      " openssl ecparam -genkey -name prime256v1 -noout -out p256.sec1.pem &&"
      " openssl ecparam -genkey -name secp384r1 -noout -out p384.sec1.pem &&"
      " for k in rsa p256.sec1 p384.sec1; do"
      "   openssl pkcs8 -topk8 -nocrypt -in $k.pem -outform DER -out $k.der;"
      "   openssl base64 -A -in $k.der -out $k.b64; od -An -v -tx1 $k.der | tr -d ' \\n' > $k.hex;"
      "   printf 'x' | cat - $k.der | openssl base64 -A -out $k.shift1.b64;"
      "   printf 'xy' | cat - $k.der | openssl base64 -A -out $k.shift2.b64; done";
  ASSERT_TRUE(succeeded(shell(make)));
  EXPECT_THAT(files_with(scratch->path(), key_marks()), testing::SizeIs(18));
}

TEST(CanaryTest, NoPrivateKeyAndNoPinInAnyFileLogOrOutput) {
  const Deployment d = Deployment::at(Stage::kCertified);
  // All of it once more and aloud, from a new version on.
  const auto log = d.path("log");
  int number = 0;
  const auto aloud = [&](const std::string& side, Words verb) {
    verb.insert(verb.begin(), {"--log-level", "trace"});
    const Outcome outcome = d.on(side, verb);
    EXPECT_TRUE(succeeded(outcome));
    write_file(log / std::to_string(++number), outcome.out + outcome.err);
  };
  fs::create_directory(log);
  aloud("origin", d.generate());
  aloud("origin", d.release("av@2"));
  for (const std::string& m : d.members()) {
    aloud(m, {"member", "enrol"});
    aloud(m, {"member", "receive"});
  }
  aloud("origin", {"pool", "challenge", "edge"});
  for (const std::string& m : d.members()) aloud(m, {"member", "prove"});
  aloud("origin", {"pool", "attest", "edge"});
  aloud("origin", {"pool", "report", "edge"});
  aloud("origin", {"audit", "export"});
  const Outcome wrong =
      d.on("edge1", {"--log-level", "trace", "member", "receive", "--pin", "fd:3"});
  EXPECT_EQ(wrong.status, 10) << wrong.text();  // the security officer's PIN is not the user's
  write_file(log / "wrong", wrong.out + wrong.err);

  EXPECT_THAT(files_with(d.path(""), key_marks()), testing::IsEmpty());
  for (const auto& pin : fs::directory_iterator(d.path("pins")))
    EXPECT_THAT(files_with(d.path(""), {read_file(pin.path())}, pin.path()), testing::IsEmpty())
        << pin.path();
  for (const char* key : {"av@1", "av@2"})
    EXPECT_THAT(files_with(d.path("mailbox"), {key}), testing::Not(testing::IsEmpty()))
        << "the search has to look into the mailbox";
}

}  // namespace
}  // namespace poolkey::test
