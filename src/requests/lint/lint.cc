#include "requests/lint/lint.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "requests/lint/rule.h"

namespace poolkey::requests {
namespace {

struct ProfileRow {
  Profile profile;
  Level Rule::*level;
};
constexpr std::array kProfiles{ProfileRow{Profile::kPublicBr, &Rule::public_br},
                               ProfileRow{Profile::kLync, &Rule::lync},
                               ProfileRow{Profile::kInternal, &Rule::internal}};

const ProfileRow& row(Profile profile) {
  return *std::ranges::find(kProfiles, profile, &ProfileRow::profile);
}

Severity severity(Level level) {
  return level == Level::kError  ? Severity::kError
         : level == Level::kWarn ? Severity::kWarn
                                 : Severity::kInfo;
}

/// Octets of a hostile request are shown so that they cannot play tricks in a terminal.
std::string printable(std::string_view value) {
  std::string out;
  for (const char c : value.substr(0, 256)) {
    if (c >= 0x20 && c < 0x7f)
      out += c;
    else
      out += "\\x" + hex(ByteView(reinterpret_cast<const std::uint8_t*>(&c), 1));
  }
  return value.size() > 256 ? out + "..." : out;
}

}  // namespace

std::string_view name(Severity severity) {
  constexpr std::array<std::string_view, 3> kNames{"info", "warn", "error"};
  return kNames[static_cast<std::size_t>(severity)];
}

Profile parse_profile(std::string_view text) {
  if (const auto profile = policy::parse_word<Profile>(text)) return *profile;
  std::string known;
  for (const std::string& word : policy::all_words<Profile>())
    known += (known.empty() ? "" : ", ") + word;
  throw Error(Errc::kInvalidArgument,
              "'" + std::string(text) + "' is no lint profile; there are " + known);
}

std::vector<Finding> lint(const LintSubject& subject, Profile profile, Time now) {
  const LintInput input{subject, subject.csr, profile, now};
  std::vector<Finding> out;
  for (const std::span<const Rule> family :
       {name_rules(), key_rules(), usage_rules(), edge_rules()}) {
    for (const Rule& rule : family) {
      const Level level = rule.*row(profile).level;
      if (level == Level::kOff) continue;
      for (const std::string& value : rule.check(input))
        out.push_back(
            {std::string(rule.id), severity(level),
             std::string(rule.message) + (value.empty() ? "" : ": '" + printable(value) + "'"),
             std::string(rule.fix), std::string(rule.source)});
    }
  }
  return out;
}

std::optional<Severity> worst(const std::vector<Finding>& findings) {
  const auto gravest = std::ranges::max_element(findings, {}, &Finding::severity);
  if (gravest == findings.end()) return std::nullopt;
  return gravest->severity;
}

}  // namespace poolkey::requests
