// The ways to a CA, behind one interface, and what is the same for all of them: handing over,
// checking the answer, binding it to the key. May touch: requests and below. Called by: cli.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "requests/answer.h"

namespace poolkey::requests {

/// How a signed request gets to a CA, and whether that answers by itself. A protocol (ACME, CMP,
/// EST) joins as one more; everything else in a request's life is the same.
class CaRoute {
 public:
  virtual ~CaRoute() = default;
  /// In the journal and the audit log: "certificate issue".
  virtual std::string_view verb() const = 0;
  /// True if it was handed over before and nothing has ended what came of it.
  virtual bool is_handed_over(keys::Context& context, const StoredRequest& request) const = 0;
  /// Hands it over and gives what came back at once; nothing where the CA takes its time, and the
  /// answer is imported when it comes. Bears being run again where it was interrupted.
  virtual std::optional<crypto::Certificate> submit(keys::Context& context,
                                                    const StoredRequest& request,
                                                    const store::Operation& operation) const = 0;
  /// What this route itself knows of the CA certificates above one of its answers.
  virtual std::vector<crypto::Certificate> above(keys::Context& context,
                                                 const crypto::Certificate& answer) const = 0;
};
const CaRoute& route_of(const StoredRequest& request);

struct Submission {
  StoredRequest request;
  std::optional<keys::StoredCertificate>
      certificate;  ///< that the CA gave at once, and was accepted
  std::vector<std::string> remarks{};
};
/// Hands a signed request over by its route, and accepts what comes back. Run again it changes
/// nothing, and gives what was accepted; or asks a CA that has not decided. Throws kConflict for
/// one that is not signed, or for which the topology asks for other names by now; kDenied (policy),
/// kCorrupt with every fault that the check found.
Submission submit_request(keys::Context& context, const std::string& id);

struct Accepted {
  keys::StoredCertificate certificate;
  std::vector<std::string> remarks;
};
/// Checks the answer to a request (accept.h) and binds it to the key version. `which` is the
/// beginning of a SHA-256 in hex, with or without colons, for where several certificates came. Run
/// again it gives what was accepted, unless another one came since. Throws kNotFound if none came,
/// kConflict if several did and none is named, or if it ends before the one that was accepted,
/// kCorrupt with every fault, kDenied by policy.
Accepted accept_request(keys::Context& context, const std::string& id,
                        const std::string& which = "");

}  // namespace poolkey::requests
