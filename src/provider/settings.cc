#include "provider/settings.h"

#include <cstdlib>
#include <string_view>

namespace poolkey::provider {
namespace {

constexpr const char* kPkcs1Decryption = "poolkey-pkcs1-decryption";

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
  if (text != "yes" && text != "no")
    throw Error(Errc::kInvalidArgument, std::string(setting) + " = '" + std::string(text) +
                                            "' is neither yes nor no; correct openssl.cnf");
  return text == "yes";
}

}  // namespace

Settings read_settings(const Core& core) {
  Settings out;
  if (const auto text = core.setting("poolkey-module"))
    out.module = absolute_path("poolkey-module", *text);
  out.module_arguments = core.setting("poolkey-module-arguments").value_or("");
  if (const auto text = core.setting("poolkey-softhsm2-conf"))
    out.softhsm_conf = absolute_path("poolkey-softhsm2-conf", *text);
  else if (const char* inherited = std::getenv("SOFTHSM2_CONF"); inherited != nullptr)
    out.softhsm_conf = inherited;
  out.token = core.setting("poolkey-token").value_or("");
  out.serial = core.setting("poolkey-serial").value_or("");
  if (const auto text = core.setting("poolkey-pin-source")) out.pin_file = pin_file(*text);
  out.pkcs1_decryption = yes_or_no(kPkcs1Decryption, core.setting(kPkcs1Decryption).value_or("no"));
  return out;
}

}  // namespace poolkey::provider
