// poolkey.toml: which side this is, and where its token, mailbox and PIN are.
// May touch: base. Called by: app and the init verbs; provider, in a foreign program.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace poolkey::home {

/// The pool that an origin's standbys form.
inline constexpr std::string_view kStandbyPool = "standby";

/// How long a reload hook may take where poolkey.toml does not say.
inline constexpr std::chrono::seconds kReloadTimeout{60};

enum class Side { kOrigin, kMember, kStandby, kStation };
/// "the origin", "a member", "a standby", "a delivery station".
std::string_view name(Side side) noexcept;

/// How long a call into the module may take where poolkey.toml does not say: longer than an HSM
/// needs for a large RSA key.
inline constexpr std::chrono::seconds kCallTimeout{120};

/// How an origin serves: the section [service].
struct Service {
  std::vector<std::string> listen{};     ///< "127.0.0.1:8443", "[::1]:8443"
  std::filesystem::path socket{};        ///< for programs of this host
  std::vector<std::string> names{};      ///< DNS names in its certificate, the first as its CN
  std::vector<std::string> addresses{};  ///< IP addresses in its certificate
  std::string token_label{};             ///< of its own token, which has its TLS key
  std::string token_serial{};            ///< empty while the token is being made
  std::string pin_source{};
};

/// The longest path of a socket.
inline constexpr std::size_t kLongestSocket = 107;

/// One side's configuration. Paths in the file are relative to the home. A station has no token: no
/// module, label and serial either, and its PIN opens key files.
struct Config {
  Side side = Side::kOrigin;
  std::optional<PoolName> pool{};      ///< a member's; of a standby, the pool of standbys
  std::optional<MemberName> member{};  ///< a member's, a standby's, or whom a station serves
  std::filesystem::path module{};
  std::string module_arguments{};         ///< what the module is told when it is initialised
  std::filesystem::path softhsm2_conf{};  ///< empty: the module finds its own configuration
  std::string token_label{};
  std::string token_serial{};  ///< empty while the token is being made
  std::filesystem::path mailbox{};
  std::string pin_source{};
  std::filesystem::path witness{};  ///< file for heads of the audit log; empty: none
  std::optional<std::chrono::seconds> call_timeout{};  ///< of one call into the module
  /// A member's: what is run when the certificates on disk have changed, by its absolute path, and
  /// its arguments. Only a person writes it.
  std::vector<std::string> reload{};
  std::optional<std::chrono::seconds> reload_timeout{};
  std::optional<Service> service{};  ///< an origin's, if it serves
};

/// Reads HOME/poolkey.toml. Throws kNotFound, or kInvalidArgument with every fault.
Config read_config(const std::filesystem::path& home);
/// Writes it by atomic rename.
void write_config(const std::filesystem::path& home, const Config& config);
bool has_config(const std::filesystem::path& home);

}  // namespace poolkey::home
