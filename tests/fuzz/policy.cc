#include "policy/policy.h"

#include "fuzz/target.h"
#include "policy/attributes.h"

namespace poolkey::fuzz {

void policy(ByteView octets) {
  accepted([&] {
    const policy::Policy read = policy::parse_policy(text_of(octets), "policy.toml");
    require(read.text() == text_of(octets), "a policy is stored as it was written");
    const policy::Policy again = policy::parse_policy(read.text(), read.file());
    require(again.algorithm_name() == read.algorithm_name(), "a policy reads the same again");
    require(origin_private(again) == origin_private(read), "and gives the same template");
    require(!policy::explain(read).empty(), "every policy gives attributes");
  });
}

}  // namespace poolkey::fuzz
