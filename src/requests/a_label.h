// Internationalised labels in their ASCII form.
// May touch: std only. Called by: lint.
#pragma once

#include <string_view>

namespace poolkey::requests {

/// "xn--" and something that Punycode (RFC 3492) decodes to Unicode, not all of it ASCII. Whether
/// IDNA permits the characters is not looked at.
bool is_a_label(std::string_view label);

}  // namespace poolkey::requests
