#include "app/softhsm.h"

#include <sstream>

#include "base/file.h"

namespace poolkey::app {
namespace {

namespace fs = std::filesystem;

// Only what the main job needs: signatures, OAEP and KWP. Clulow's attack needs CKM_AES_ECB.
constexpr std::string_view kMechanisms =
    "CKM_RSA_PKCS_KEY_PAIR_GEN,CKM_EC_KEY_PAIR_GEN,CKM_AES_KEY_GEN,CKM_RSA_PKCS,CKM_RSA_PKCS_PSS,"
    "CKM_RSA_PKCS_OAEP,CKM_ECDSA,CKM_AES_KEY_WRAP_PAD";

}  // namespace

fs::path ensure_softhsm_conf(const fs::path& home) {
  const fs::path file = home / "softhsm2.conf";
  make_private_folder(home / "tokens");
  if (!fs::exists(file))
    write_file(file, "directories.tokendir = " + (home / "tokens").string() +
                         "\nobjectstore.backend = file\nlog.level = ERROR\n"
                         "slots.removable = false\nslots.mechanisms = " +
                         std::string(kMechanisms) + "\n");
  return file;
}

std::string with_token_folder(const std::string& softhsm_conf, const fs::path& tokens) {
  const std::string ours = "directories.tokendir = " + tokens.string() + "\n";
  std::string out;
  std::istringstream lines(softhsm_conf);
  bool named = false;
  for (std::string line; std::getline(lines, line);) {
    const bool names = line.starts_with("directories.tokendir");
    out += names ? ours : line + "\n";
    named = named || names;
  }
  return named ? out : ours + out;
}

}  // namespace poolkey::app
