// The route to the embedded CA, which answers at once.
// May touch: requests and below. Called by: route.
#pragma once

#include "requests/route.h"

namespace poolkey::requests {

/// Issues with the issuing CA's key in the origin's token, under the policies of both keys.
class EmbeddedRoute : public CaRoute {
 public:
  std::string_view verb() const override { return "certificate issue"; }
  /// Unless what was issued was revoked.
  bool is_handed_over(keys::Context& context, const StoredRequest& request) const override;
  std::optional<crypto::Certificate> submit(keys::Context& context, const StoredRequest& request,
                                            const store::Operation& operation) const override;
  std::vector<crypto::Certificate> above(keys::Context& context,
                                         const crypto::Certificate& answer) const override;
};

}  // namespace poolkey::requests
