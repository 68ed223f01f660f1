// The OCSP responder of the CA: one answer to one request, by a delegated signer.
// May touch: requests/ca and below. Called by: cli, for `ca ocsp`.
#pragma once

#include <optional>
#include <vector>

#include "crypto/ocsp.h"
#include "requests/ca/config.h"

namespace poolkey::requests {

struct OcspReply {
  Bytes der;  ///< the response, whatever it says
  std::optional<crypto::OcspRefusal> refusal{};
  std::string why{};  ///< of the refusal
  std::vector<crypto::OcspAnswer> answers{};
};

/// Answers a request about certificates of one CA key from the register. The signer, a key of its
/// own with a certificate under that CA key, is made when it is first needed and certified again
/// when a third of its time is left. What cannot be answered is refused as RFC 6960 2.3 says.
/// Throws kDenied (policy).
OcspReply answer_ocsp(keys::Context& context, const CaConfig& config, ByteView request);

}  // namespace poolkey::requests
