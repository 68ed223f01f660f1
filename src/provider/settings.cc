#include "provider/settings.h"

#include <algorithm>
#include <charconv>
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

bool may_be(const hsm::TokenName& named, const hsm::TokenName& token) {
  return (named.label.empty() || named.label == token.label) &&
         (named.serial.empty() || named.serial == token.serial);
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

/// "a, b" as its parts.
std::vector<std::string> list_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    std::string_view part = text.substr(0, comma);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) out.emplace_back(part);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return out;
}

std::vector<hsm::TokenName> token_names(const std::vector<std::string>& labels,
                                        const std::vector<std::string>& serials) {
  if (!labels.empty() && !serials.empty() && labels.size() != serials.size())
    throw Error(Errc::kInvalidArgument,
                "poolkey-token names " + std::to_string(labels.size()) +
                    " tokens and poolkey-serial " + std::to_string(serials.size()) +
                    "; give each label its serial, or leave one of the two out of openssl.cnf");
  std::vector<hsm::TokenName> out(std::max(labels.size(), serials.size()));
  for (std::size_t i = 0; i < labels.size(); ++i) out[i].label = labels[i];
  for (std::size_t i = 0; i < serials.size(); ++i) out[i].serial = serials[i];
  return out;
}

unsigned number(const char* setting, std::string_view text, unsigned least, unsigned most) {
  unsigned out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size() || out < least || out > most)
    throw Error(Errc::kInvalidArgument, std::string(setting) + " = '" + std::string(text) +
                                            "' is not a number from " + std::to_string(least) +
                                            " to " + std::to_string(most) +
                                            "; correct openssl.cnf");
  return out;
}

/// What modules read from the environment. It is taken now: later it may be gone.
void add_environment(ModuleSettings& module, const Core& core) {
  std::vector<std::string> names = list_of(core.setting("poolkey-environment").value_or(""));
  names.insert(names.end(), {"SOFTHSM2_CONF", "P11_KIT_SERVER_ADDRESS", "P11_KIT_SERVER_PID"});
  for (const std::string& name : names) {
    const char* value = std::getenv(name.c_str());
    if (value != nullptr) module.environment.emplace_back(name, value);
  }
}

}  // namespace

Settings read_settings(const Core& core) {
  Settings out;
  const auto path = [&](const char* name) {
    const auto text = core.setting(name);
    return text ? absolute_path(name, *text) : std::filesystem::path();
  };
  out.module.path = path("poolkey-module");
  out.softhsm_conf = path("poolkey-softhsm2-conf");
  out.home = path("poolkey-home");
  out.module.arguments = core.setting("poolkey-module-arguments").value_or("");
  add_environment(out.module, core);
  out.tokens = token_names(list_of(core.setting("poolkey-token").value_or("")),
                           list_of(core.setting("poolkey-serial").value_or("")));
  if (const auto text = core.setting("poolkey-pin-source")) out.pin_file = pin_file(*text);
  if (const auto text = core.setting("poolkey-allow-uri-pin"))
    out.allow_uri_pin = yes_or_no("poolkey-allow-uri-pin", *text);
  if (const auto text = core.setting("poolkey-pkcs1-decryption"))
    out.pkcs1_decryption = yes_or_no("poolkey-pkcs1-decryption", *text);
  if (const char* folder = std::getenv("CREDENTIALS_DIRECTORY")) out.credentials = folder;
  if (const auto text = core.setting("poolkey-sessions"))
    out.max_sessions = number("poolkey-sessions", *text, 1, hsm::kSessionLimit);
  if (const auto text = core.setting("poolkey-retry-seconds"))
    out.patience = std::chrono::seconds(number("poolkey-retry-seconds", *text, 0, 3600));
  return out;
}

Settings completed(Settings out) {
  if (!out.home.empty()) {
    require_readable(out.home);
    const home::Config config = home::read_config(out.home);
    out.pool = config.pool;
    out.member = config.member;
    if (out.module.path.empty()) {
      out.module.path = config.module;
      if (out.module.arguments.empty()) out.module.arguments = config.module_arguments;
    }
    if (out.softhsm_conf.empty()) out.softhsm_conf = config.softhsm2_conf;
    // A PIN is for the home's token only: on another it would use up tries.
    const hsm::TokenName its{config.token_label, config.token_serial};
    if (out.tokens.empty() || (out.tokens.size() == 1 && may_be(out.tokens.front(), its))) {
      out.tokens = {its};
      if (out.pin_file.empty()) out.pin_file = pin_file_of(config, out);
    }
  }
  if (!out.softhsm_conf.empty())
    out.module.environment.emplace_back("SOFTHSM2_CONF", out.softhsm_conf.string());
  return out;
}

}  // namespace poolkey::provider
