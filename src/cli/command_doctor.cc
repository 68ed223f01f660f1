// The token doctor: what a token really does, tried out, told, and written down as a profile.
#include "base/file.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "crypto/digest.h"
#include "hsm/doctor.h"
#include "hsm/names.h"

namespace poolkey::cli {
namespace {

namespace fs = std::filesystem;

/// A token of no home, by the options alone.
app::Config named_token(const Call& call) {
  if (!call.arguments.has("--token") || call.options.pin.empty())
    throw Error(Errc::kInvalidArgument, "with --module give --token and --pin as well");
  app::Config out;
  out.module = call.arguments.one("--module");
  out.module_arguments = call.arguments.one("--module-arguments");
  out.token_label = call.arguments.one("--token");
  return out;
}

void print_findings(Call& call, const hsm::Examination& examined) {
  const hsm::Profile& profile = examined.profile;
  std::vector<std::vector<std::string>> rows;
  json::array findings, mechanisms;
  for (const hsm::QuestionRow& row : hsm::questions()) {
    const std::string word(profile.answer(row.question));
    const std::string meaning(hsm::find_answer(row.question, word)->meaning);
    const auto detail = examined.details.find(row.question);
    const std::string more = detail == examined.details.end() ? "" : detail->second;
    rows.push_back(
        {std::string(row.asks), word, meaning + (more.empty() ? "" : " (" + more + ")")});
    findings.emplace_back(json::object{{"probe", std::string(row.id)},
                                       {"asks", std::string(row.asks)},
                                       {"found", word},
                                       {"meaning", meaning},
                                       {"detail", more}});
  }
  const auto asked = hsm::profiled_mechanisms();
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const std::string name = hsm::mechanism_name(asked[i].type);
    rows.push_back({name, profile.mechanisms.at(i), std::string(asked[i].why)});
    mechanisms.emplace_back(json::object{{"mechanism", name},
                                         {"found", profile.mechanisms.at(i)},
                                         {"why", std::string(asked[i].why)}});
  }
  call.out.table({"PROBE", "FOUND", "MEANING"}, rows);
  call.out.result({{"findings", std::move(findings)}, {"mechanisms", std::move(mechanisms)}});
}

json::array array_of(const std::vector<std::string>& words) {
  json::array out;
  for (const std::string& word : words) out.emplace_back(word);
  return out;
}

void print_list(Call& call, const std::string& what, const std::string& id,
                const std::vector<std::string>& words) {
  call.out.say(what + ": " + (words.empty() ? "none" : listed(words)));
  call.out.result({{id, array_of(words)}});
}

/// 0, or what says that something of the doctor's could not be destroyed.
int report(Call& call, const hsm::Examination& examined) {
  const hsm::Profile& profile = examined.profile;
  print_findings(call, examined);
  print_list(call, "Attributes that cannot be stored or are not told", "not_kept",
             profile.not_kept);
  print_list(call, "Attributes that are told otherwise than asked for", "told_otherwise",
             profile.told_otherwise);
  const std::vector<std::string> verdicts = hsm::verdicts(profile);
  for (const std::string& verdict : verdicts) call.out.say(verdict);
  call.out.result({{"sessions_opened", profile.sessions_opened},
                   {"verdicts", array_of(verdicts)},
                   {"left_behind", array_of(examined.left_behind)}});
  for (const std::string& label : examined.left_behind)
    call.out.say("could not be destroyed: '" + label + "'; remove it by hand");
  return examined.left_behind.empty() ? 0 : kExitDifferences;
}

hsm::Examination look(Call& call, const app::Config& config,
                      const std::shared_ptr<hsm::Module>& module) {
  const bool with_so = !call.options.so_pin.empty();
  call.out.say("Token '" + config.token_label + "' of " + module->path().string() + " (" +
               module->description() + ").");
  for (const std::string& sentence : hsm::announcement(with_so)) call.out.say(sentence);
  const Pin user = app::ask_pin(config, call.options, hsm::Role::kUser);
  std::optional<Pin> so;
  if (with_so) so = app::ask_pin(config, call.options, hsm::Role::kSecurityOfficer);
  return hsm::examine({.module = module,
                       .token = {config.token_label, config.token_serial},
                       .user_pin = user,
                       .so_pin = so ? &*so : nullptr});
}

void write_profile(Call& call, const hsm::Examination& examined, const fs::path& file) {
  write_file(file, hsm::to_toml(examined.profile, examined.details), 0644);
  call.out.say("The profile is in '" + file.string() + "'.");
  call.out.result({{"profile", file.string()}});
}

int doctor(Call& call) {
  const fs::path out = call.arguments.one("--out");
  if (call.arguments.has("--module")) {
    const app::Config config = named_token(call);
    const hsm::Examination examined = look(call, config, app::load_module(config, call.options));
    const int status = report(call, examined);
    if (!out.empty()) write_profile(call, examined, out);
    return status;
  }
  app::App side(call.options);
  const app::Config& config = side.config();
  if (config.token_serial.empty())
    throw Error(Errc::kNotFound, "the set-up of '" + call.options.home.string() +
                                     "' was interrupted; run the init verb again");
  const auto module = app::load_module(config, call.options);
  std::optional<hsm::Examination> examined;
  keys::record(side.context(), "doctor", config.token_label, "", nullptr, [&]() -> json::object {
    examined = look(call, config, module);
    const std::string text = hsm::to_toml(examined->profile, examined->details);
    return {{"profile_sha256", hex(crypto::sha256(view(text)))}};
  });
  const int status = report(call, *examined);
  write_profile(call, *examined, out.empty() ? app::profile_file(call.options.home) : out);
  return status;
}

}  // namespace

std::span<const Command> doctor_commands() {
  static const auto& commands = *new std::vector<Command>{
      {"doctor",
       "either",
       "find out by trying what a token really does, and write its profile",
       {{"--module", "FILE", "a token of no home: its PKCS#11 module"},
        {"--module-arguments", "TEXT", "what the module is told when it is initialised (NSS)"},
        {"--token", "LABEL", "the token's label, with --module"},
        {"--out", "FILE", "where the profile goes (default: profile.toml in the home)"}},
       doctor},
  };
  return commands;
}

}  // namespace poolkey::cli
