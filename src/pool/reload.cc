#include "pool/reload.h"

#include "base/program.h"
#include "keys/repository.h"
#include "pool/pair.h"

namespace poolkey::pool {
namespace {

constexpr const char* kLoaded = "reload.done";

std::string on_disk(const MemberSide& side) {
  return linked_pairs(side.state_folder.parent_path() / "tls");
}

/// Empty if all went well.
std::string failure(const ProgramEnd& end, std::chrono::seconds limit) {
  if (end.timed_out) return "did not end within " + std::to_string(limit.count()) + " s";
  return end.status == 0 ? "" : "ended with status " + std::to_string(end.status);
}

void run_hook(const std::vector<std::string>& words, std::chrono::seconds limit) {
  const ProgramEnd end = run_program(words, limit);
  const std::string why = failure(end, limit);
  if (why.empty()) return;
  throw Error(Errc::kUnavailable,
              "'" + words.front() + "' " + why + (end.said.empty() ? "" : ": " + end.said));
}

}  // namespace

bool needs_reload(MemberSide& side) {
  return keys::setting(side.context.database, kLoaded).value_or("") != on_disk(side);
}

Reloaded reload_programs(MemberSide& side, const std::vector<std::string>& words,
                         std::chrono::seconds limit) {
  if (words.empty()) return {};
  const std::string now = on_disk(side);
  if (keys::setting(side.context.database, kLoaded).value_or("") == now)
    return {Reload::kNotNeeded};
  try {
    keys::record(side.context, "member reload", words.front(), "", nullptr, [&]() -> json::object {
      run_hook(words, limit);
      return {};
    });
  } catch (const Error& error) {
    return {Reload::kFailed, std::string("the reload hook failed: ") + error.what() +
                                 ". The certificate is installed, but programs may still serve "
                                 "the old one; the next 'poolkey member install' runs it again"};
  }
  keys::set_setting(side.context.database, kLoaded, now);
  return {Reload::kDone};
}

}  // namespace poolkey::pool
