#include <vector>

#include "fuzz/target.h"
#include "service/schema.h"

namespace poolkey::fuzz {

/// The first octet chooses the schema, the rest is the body.
void body(ByteView octets) {
  if (octets.empty()) return;
  static const auto& names = *new std::vector<std::string>([] {
    std::vector<std::string> out;
    for (const auto& [name, schema] : service::schemas()) out.emplace_back(name);
    return out;
  }());
  const std::string& schema = names[octets[0] % names.size()];
  const std::string_view text = text_of(octets.subspan(1));
  try {
    const json::value read = service::read_body(text, schema);
    const std::string written = json::compact(read);
    require(service::read_body(written, schema) == read, "what is written reads the same again");
    require(json::compact(service::read_body(json::pretty(read), schema)) == written,
            "for people as well");
  } catch (const service::BodyError& refused) {
    require(refused.status() == 400, "a bad body is the client's fault");
    require(refused.pointer().empty() || refused.pointer().starts_with('/'), "a JSON pointer");
  }
}

}  // namespace poolkey::fuzz
