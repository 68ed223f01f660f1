#include "cli/command.h"

#include "base/file.h"

namespace poolkey::cli {

void write_or_print(Call& call, const std::string& text) {
  const std::string out = call.arguments.one("--out");
  if (out.empty())
    call.out.product(text);
  else
    write_file(out, text);
}

std::vector<const Command*> all_commands() {
  std::vector<const Command*> out;
  for (const auto commands : {setup_commands(),       service_commands(),
                              origin_commands(),      policy_commands(),
                              access_commands(),      member_commands(),
                              invitation_commands(),  install_commands(),
                              agent_commands(),       station_commands(),
                              key_commands(),         pool_commands(),
                              rollover_commands(),    request_commands(),
                              certificate_commands(), certificate_view_commands(),
                              lint_commands(),        ca_commands(),
                              ca_view_commands(),     audit_commands(),
                              doctor_commands()})
    for (const Command& command : commands) out.push_back(&command);
  return out;
}

}  // namespace poolkey::cli
