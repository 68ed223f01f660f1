#include "agent/settings.h"

#include "base/error.h"
#include "base/file.h"
#include "base/toml.h"

namespace poolkey::agent {
namespace {

namespace fs = std::filesystem;

fs::path settings_file(const fs::path& home) { return home / "agent.toml"; }
fs::path certificate_file(const fs::path& home) { return home / "agent" / "certificate.pem"; }

struct SecondsRow {
  std::string_view key;
  std::chrono::seconds Settings::*member;
  std::int64_t low, high;
};
constexpr std::array kSeconds{
    SecondsRow{"wait_seconds", &Settings::wait, 1, 600},
    SecondsRow{"check_seconds", &Settings::check, 1, 24 * 3600},
    SecondsRow{"retry_seconds", &Settings::retry, 1, 3600},
};

}  // namespace

std::string checked_server(std::string text) {
  constexpr std::string_view kScheme = "https://";
  while (text.ends_with('/')) text.pop_back();
  const bool good = text.starts_with(kScheme) && text.size() > kScheme.size() &&
                    text.find_first_of("/?#@ \r\n", kScheme.size()) == std::string::npos;
  if (!good)
    throw Error(Errc::kInvalidArgument,
                "'" + text + "' is no server; one is written https://HOST:PORT");
  return text;
}

bool has_settings(const fs::path& home) { return fs::exists(settings_file(home)); }

Settings read_settings(const fs::path& home) {
  const fs::path file = settings_file(home);
  if (!fs::exists(file))
    throw Error(Errc::kNotFound, "'" + home.string() +
                                     "' has no agent.toml: it is not enrolled over the network; "
                                     "run 'poolkey agent enrol'");
  toml::Faults faults;
  const toml::Node root = toml::parse(read_file(file), file.string(), faults);
  toml::Reader reader(root, "", faults);
  Settings out;
  reader.integer("version", 1, 1);
  for (const auto& server : reader.strings("servers").value) {
    try {
      out.servers.push_back(checked_server(server.value));
    } catch (const Error& error) {
      reader.fault(server.where, error.what());
    }
  }
  for (const SecondsRow& row : kSeconds)
    if (const auto value = reader.optional_integer(row.key, row.low, row.high))
      out.*row.member = std::chrono::seconds(value->value);
  reader.finish();
  faults.throw_if_any("'" + file.string() + "'");
  if (out.servers.empty())
    throw Error(Errc::kInvalidArgument, "'" + file.string() + "' names no server");
  return out;
}

void write_settings(const fs::path& home, const Settings& settings) {
  std::string out = "# Written by 'poolkey agent enrol'. Further servers may be added by hand.\n";
  out += "version = 1\nservers = [";
  for (const std::string& server : settings.servers)
    out += (out.ends_with('[') ? "" : ", ") + toml::quoted(server);
  out += "]\n";
  const Settings usual;
  for (const SecondsRow& row : kSeconds)
    if (settings.*row.member != usual.*row.member)
      out += std::string(row.key) + " = " + std::to_string((settings.*row.member).count()) + "\n";
  write_file(settings_file(home), out, 0600);
}

std::vector<crypto::Certificate> read_certificate(const fs::path& home) {
  return crypto::Certificate::list_from_pem(read_file(certificate_file(home)));
}

void keep_certificate(const fs::path& home, const std::vector<crypto::Certificate>& leaf_first) {
  std::string pem;
  for (const crypto::Certificate& one : leaf_first) pem += one.pem();
  make_private_folder(certificate_file(home).parent_path());
  write_file(certificate_file(home), pem, 0600);
}

}  // namespace poolkey::agent
