#include "requests/registry.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "requests/fqdn.h"

namespace poolkey::requests {
namespace {

constexpr std::string_view kCountries =
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR "
    "BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ "
    "EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW "
    "GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY "
    "KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV "
    "MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY "
    "QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG "
    "TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM "
    "ZW ";

/// Top-level domains of two letters that are no country codes.
constexpr std::array<std::string_view, 4> kOtherTwoLetters{"ac", "eu", "su", "uk"};

/// Second labels under which the registry of a country lets everybody register.
constexpr std::array<std::string_view, 8> kSharedSeconds{"ac",  "co",  "com", "edu",
                                                         "gov", "net", "or",  "org"};

bool has_code(std::string_view capitals) {
  return capitals.size() == 2 &&
         kCountries.find(std::string(capitals) + " ") != std::string_view::npos;
}

std::string capitals(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return out;
}

bool is_two_letter_tld(std::string_view label) {
  return has_code(capitals(label)) ||
         std::ranges::find(kOtherTwoLetters, lower_case(label)) != kOtherTwoLetters.end();
}

struct Block {
  std::array<std::uint8_t, 16> prefix;
  unsigned bits;
};
/// RFC 6890 and its registries, and multicast.
constexpr std::array kFour{Block{{0}, 8},
                           Block{{10}, 8},
                           Block{{100, 64}, 10},
                           Block{{127}, 8},
                           Block{{169, 254}, 16},
                           Block{{172, 16}, 12},
                           Block{{192, 0, 0}, 24},
                           Block{{192, 0, 2}, 24},
                           Block{{192, 168}, 16},
                           Block{{198, 18}, 15},
                           Block{{198, 51, 100}, 24},
                           Block{{203, 0, 113}, 24},
                           Block{{224}, 3}};
constexpr std::array kSix{Block{{0}, 8},
                          Block{{1}, 8},
                          Block{{0x20, 0x01, 0x0d, 0xb8}, 32},
                          Block{{0x3f, 0xff, 0}, 20},
                          Block{{0x5f}, 16},
                          Block{{0xfc}, 7},
                          Block{{0xfe, 0x80}, 9},
                          Block{{0xff}, 8}};

bool is_in(const std::array<std::uint8_t, 16>& address, const Block& block) {
  for (unsigned bit = 0; bit < block.bits; ++bit) {
    const unsigned mask = 0x80U >> (bit % 8);
    if (((address[bit / 8] ^ block.prefix[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

}  // namespace

bool is_country(std::string_view code) { return code == "XX" || has_code(code); }

bool has_possible_tld(std::string_view name) {
  const std::string_view last = last_label(name);
  if (lower_case(last).starts_with("xn--")) return true;
  const bool letters = std::ranges::all_of(
      last, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
  return letters && (last.size() > 2 || is_two_letter_tld(last));
}

bool is_public_suffix(std::string_view name) {
  const std::vector<std::string_view> parts = labels(name);
  return parts.size() == 2 && is_two_letter_tld(parts[1]) &&
         std::ranges::find(kSharedSeconds, lower_case(parts[0])) != kSharedSeconds.end();
}

bool is_reserved_address(std::string_view address) {
  std::array<std::uint8_t, 16> octets{};
  const std::string text(address);
  const auto is_in_any = [&](const auto& blocks) {
    return std::ranges::any_of(blocks, [&](const Block& b) { return is_in(octets, b); });
  };
  if (inet_pton(AF_INET, text.c_str(), octets.data()) == 1) return is_in_any(kFour);
  return inet_pton(AF_INET6, text.c_str(), octets.data()) == 1 && is_in_any(kSix);
}

}  // namespace poolkey::requests
