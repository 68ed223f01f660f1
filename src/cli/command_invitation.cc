// One-time codes at the origin: for members that enrol over the network, and for persons and
// applications that fetch their first certificate.
#include <algorithm>
#include <array>
#include <charconv>

#include "base/file.h"
#include "cli/command.h"
#include "pool/invitation.h"

namespace poolkey::cli {
namespace {

using pool::Invitation;
using pool::InvitationKind;
using pool::Invitee;

constexpr std::string_view kDefaultValidity = "24h";

/// "30m", "24h" or "7d".
Duration duration(const std::string& text) {
  constexpr std::array<std::pair<char, int>, 3> kUnits{{{'m', 60}, {'h', 3600}, {'d', 86400}}};
  int count = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), count);
  const auto unit =
      std::ranges::find(kUnits, text.empty() ? '\0' : text.back(), &std::pair<char, int>::first);
  constexpr int kMost = 100'000;  // in any unit longer than a code may live
  if (fault != std::errc{} || end + 1 != text.data() + text.size() || unit == kUnits.end() ||
      count < 1 || count > kMost)
    throw Error(Errc::kInvalidArgument, "'" + text + "' is no span of time; write 30m, 24h or 7d");
  return Duration(std::int64_t{count} * unit->second);
}

template <InvitationKind kind>
Invitee invitee_of(const Call& call) {
  if (kind == InvitationKind::kClient) return {kind, "", call.arguments.one("NAME")};
  return {kind, PoolName(call.arguments.one("--pool")).str(),
          MemberName(call.arguments.one("--member")).str()};
}

app::App& at_origin(app::App& side) {
  side.require(app::Side::kOrigin);
  side.open_token();
  return side;
}

template <InvitationKind kind>
int invite(Call& call) {
  const Invitee invitee = invitee_of<kind>(call);
  const Duration valid = duration(call.arguments.one("--valid", std::string(kDefaultValidity)));
  app::App side(call.options);
  keys::Context& context = at_origin(side).context();
  const SecretBytes code = pool::invite(context, invitee, valid);
  const std::string text = to_text(code.view());
  const std::string until = rfc3339(context.clock.now() + valid);
  call.out.say("'" + invitee.str() + "' may come in once, until " + until +
               "; earlier codes that were not used have ended.");
  call.out.result({{"name", invitee.str()}, {"expires", until}});
  if (const std::string out = call.arguments.one("--out"); !out.empty()) {
    write_file(out, text + "\n", 0600);
    call.out.say("The code is in '" + out + "'.");
    return 0;
  }
  call.out.say("The code, which is shown now and never again:");
  call.out.product("  " + text + "\n");
  call.out.result({{"code", text}});
  return 0;
}

template <InvitationKind kind>
int list(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  const Time now = side.context().clock.now();
  std::vector<std::vector<std::string>> rows;
  json::array all;
  for (const Invitation& one : pool::invitations(side.database(), kind)) {
    const std::string state(pool::name(one.state(now)));
    const auto text = [](const std::optional<Time>& at) { return at ? rfc3339(*at) : ""; };
    rows.push_back({one.invitee.str(), state, rfc3339(one.expires), text(one.used)});
    json::object object{{"name", one.invitee.name},        {"state", state},
                        {"created", rfc3339(one.created)}, {"expires", rfc3339(one.expires)},
                        {"used", text(one.used)},          {"sha256", one.bound_to}};
    if (kind == InvitationKind::kMember) object["pool"] = one.invitee.pool;
    all.emplace_back(std::move(object));
  }
  call.out.table({"FOR", "STATE", "UNTIL", "USED"}, rows);
  call.out.result({{"invitations", std::move(all)}});
  return 0;
}

template <InvitationKind kind>
int withdraw(Call& call) {
  const Invitee invitee = invitee_of<kind>(call);
  app::App side(call.options);
  const std::int64_t count = pool::withdraw(at_origin(side).context(), invitee);
  call.out.say(count == 0 ? "There is no code for '" + invitee.str() + "' that could end."
                          : "The code for '" + invitee.str() + "' has ended.");
  call.out.result({{"name", invitee.str()}, {"withdrawn", count}});
  return 0;
}

std::vector<Option> member_options(std::vector<Option> more = {}) {
  std::vector<Option> out{{"--pool", "POOL", "its pool", true},
                          {"--member", "NAME", "its name in the topology", true}};
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

const std::vector<Option>& code_options() {
  static const auto& options = *new std::vector<Option>{
      {"--valid", "TIME", "how long: 30m, 24h or 7d (default: 24h, at most 30d)"},
      {"--out", "FILE", "write the code to a file that only you can read, instead of showing it"}};
  return options;
}

std::vector<Option> client_options(std::vector<Option> more = {}) {
  more.insert(more.begin(), {"NAME", "NAME", "the person or application", true});
  return more;
}

}  // namespace

std::span<const Command> invitation_commands() {
  constexpr auto kMember = InvitationKind::kMember;
  constexpr auto kClient = InvitationKind::kClient;
  static const auto& commands = *new std::vector<Command>{
      {"enrolment invite", "origin", "make a one-time code by which a member may ask to join",
       member_options(code_options()), invite<kMember>},
      {"enrolment invitations",
       "origin",
       "show the one-time codes of members, without the codes",
       {},
       list<kMember>},
      {"enrolment withdraw", "origin", "end a member's one-time code", member_options(),
       withdraw<kMember>},
      {"access invite", "origin",
       "make a one-time code by which a person or application gets its first certificate",
       client_options(code_options()), invite<kClient>},
      {"access invitations",
       "origin",
       "show the one-time codes of persons and applications, without the codes",
       {},
       list<kClient>},
      {"access withdraw", "origin", "end the one-time code of a person or application",
       client_options(), withdraw<kClient>},
  };
  return commands;
}

}  // namespace poolkey::cli
