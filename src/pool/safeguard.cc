#include "pool/safeguard.h"

#include <set>

#include "pool/recipient.h"

namespace poolkey::pool {
namespace {

std::string setting_name(const KeyVersion& key) { return "safeguard." + key.str(); }
std::string inherited_name(const KeyVersion& key) { return "inherited." + key.str(); }
std::string elsewhere_name(const KeyVersion& key) { return "elsewhere." + key.str(); }

/// What each standby that is still enrolled said last of this version.
bool at_a_standby(store::Database& database, const KeyVersion& key) {
  std::set<std::string> heard;
  for (const store::Row& row : database.rows(
           "SELECT r.member AS member, r.state AS state FROM receipt r"
           " JOIN challenge c ON c.pool = r.pool AND c.member = r.member AND c.nonce = r.nonce"
           " JOIN member m ON m.pool = r.pool AND m.name = r.member"
           " WHERE m.state = 'enrolled' AND r.pool = :pool AND r.key_name = :name"
           " AND r.version = :version ORDER BY c.number DESC",
           {{"pool", standby_pool().str()},
            {"name", key.key.str()},
            {"version", std::int64_t{key.version}}}))
    if (heard.insert(row.text("member")).second && row.text("state") == "present") return true;
  return false;
}

}  // namespace

std::optional<Safeguard> safeguard(store::Database& database, const KeyVersion& key) {
  const auto stored = keys::setting(database, setting_name(key));
  if (!stored) return std::nullopt;
  const auto blank = stored->find(' ');
  return Safeguard{stored->substr(0, blank), stored->substr(blank + 1)};
}

void set_safeguard(store::Database& database, const KeyVersion& key, const Safeguard& safeguard) {
  keys::set_setting(database, setting_name(key), safeguard.at + " " + safeguard.by);
}

void set_elsewhere(store::Database& database, const KeyVersion& key) {
  keys::set_setting(database, elsewhere_name(key), "1");
}

bool is_elsewhere(store::Database& database, const KeyVersion& key) {
  return keys::setting(database, elsewhere_name(key)).has_value();
}

void set_inherited(store::Database& database, const KeyVersion& key) {
  keys::set_setting(database, inherited_name(key), "1");
}

bool is_inherited(store::Database& database, const KeyVersion& key) {
  return keys::setting(database, inherited_name(key)).has_value();
}

bool safeguarded(store::Database& database, const KeyVersion& key) {
  return safeguard(database, key) || at_a_standby(database, key);
}

}  // namespace poolkey::pool
