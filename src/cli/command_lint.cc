// The linter: a request or certificate from anywhere, the table of rules, lists of weak keys.
#include <algorithm>
#include <charconv>

#include "app/view.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/finding.h"
#include "crypto/der_guard.h"
#include "requests/lint/debian_list.h"
#include "requests/repository.h"

namespace poolkey::cli {

void say_finding(Output& out, requests::Profile profile, const requests::Finding& f) {
  out.say("  " + std::string(name(f.severity)) + " " + f.rule + " (" +
          std::string(policy::word(profile)) + "): " + f.message + "; " + f.fix);
}

namespace {

/// A day ("2027-03-15"), or a time as RFC 3339 has it. Empty: now.
Time time_of(const std::string& text) {
  if (text.empty()) return SystemClock().now();
  return parse_rfc3339(text.size() == 10 ? text + "T00:00:00Z" : text);
}

requests::WeakKeys weak_keys_of(const Call& call) {
  const std::vector<std::string> lists = call.arguments.all("--weak-keys");
  return requests::WeakKeys::of_home(call.options.home, {lists.begin(), lists.end()});
}

/// A file, or else the name of a request of this origin's, which is held against its pool as well.
requests::LintSubject subject_of(const Call& call) {
  const std::string given = call.arguments.one("FILE");
  const bool has_home = !call.options.home.empty() && home::has_config(call.options.home);
  if (std::filesystem::exists(given) || !has_home)
    return requests::read_lint_subject(read_file(given, crypto::kMaxForeign));
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  const requests::StoredRequest r = requests::find_request(side.database(), given);
  if (r.csr.empty())
    throw Error(Errc::kConflict, "the request '" + r.id + "' is " + std::string(name(r.state)) +
                                     " and not signed; 'poolkey request show' has its findings");
  return {crypto::parse_csr(r.csr),
          requests::pool_context(requests::topology_of(side.database(), r.pool), r.pool, r.role,
                                 r.ca_kind, r.server)};
}

int request_lint(Call& call) {
  const requests::LintSubject subject = subject_of(call);
  const requests::WeakKeys weak_keys = weak_keys_of(call);
  const Time now = time_of(call.arguments.one("--at"));
  const std::string kind = subject.certificate ? "certificate" : "request";
  call.out.say((subject.certificate ? "A certificate: " : "A certificate request: ") +
               subject.content.subject + ", " + subject.content.public_key.algorithm());
  std::vector<std::string> profiles = call.arguments.all("--profile");
  if (profiles.empty()) profiles = {"public-br", "lync"};
  json::array findings;
  bool errors = false;
  for (const std::string& word : profiles) {
    const requests::Profile profile = requests::parse_profile(word);
    for (const requests::Finding& f : requests::lint(subject, profile, now, weak_keys)) {
      say_finding(call.out, profile, f);
      findings.emplace_back(app::finding_view(profile, f));
      errors = errors || f.severity == requests::Severity::kError;
    }
  }
  call.out.say(findings.empty() ? "No finding." : std::to_string(findings.size()) + " finding(s).");
  call.out.result({{"kind", kind},
                   {"subject", subject.content.subject},
                   {"spki_sha256", hex(subject.content.public_key.spki_sha256())},
                   {"at", rfc3339(now)},
                   {"findings", std::move(findings)}});
  return errors ? kExitDifferences : 0;
}

int request_rules(Call& call) {
  const std::vector<std::string> profiles = policy::all_words<requests::Profile>();
  std::vector<std::string> header{"rule", "for"};
  header.insert(header.end(), profiles.begin(), profiles.end());
  header.insert(header.end(), {"what", "source"});
  std::vector<std::vector<std::string>> rows;
  json::array rules;
  for (const requests::RuleText& rule : requests::rule_texts()) {
    json::object severities;
    for (const auto& [profile, severity] : rule.severities)
      severities.emplace(policy::word(profile), std::string(name(severity)));
    std::vector<std::string> row{std::string(rule.id), std::string(rule.applies)};
    for (const std::string& profile : profiles)
      row.push_back(severities.contains(profile) ? std::string(severities.at(profile).as_string())
                                                 : "-");
    row.emplace_back(rule.message);
    row.emplace_back(rule.source);
    rows.push_back(std::move(row));
    rules.emplace_back(json::object{{"rule", rule.id},
                                    {"applies", rule.applies},
                                    {"severity", std::move(severities)},
                                    {"message", rule.message},
                                    {"fix", rule.fix},
                                    {"source", rule.source}});
  }
  call.out.table(header, rows);
  call.out.result({{"rules", std::move(rules)}});
  return 0;
}

unsigned number(const Call& call, const std::string& option, const std::string& otherwise) {
  const std::string text = call.arguments.one(option, otherwise);
  unsigned out = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (fault != std::errc() || end != text.data() + text.size())
    throw Error(Errc::kInvalidArgument, option + " is a number, not '" + text + "'");
  return out;
}

int request_weak_keys(Call& call) {
  const std::string list =
      requests::debian_list(number(call, "--bits", "2048"), number(call, "--first", "0"),
                            number(call, "--last", "32767"));
  const std::string out = call.arguments.one("--out");
  write_file(out, list);
  const auto count = std::ranges::count(list, '\n') - 1;
  call.out.say(std::to_string(count) + " keys are in " + out + ".");
  call.out.result({{"file", out}, {"keys", count}});
  return 0;
}

}  // namespace

std::span<const Command> lint_commands() {
  static const auto& commands = *new std::vector<Command>{
      {"request lint",
       "either",
       "lint a certificate request or a certificate from anywhere",
       {{"FILE", "FILE|ID", "PKCS#10 or certificate, PEM or DER; or a request of this origin's",
         true},
        {"--profile", "PROFILE", "public-br, lync or internal", false, true},
        {"--at", "DATE", "as if it were this day: 2027-03-15, or 2027-03-15T08:00:00Z"},
        {"--weak-keys", "FILE",
         "a list of weak or reported keys, or a folder of such (HOME/weak-keys too)", false, true}},
       request_lint},
      {"request rules", "either", "list the rules of the linter", {}, request_rules},
      {"request weak-keys",
       "either",
       "make the list of Debian's weak keys (hours of work) for 'request lint --weak-keys'",
       {{"--out", "FILE", "where to write it", true},
        {"--bits", "N", "size of the RSA keys; 2048"},
        {"--first", "N", "first process number; 0"},
        {"--last", "N", "last process number; 32767"}},
       request_weak_keys},
  };
  return commands;
}

}  // namespace poolkey::cli
