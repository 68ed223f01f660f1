#include "provider/pin_file.h"

#include "base/error.h"
#include "base/file.h"

namespace poolkey::provider {
namespace {

constexpr std::size_t kMaxPinFile = 1024;

}  // namespace

Pin read_pin_file(const std::filesystem::path& path, const std::string& setting) {
  std::error_code none;
  const auto permissions = std::filesystem::status(path, none).permissions();
  if (!none && (permissions & std::filesystem::perms::others_read) != std::filesystem::perms::none)
    throw Error(Errc::kDenied, "the PIN file '" + path.string() +
                                   "' can be read by everybody; take that away with chmod o-r");
  std::string text;
  try {
    text = read_file(path, kMaxPinFile);
  } catch (const Error& error) {
    throw Error(error.code(), "cannot read the PIN (" + setting + "): " + error.what());
  }
  SecretBytes secret(view(text));
  std::size_t size = secret.size();
  while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r')) --size;
  ::explicit_bzero(text.data(), text.size());
  if (size == 0)
    throw Error(Errc::kInvalidArgument, "the PIN file '" + path.string() + "' is empty");
  return Pin(SecretBytes(secret.view().first(size)));
}

}  // namespace poolkey::provider
