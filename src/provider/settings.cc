#include "provider/settings.h"

#include <cstdlib>
#include <string_view>

#include "home/config.h"
#include "home/pin.h"

namespace poolkey::provider {
namespace {

std::filesystem::path absolute_path(const char* setting, std::string_view text) {
  std::filesystem::path path(text);
  if (!path.is_absolute())
    throw Error(Errc::kInvalidArgument, std::string(setting) + " = '" + path.string() +
                                            "' is not an absolute path; correct openssl.cnf");
  return path;
}

std::filesystem::path pin_file(std::string_view source) {
  constexpr std::string_view kScheme = "file:";
  if (!source.starts_with(kScheme))
    throw Error(Errc::kInvalidArgument,
                "poolkey-pin-source must be 'file:' and an absolute path; correct openssl.cnf");
  return absolute_path("poolkey-pin-source", source.substr(kScheme.size()));
}

bool yes_or_no(const char* setting, std::string_view text) {
  if (text == "yes" || text == "no") return text == "yes";
  throw Error(Errc::kInvalidArgument,
              std::string(setting) + " must be 'yes' or 'no'; correct openssl.cnf");
}

std::filesystem::path environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::filesystem::path() : std::filesystem::path(value);
}

void require_readable(const std::filesystem::path& home) {
  std::error_code error;
  if (!std::filesystem::exists(home / "poolkey.toml", error) && error)
    throw Error(Errc::kUnavailable, "cannot read the home '" + home.string() +
                                        "' (poolkey-home): " + error.message() +
                                        "; the program needs the right to read it when it loads "
                                        "its key");
}

/// The file of a home's PIN; empty: the program is asked.
std::filesystem::path pin_file_of(const home::Config& config, const Settings& settings) {
  using Kind = home::PinSource::Kind;
  const home::PinSource source = home::parse_pin_source(config.pin_source);
  switch (source.kind) {
    case Kind::kFile:
      return settings.home / source.value;
    case Kind::kCredential:
      if (settings.credentials.empty())
        throw Error(Errc::kNotFound,
                    "there are no systemd credentials in this program; give its unit "
                    "LoadCredential=, or set poolkey-pin-source in openssl.cnf");
      return settings.credentials / source.value;
    case Kind::kPrompt:
      return {};
    case Kind::kDescriptor:
      break;
  }
  throw Error(Errc::kUnsupported,
              "'" + (settings.home / "poolkey.toml").string() +
                  "' takes the PIN from a file descriptor, which this program does not have; set "
                  "poolkey-pin-source in openssl.cnf");
}

}  // namespace

Settings read_settings(const Core& core) {
  Settings out;
  const auto path = [&](const char* name) {
    const auto text = core.setting(name);
    return text ? absolute_path(name, *text) : std::filesystem::path();
  };
  out.module = path("poolkey-module");
  out.module_arguments = core.setting("poolkey-module-arguments").value_or("");
  out.softhsm_conf = path("poolkey-softhsm2-conf");
  out.token = core.setting("poolkey-token").value_or("");
  out.serial = core.setting("poolkey-serial").value_or("");
  if (const auto text = core.setting("poolkey-pin-source")) out.pin_file = pin_file(*text);
  out.home = path("poolkey-home");
  if (const auto text = core.setting("poolkey-allow-uri-pin"))
    out.allow_uri_pin = yes_or_no("poolkey-allow-uri-pin", *text);
  out.inherited_conf = environment("SOFTHSM2_CONF");
  out.credentials = environment("CREDENTIALS_DIRECTORY");
  return out;
}

Settings completed(Settings out) {
  if (!out.home.empty()) {
    require_readable(out.home);
    const home::Config config = home::read_config(out.home);
    out.pool = config.pool;
    const auto fill = [](auto& setting, const auto& value) {
      if (setting.empty()) setting = value;
    };
    if (out.module.empty()) {
      out.module = config.module;
      fill(out.module_arguments, config.module_arguments);
    }
    fill(out.softhsm_conf, config.softhsm2_conf);
    // A PIN is for the home's token only: on another it would use up tries.
    const bool is_its_token = (out.token.empty() || out.token == config.token_label) &&
                              (out.serial.empty() || out.serial == config.token_serial);
    if (is_its_token) {
      out.token = config.token_label;
      out.serial = config.token_serial;
      if (out.pin_file.empty()) out.pin_file = pin_file_of(config, out);
    }
  }
  if (out.softhsm_conf.empty()) out.softhsm_conf = out.inherited_conf;
  return out;
}

}  // namespace poolkey::provider
