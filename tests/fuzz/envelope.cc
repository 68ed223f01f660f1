// An envelope is a JSON document inside a CMS SignedData; octets are taken for the latter where
// they begin like it. The corpus has one that is signed, so that no changed one may verify.
#include "base/file.h"
#include "crypto/cms.h"
#include "fuzz/target.h"
#include "home/oids.h"
#include "pool/documents.h"

namespace poolkey::fuzz {
namespace {

constexpr std::string_view kData = POOLKEY_SOURCE_DIR "/tests/data/fuzz/";

std::string data(std::string_view name) {
  return read_file(std::string(kData) + std::string(name));
}

void read_signed(ByteView octets) {
  static const crypto::Certificate root = crypto::Certificate::from_pem(data("envelope-root.pem"));
  static const std::string was_signed = data("envelope/signed-content.json");
  accepted([&] { crypto::cms::carried_certificates(octets); });
  accepted([&] {
    const auto opened = crypto::cms::verify(octets, home::oid::kEnvelope, root, "");
    require(text_of(opened.content) == was_signed, "only what was signed is vouched for");
  });
}

void read_document(std::string_view text) {
  accepted([&] {
    const std::string written = json::compact(to_json(pool::envelope(text)));
    require(json::compact(to_json(pool::envelope(written))) == written,
            "an envelope reads the same again");
  });
}

}  // namespace

void envelope(ByteView octets) {
  if (!octets.empty() && octets[0] == 0x30)
    read_signed(octets);
  else
    read_document(text_of(octets));
}

}  // namespace poolkey::fuzz
