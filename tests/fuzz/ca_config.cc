#include "requests/ca/config.h"

#include <algorithm>

#include "fuzz/target.h"

namespace poolkey::fuzz {

void ca_config(ByteView octets) {
  accepted([&] {
    const requests::CaConfig read = requests::parse_ca_config(text_of(octets), "ca.toml");
    require(read.configured(), "a file that was read is a configuration");
    require(read.text == text_of(octets), "it is kept as it is");
    for (const requests::CaProfile& profile : read.profiles) {
      require(read.profile(profile.name).name == profile.name, "a profile is found by its name");
      require(profile.max.count() > 0, "certificates are valid for a time");
    }
    for (const std::string& url : read.crl)
      require(!url.ends_with('/'), "a base URL has no slash at the end");
    const keys::IssuerPointers pointers = read.pointers({KeyName("issuing-ca"), 1});
    require(pointers.crl.size() == read.crl.size(), "each place of lists is pointed to");
  });
}

}  // namespace poolkey::fuzz
