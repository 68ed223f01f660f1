// What an operator of a Microsoft CA (AD CS) wants beside a PKCS#10.
// May touch: base (pure). Called by: cli, for `request export --certreq`.
#pragma once

#include <string>

#include "requests/repository.h"

namespace poolkey::requests {

/// A policy file for `certreq -new` with the names and key of the request, for those who make the
/// key on Windows instead; ours is made in the HSM already. CRLF lines; ASCII, or UTF-16 with its
/// mark where the subject has other letters.
std::string certreq_inf(const StoredRequest& request, const Authority& authority);

/// The lines that send the request `file` to the CA and bring the answer back. CRLF lines; ASCII,
/// or UTF-8 where the CA's name has other letters, which its first line then says.
std::string certreq_commands(const StoredRequest& request, const Authority& authority,
                             const std::string& file);

}  // namespace poolkey::requests
