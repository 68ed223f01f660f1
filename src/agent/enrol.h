// Enrolment over the network: the member's request goes to the service with a one-time code, people
// compare fingerprints, and the confirmation and a client certificate come back.
// May touch: app and below. Called by: cli, for `agent enrol`.
#pragma once

#include <functional>

#include "agent/link.h"
#include "agent/settings.h"
#include "app/app.h"

namespace poolkey::agent {

struct EnrolmentOrder {
  Settings settings{};
  Pin code;           ///< the one-time code
  Bytes root_sha256;  ///< of the origin's root, as its operator reads it out
};

/// One member's enrolment. Everything may be done again, also after it is enrolled: a new code then
/// brings a new client certificate, for instance where the one before has ended.
class Enrolment {
 public:
  /// `side` is a member's with its token in use, or a standby's.
  Enrolment(app::App& side, EnrolmentOrder order, std::function<bool()> go_on);

  /// Makes the request where it is missing, and posts it. Its fingerprint, for the operators to
  /// compare. Throws kUnavailable (service), kDenied (code, or the server is not believed),
  /// kConflict (the code was used for another request).
  Bytes request();

  /// Asks once whether the origin has admitted this member, and for at most `wait` if it has not.
  /// If so, checks and pins the root, and keeps certificate and servers in the home; true then.
  /// Throws as request() and pool::confirm_enrolment().
  bool finish(std::chrono::seconds wait);

 private:
  http::Request authorized(std::string method) const;
  http::Response must(const http::Request& request);
  void take(const std::string& answer);

  app::App& app_;
  EnrolmentOrder order_;
  std::function<bool()> go_on_;
  pool::MemberSide side_;
  Link link_;
};

/// The client certificate in a service's answer. Throws kCorrupt unless it is for this member and
/// its identity key, and chains to `root`.
std::vector<crypto::Certificate> checked_certificate(pool::MemberSide& side, const std::string& pem,
                                                     const crypto::Certificate& root);

}  // namespace poolkey::agent
