#include "provider/pool_uri.h"

#include <algorithm>
#include <string>

#include "base/error.h"

namespace poolkey::provider {
namespace {

[[noreturn]] void bad(std::string_view text, const std::string& why) {
  throw Error(Errc::kInvalidArgument,
              "'" + std::string(text.substr(0, std::min<std::size_t>(128, text.find('?')))) +
                  "' names no pool key: " + why + "; write poolkey://NAME[@vN][?pool=POOL]");
}

PoolUri parsed(std::string_view text) {
  if (!text.starts_with(kPoolScheme))
    throw Error(Errc::kInvalidArgument,
                "it does not begin with '" + std::string(kPoolScheme) + "'");
  text.remove_prefix(kPoolScheme.size());
  if (text.starts_with("//")) text.remove_prefix(2);
  const auto question = text.find('?');
  PoolUri out{KeyName("x"), std::nullopt, std::nullopt};
  std::string name(text.substr(0, question));
  const auto at = name.find('@');
  if (at == std::string::npos) {
    out.key = KeyName(name);
  } else {
    if (name.compare(at + 1, 1, "v") == 0) name.erase(at + 1, 1);
    const KeyVersion version = parse_key_version(name);
    out.key = version.key;
    out.version = version.version;
  }
  if (question == std::string_view::npos) return out;
  constexpr std::string_view kPool = "pool=";
  const std::string_view query = text.substr(question + 1);
  if (!query.starts_with(kPool))
    throw Error(Errc::kInvalidArgument, "behind the '?' stands only 'pool='");
  out.pool = PoolName(query.substr(kPool.size()));
  return out;
}

}  // namespace

PoolUri parse_pool_uri(std::string_view text) {
  try {
    return parsed(text);
  } catch (const Error& error) {
    bad(text, error.what());
  }
}

}  // namespace poolkey::provider
