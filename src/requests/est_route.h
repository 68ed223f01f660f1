// The way to a CA by EST (RFC 7030): the request goes over HTTPS, and the answer comes at once, or
// is asked for again. May touch: requests and below, http. Called by: route.
#pragma once

#include <optional>

#include "requests/route.h"

namespace poolkey::requests {

/// simpleenroll, as the topology's [ca.NAME.est] says. What comes back is kept as an import is
/// (file_route.h), with the CA's certificates beside it, and not believed yet: accept_request()
/// checks it. 202 leaves the request `submitted`; before the time that the CA named it is not asked
/// again.
class EstRoute : public CaRoute {
 public:
  std::string_view verb() const override { return "request submit"; }
  bool is_handed_over(keys::Context& context, const StoredRequest& request) const override;
  /// Throws kDenied with what the CA says where it refuses; kUnavailable, kTimeout; kCorrupt for an
  /// answer that is none.
  std::optional<crypto::Certificate> submit(keys::Context& context, const StoredRequest& request,
                                            const store::Operation& operation) const override;
  std::vector<crypto::Certificate> above(keys::Context&,
                                         const crypto::Certificate&) const override {
    return {};
  }
};

/// When the CA is to be asked again, as it said with its 202.
std::optional<Time> ask_again_at(const StoredRequest& request);
/// The SHA-256 of what it gave last; empty: nothing.
std::string answer_to(const StoredRequest& request);

}  // namespace poolkey::requests
