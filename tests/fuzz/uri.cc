#include "hsm/uri.h"

#include "fuzz/target.h"
#include "provider/object_uri.h"
#include "provider/pool_uri.h"

namespace poolkey::fuzz {
namespace {

auto parts(const hsm::Uri& u) {
  return std::tie(u.token, u.serial, u.manufacturer, u.model, u.library_manufacturer,
                  u.library_description, u.library_version, u.slot_manufacturer, u.slot_description,
                  u.slot_id, u.object, u.id, u.type);
}

}  // namespace

void uri(ByteView octets) {
  const std::string_view text = text_of(octets);
  accepted([&] {
    const hsm::Uri read = hsm::parse_uri(text);
    const hsm::Uri again = hsm::parse_uri(read.str());
    require(parts(again) == parts(read), "a URI that is written reads the same again");
    require(again.str() == read.str(), "and is written the same");
  });
  accepted([&] {
    const hsm::Uri read = provider::parse_object_uri(text);
    require(!read.query.contains("pin-value"), "no PIN comes by a URI unless the rules allow it");
    require(!provider::pin_of(read), "nor does a file with one");
  });
  accepted([&] {
    const provider::PoolUri read = provider::parse_pool_uri(text);
    require(!read.key.str().empty(), "a pool URI names a key");
  });
}

}  // namespace poolkey::fuzz
