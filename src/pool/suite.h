// Wrap suites: which hash each means, and which a token can do.
// May touch: hsm, policy. Called by: enrol, release, deliver, software.
#pragma once

#include <string>
#include <vector>

#include "hsm/wrap.h"
#include "policy/words.h"
#include "pool/repository.h"

namespace poolkey::pool {

hsm::OaepHash oaep_hash(policy::Suite suite);
/// The suite that an envelope was made with. Throws kUnsupported for one that is not known.
policy::Suite suite_of(const Envelope& envelope);

/// What a token can open, what it does not tell and what it does not enforce, by its profile.
/// Throws kUnsupported where it has no profile or opens no suite.
TokenReport report_of(const hsm::Token& token);

/// The first suite of the policy that the origin's token offers and every member opens. Throws
/// kUnsupported naming who cannot.
policy::Suite choose_suite(const hsm::Token& origin, const policy::Policy& policy,
                           const std::vector<Member>& members);

}  // namespace poolkey::pool
