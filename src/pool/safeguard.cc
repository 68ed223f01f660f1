#include "pool/safeguard.h"

namespace poolkey::pool {
namespace {

std::string setting_name(const KeyVersion& key) { return "backup." + key.str(); }

}  // namespace

std::optional<BackedUp> backed_up(store::Database& database, const KeyVersion& key) {
  const auto stored = keys::setting(database, setting_name(key));
  if (!stored) return std::nullopt;
  const auto blank = stored->find(' ');
  return BackedUp{stored->substr(0, blank), stored->substr(blank + 1)};
}

void set_backed_up(store::Database& database, const KeyVersion& key, const BackedUp& backup) {
  keys::set_setting(database, setting_name(key), backup.at + " " + backup.manifest_sha256);
}

bool safeguarded(store::Database& database, const KeyVersion& key) {
  return backed_up(database, key).has_value();
}

}  // namespace poolkey::pool
