#include "provider/object_uri.h"

#include <algorithm>
#include <array>

#include "provider/pin_file.h"

namespace poolkey::provider {
namespace {

constexpr std::string_view kFileScheme = "file:";

[[noreturn]] void deny(const std::string& name, const std::string& why) {
  throw Error(Errc::kDenied, "the PKCS#11 URI has a '" + name + "', which is refused: " + why);
}

std::optional<std::string> query(const hsm::Uri& uri, const std::string& name) {
  const auto found = uri.query.find(name);
  return found == uri.query.end() ? std::nullopt : std::optional(found->second);
}

void check_module(const hsm::Uri& uri, const std::filesystem::path& configured) {
  const std::string elsewhere = "modules come from openssl.cnf only (poolkey-module, poolkey-home)";
  if (const auto path = query(uri, "module-path"); path && *path != configured.string())
    deny("module-path", elsewhere);
  const auto name = query(uri, "module-name");
  if (!name) return;
  const std::string file = configured.filename().string(), stem = configured.stem().string();
  const std::array<std::string, 3> names{file, stem,
                                         stem.starts_with("lib") ? stem.substr(3) : stem};
  if (std::ranges::find(names, *name) == names.end()) deny("module-name", elsewhere);
}

void check_pin(const hsm::Uri& uri, bool allowed) {
  const auto source = query(uri, "pin-source");
  if (source && source->starts_with('|')) deny("pin-source", "no command is ever run for a PIN");
  for (const std::string name : {"pin-value", "pin-source"})
    if (query(uri, name) && !allowed)
      deny(name,
           "PINs come from openssl.cnf (poolkey-pin-source, poolkey-home) or a prompt, unless it "
           "says 'poolkey-allow-uri-pin = yes'");
  if (source && !source->starts_with(std::string(kFileScheme) + "/"))
    deny("pin-source", "only 'file:' and an absolute path is read");
}

}  // namespace

hsm::Uri parse_object_uri(std::string_view text, const UriRules& rules) {
  hsm::Uri uri = hsm::parse_uri(text);
  check_module(uri, rules.module);
  check_pin(uri, rules.allow_pin);
  if (uri.type == "secret-key" || uri.type == "data")
    throw Error(Errc::kUnsupported, "PKCS#11 URI: objects of the type '" + *uri.type +
                                        "' are not served; only private, public and cert");
  return uri;
}

std::optional<PinSource> pin_of(const hsm::Uri& uri) {
  if (const auto value = query(uri, "pin-value")) return [pin = *value] { return Pin(pin); };
  const auto source = query(uri, "pin-source");
  if (!source) return std::nullopt;
  return [path = source->substr(kFileScheme.size())] {
    return read_pin_file(path, "pin-source of the URI");
  };
}

}  // namespace poolkey::provider
