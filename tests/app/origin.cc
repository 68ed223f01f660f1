#include "app/origin.h"

#include "base/file.h"
#include "policy/policy.h"

namespace poolkey::test {

Origin::Origin()
    : context_{.database = database_,
               .journal = journal_,
               .audit = audit_,
               .clock = clock_,
               .token = token_,
               .load_key = [this](std::string_view uri) { return provider_.load_private_key(uri); },
               .library = provider_.context(),
               .actor = "uid:0 root",
               .home = soft_.folder()} {
  const std::string file = POOLKEY_SOURCE_DIR "/policies/issuing-ca.toml";
  keys::create_origin(context_, policy::parse_policy(read_file(file), file), "Contoso");
}

std::int64_t Origin::audited(const std::string& verb) {
  return database_
      .row("SELECT COUNT(*) AS n FROM audit_entry WHERE entry LIKE :verb",
           {{"verb", "%\"" + verb + "\"%"}})
      ->integer("n");
}

}  // namespace poolkey::test
