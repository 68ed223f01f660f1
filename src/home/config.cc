#include "home/config.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/file.h"
#include "base/toml.h"

namespace poolkey::home {
namespace {

namespace fs = std::filesystem;

fs::path config_file(const fs::path& home) { return home / "poolkey.toml"; }

template <class Name>
std::optional<Name> name_of(toml::Reader& reader, std::string_view key) {
  const auto text = reader.string(key);
  if (text.value.empty()) return std::nullopt;
  try {
    return Name(text.value);
  } catch (const Error& error) {
    reader.fault(text.where, error.what());
    return std::nullopt;
  }
}

struct SideRow {
  Side side;
  std::string_view word, title;
};
constexpr std::array kSides{SideRow{Side::kOrigin, "origin", "the origin"},
                            SideRow{Side::kMember, "member", "a member"},
                            SideRow{Side::kStandby, "standby", "a standby"},
                            SideRow{Side::kStation, "station", "a delivery station"}};

bool has_pool(Side side) { return side == Side::kMember || side == Side::kStation; }

std::string_view word(Side side) {
  return std::find_if(kSides.begin(), kSides.end(),
                      [&](const SideRow& r) { return r.side == side; })
      ->word;
}

Side side_of(std::string_view word) {
  const auto row =
      std::find_if(kSides.begin(), kSides.end(), [&](const SideRow& r) { return r.word == word; });
  return row == kSides.end() ? Side::kOrigin : row->side;  // the fault is filed already
}

std::vector<std::string> words_of(
    const toml::Located<std::vector<toml::Located<std::string>>>& list) {
  std::vector<std::string> out;
  for (const auto& word : list.value) out.push_back(word.value);
  return out;
}

Service read_service(toml::Reader reader, const fs::path& home) {
  Service out;
  const auto listen = reader.strings("listen");
  out.listen = words_of(listen);
  for (const auto& one : listen.value)
    if (const auto colon = one.value.rfind(':');
        colon == std::string::npos || colon == 0 || colon + 1 == one.value.size())
      reader.fault(one.where, "'" + one.value + "' is no address and port; write 127.0.0.1:8443");
  const auto socket = reader.string("socket");
  out.socket = home / socket.value;
  if (out.socket.string().size() > kLongestSocket)
    reader.fault(socket.where, "'" + out.socket.string() +
                                   "' is longer than a socket's path may "
                                   "be (" +
                                   std::to_string(kLongestSocket) + " octets)");
  out.names = words_of(reader.strings("names"));
  if (const auto addresses = reader.optional_strings("addresses"))
    out.addresses = words_of(*addresses);
  out.token_label = reader.string("token").value;
  if (const auto serial = reader.optional_string("serial")) out.token_serial = serial->value;
  out.pin_source = reader.string("pin").value;
  reader.finish();
  return out;
}

std::string list_text(const std::vector<std::string>& words) {
  std::string out = "[";
  for (const std::string& word : words) out += (out == "[" ? "" : ", ") + toml::quoted(word);
  return out + "]";
}

std::string service_text(const Service& service) {
  std::string out = "\n[service]\nlisten = " + list_text(service.listen) + "\n";
  const auto line = [&](const std::string& key, const std::string& value) {
    out += key + " = " + toml::quoted(value) + "\n";
  };
  line("socket", service.socket.string());
  out += "names = " + list_text(service.names) + "\n";
  if (!service.addresses.empty()) out += "addresses = " + list_text(service.addresses) + "\n";
  line("token", service.token_label);
  if (!service.token_serial.empty()) line("serial", service.token_serial);
  line("pin", service.pin_source);
  return out;
}

}  // namespace

std::string_view name(Side side) noexcept {
  return std::find_if(kSides.begin(), kSides.end(),
                      [&](const SideRow& r) { return r.side == side; })
      ->title;
}

bool has_config(const fs::path& home) { return fs::exists(config_file(home)); }

Config read_config(const fs::path& home) {
  const fs::path file = config_file(home);
  if (!fs::exists(file))
    throw Error(Errc::kNotFound,
                "'" + home.string() +
                    "' is no home of poolkey (it has no "
                    "poolkey.toml); give --home, or set it up with 'poolkey origin "
                    "init' or 'poolkey member init'");
  toml::Faults faults;
  const toml::Node root = toml::parse(read_file(file), file.string(), faults);
  toml::Reader reader(root, "", faults);
  Config out;
  reader.integer("version", 1, 1);
  out.side = side_of(reader.choice("side", {"origin", "member", "standby", "station"}).value);
  if (has_pool(out.side)) out.pool = name_of<PoolName>(reader, "pool");
  if (out.side == Side::kStandby) out.pool = PoolName(kStandbyPool);
  if (out.side != Side::kOrigin) out.member = name_of<MemberName>(reader, "member");
  const auto path = [&](const std::string& text) {
    return text.empty() ? fs::path() : home / text;
  };
  if (out.side != Side::kStation) {
    out.module = path(reader.string("module").value);
    if (const auto arguments = reader.optional_string("module_arguments"))
      out.module_arguments = arguments->value;
    if (const auto conf = reader.optional_string("softhsm2_conf"))
      out.softhsm2_conf = path(conf->value);
    out.token_label = reader.string("token").value;
    if (const auto serial = reader.optional_string("serial")) out.token_serial = serial->value;
  }
  out.mailbox = path(reader.string("mailbox").value);
  out.pin_source = reader.string("pin").value;
  if (const auto witness = reader.optional_string("witness")) out.witness = path(witness->value);
  if (const auto seconds = reader.optional_integer("call_timeout_seconds", 1, 24 * 3600))
    out.call_timeout = std::chrono::seconds(seconds->value);
  if (const auto words = reader.optional_strings("reload")) {
    for (const auto& word : words->value) out.reload.push_back(word.value);
    if (out.side != Side::kMember)
      reader.fault(words->where, "'reload' is for a member");
    else if (out.reload.empty() || !out.reload.front().starts_with('/'))
      reader.fault(words->where,
                   "'reload' begins with the absolute path of a program; it is not "
                   "given to a shell");
  }
  if (const auto seconds = reader.optional_integer("reload_timeout_seconds", 1, 3600))
    out.reload_timeout = std::chrono::seconds(seconds->value);
  if (auto service = reader.optional_table("service")) {
    if (out.side != Side::kOrigin) reader.fault(service->where(), "'service' is for the origin");
    out.service = read_service(std::move(*service), home);
  }
  reader.finish();
  faults.throw_if_any("'" + file.string() + "'");
  return out;
}

void write_config(const fs::path& home, const Config& config) {
  std::string out = "# Written by 'poolkey " + std::string(word(config.side)) +
                    " init'. Paths are relative to this folder.\nversion = 1\n";
  const auto line = [&](const std::string& key, const std::string& value) {
    out += key + " = " + toml::quoted(value) + "\n";
  };
  line("side", std::string(word(config.side)));
  if (has_pool(config.side)) line("pool", config.pool->str());
  if (config.member) line("member", config.member->str());
  if (!config.module.empty()) line("module", config.module.string());
  if (!config.module_arguments.empty()) line("module_arguments", config.module_arguments);
  if (!config.softhsm2_conf.empty()) line("softhsm2_conf", config.softhsm2_conf.string());
  if (!config.token_label.empty()) line("token", config.token_label);
  if (!config.token_serial.empty()) line("serial", config.token_serial);
  line("mailbox", config.mailbox.string());
  line("pin", config.pin_source);
  if (!config.witness.empty()) line("witness", config.witness.string());
  if (config.call_timeout)
    out += "call_timeout_seconds = " + std::to_string(config.call_timeout->count()) + "\n";
  if (!config.reload.empty()) out += "reload = " + list_text(config.reload) + "\n";
  if (config.reload_timeout)
    out += "reload_timeout_seconds = " + std::to_string(config.reload_timeout->count()) + "\n";
  if (config.service) out += service_text(*config.service);
  make_private_folder(home);
  write_file(config_file(home), out, 0600);
}

}  // namespace poolkey::home
