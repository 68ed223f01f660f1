#include "requests/lint/lint.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "crypto/foreign.h"
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

std::array<std::span<const Rule>, 7> families() {
  return {name_rules(),        subject_rules(), key_rules(),   usage_rules(),
          certificate_rules(), edge_rules(),    stated_rules()};
}

std::vector<std::string_view> sorted_sans(const crypto::X509Content& content) {
  std::vector<std::string_view> out(content.sans.dns.begin(), content.sans.dns.end());
  std::ranges::sort(out);
  return out;
}

std::vector<std::string_view> names_of(const LintInput& in) {
  std::vector<std::string_view> out(in.content.sans.dns.begin(), in.content.sans.dns.end());
  for (const std::string& name : in.content.common_names)
    if (!in.has_san(name)) out.push_back(name);
  return out;
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

/// A finding for each value; of many only the first, and how many more there are.
void add_findings(std::vector<Finding>& out, const Rule& rule, Severity severity,
                  const Offences& values) {
  constexpr std::size_t kMost = 16;
  for (std::size_t i = 0; i < std::min(values.size(), kMost); ++i) {
    std::string message(rule.message);
    if (!values[i].empty()) message += ": '" + printable(values[i]) + "'";
    if (i + 1 == kMost && values.size() > kMost)
      message += " (and " + std::to_string(values.size() - kMost) + " more)";
    out.push_back({std::string(rule.id), severity, std::move(message), std::string(rule.fix),
                   std::string(rule.source)});
  }
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

LintSubject::LintSubject(crypto::ParsedCsr csr, std::optional<PoolContext> context)
    : content(static_cast<crypto::X509Content&&>(csr)),
      signature_valid(csr.signature_valid),
      pool(std::move(context)) {}

LintSubject::LintSubject(const crypto::Certificate& found, std::optional<PoolContext> context)
    : content(found.content()), certificate(found), pool(std::move(context)) {}

LintSubject read_lint_subject(std::string_view file) {
  const std::vector<crypto::ForeignItem> items =
      crypto::read_foreign(view(file), "a certificate request or certificate");
  for (const crypto::ForeignItem& item : items) {
    if (item.kind == crypto::Kind::kRequest) return crypto::parse_csr(item.content);
    if (item.kind == crypto::Kind::kCertificate) return crypto::Certificate::from_der(item.content);
  }
  throw Error(Errc::kCorrupt,
              "a certificate request or certificate is wanted: " + crypto::what_instead(items));
}

std::vector<Finding> lint(const LintSubject& subject, Profile profile, Time now,
                          const WeakKeys& weak_keys) {
  const std::shared_ptr<const KeyFacts> key = key_facts(subject.content.public_key);
  const Applies kind = subject.certificate ? Applies::kCertificate : Applies::kRequest;
  LintInput input{.subject = subject,
                  .content = subject.content,
                  .certificate = subject.certificate,
                  .profile = profile,
                  .now = now,
                  .issued = subject.certificate ? subject.certificate->not_before() : now,
                  .key = *key,
                  .weak_keys = weak_keys,
                  .sorted_sans = sorted_sans(subject.content),
                  .names = {}};
  input.names = names_of(input);
  const Level Rule::*const level_of = row(profile).level;
  std::vector<Finding> out;
  for (const std::span<const Rule> family : families()) {
    for (const Rule& rule : family) {
      const Level level = rule.*level_of;
      if (level == Level::kOff || (rule.applies != Applies::kBoth && rule.applies != kind))
        continue;
      add_findings(out, rule, severity(level), rule.check(input));
    }
  }
  return out;
}

std::vector<RuleText> rule_texts() {
  constexpr std::array<std::string_view, 3> kApplies{"both", "request", "certificate"};
  std::vector<RuleText> out;
  for (const std::span<const Rule> family : families())
    for (const Rule& rule : family) {
      RuleText text{rule.id,  kApplies[static_cast<std::size_t>(rule.applies)],
                    {},       rule.message,
                    rule.fix, rule.source};
      for (const ProfileRow& r : kProfiles)
        if (rule.*r.level != Level::kOff)
          text.severities.emplace_back(r.profile, severity(rule.*r.level));
      out.push_back(std::move(text));
    }
  return out;
}

std::optional<Severity> worst(const std::vector<Finding>& findings) {
  const auto gravest = std::ranges::max_element(findings, {}, &Finding::severity);
  if (gravest == findings.end()) return std::nullopt;
  return gravest->severity;
}

}  // namespace poolkey::requests
