// A token for rows of foreign programs: another process made it, so that nothing in this one has
// initialised the module. May touch: tests/support. Called by: those rows.
#pragma once

#include <string>

#include "bench/rows.h"
#include "support/plugin.h"

namespace poolkey::bench {

/// Settings of poolkey's section for a token in `folder`.
std::string section_for(const std::string& folder);

/// How many keys there are that nobody has used yet.
inline constexpr int kFreshKeys = 8;

/// P-256 keys "fresh-0" to "fresh-7", and keys "RSA-2048" and "P-256", all signing as session
/// copies; with objects that are nobody's `objects` in all. Each of the two also as a reference
/// (NAME.ref) and with a software key of its kind (NAME.key) beside it in the folder.
class ForeignToken : public Fixture {
 public:
  static constexpr int kFew = 2 * (kFreshKeys + 2);

  explicit ForeignToken(int objects);
  bool is_for(int objects) const { return objects == objects_; }

  std::string path(const std::string& name) const { return (token_.folder() / name).string(); }
  /// The label is the id, too; `attribute`: "object" or "id".
  static std::string uri(const std::string& label, const std::string& attribute = "object");

 private:
  int objects_;
  test::Prepared token_;
};

}  // namespace poolkey::bench
