// What programs are told of things: JSON documents, the same by --format json and over the network.
// May touch: everything below app. Called by: cli, service.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "keys/issued.h"
#include "pool/certificates.h"
#include "pool/survey.h"
#include "requests/create.h"
#include "requests/repository.h"
#include "rollover/advance.h"

namespace poolkey::app {

/// One PEM after the other.
std::string pem_of(const std::vector<crypto::Certificate>& certificates);
json::array words_view(const std::vector<std::string>& words);
json::object key_view(const keys::StoredKey& key);
/// One member and one key version.
json::object observation_view(const pool::Observation& o);
/// What a person has to do next with a request; empty: nothing.
std::string next_of(const requests::StoredRequest& r);
json::object request_view(const requests::StoredRequest& r);
json::object created_view(const requests::CreatedRequest& made);
json::object finding_view(requests::Profile profile, const requests::Finding& f);
/// "good", "held", "revoked", or "ended" for a good one that does not hold any more.
std::string state_of(const keys::IssuedCertificate& one, Time now);
/// A line of the CA's register.
json::object issued_view(const keys::IssuedCertificate& one, Time now);
json::object certificate_view(const pool::KnownCertificate& c);
json::object progress_view(const rollover::Progress& now);
json::object exposure_view(const rollover::Exposure& e);

}  // namespace poolkey::app
