// The composition root: one side of poolkey, with its database, token and provider, built once.
// May touch: everything below. Called by: cli.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "home/config.h"
#include "keys/context.h"
#include "pool/member_side.h"
#include "pool/software.h"
#include "provider/builtin.h"

namespace poolkey::app {

using home::Config;
using home::Side;

/// In every side's home.
inline constexpr std::string_view kDatabaseFile = "state.db";

/// A token that is open and logged in as user, for several Apps of one process.
struct OpenToken {  // ends in the reverse order
  std::shared_ptr<hsm::Module> module;
  std::shared_ptr<hsm::Token> token;
  std::shared_ptr<provider::Builtin> provider;
};

struct Options {
  std::filesystem::path home;
  std::string pin{};                ///< a PIN source instead of the configured one
  std::string so_pin{};             ///< of the security officer; "prompt" where empty
  std::filesystem::path witness{};  ///< instead of the configured one
  /// Called when a call into the module takes longer than the configuration allows; must not
  /// return (hsm::Deadline). Where it is empty, calls may take as long as they like.
  std::function<void(const Error&)> overdue{};
  /// Takes over what is closed last, the token and its module: their last calls may hang as well,
  /// and by then the verb has done its work and should have said so. Where it is empty, App closes
  /// them.
  std::function<void(std::shared_ptr<void>)> keep{};
  /// The token of another App of this process, which a service's threads work on together: nothing
  /// is loaded and nobody logs in. A ceremony and a change of the token's configuration are
  /// refused.
  std::optional<OpenToken> shared{};
  std::string actor{};  ///< in the audit log; empty: current_actor()
};

/// Whether the token's word about the audit log is asked before anything is done with it.
enum class LogCheck { kRequire, kSkip };

/// One side, open. Objects are built in the order of their declaration and end in the reverse one:
/// the module is finalised last, and before main() returns.
class App {
 public:
  /// Opens the home's configuration and database. Throws as read_config and Database::open.
  explicit App(Options options);
  App(const App&) = delete;
  App& operator=(const App&) = delete;
  ~App();

  const Config& config() const { return config_; }
  const std::filesystem::path& home() const { return options_.home; }
  /// Throws kInvalidArgument if this home is the other side's.
  void require(Side side) const;

  /// Opens the token without logging in: where a ceremony begins. Throws kCorrupt where it was
  /// last used with a newer database than this one.
  void open_token(LogCheck check = LogCheck::kRequire);
  /// Logs in to the open token. As user it also sets up the provider.
  void log_in(hsm::Role role);
  /// The same with a PIN that was read before.
  void log_in(hsm::Role role, const Pin& pin);
  /// Both, as user. Of a station, which has no token: opens its key files.
  void use_token();
  /// Reads a PIN from the source that is configured or given. A descriptor gives it once.
  Pin ask_pin(hsm::Role role) const;
  /// Runs `act` while the module knows the tokens of another SoftHSM configuration; afterwards it
  /// knows ours again, and our token is open with nobody logged in. Throws kUnsupported where the
  /// module was initialised by somebody else.
  void with_configuration(const std::filesystem::path& softhsm2_conf,
                          const std::function<void(const std::shared_ptr<hsm::Module>&)>& act);

  keys::Context& context() { return context_; }
  pool::Mailbox mailbox() const { return pool::Mailbox(config_.mailbox); }
  /// This side's token, for further Apps. Only after use_token().
  OpenToken share() const { return {module_, token_, provider_}; }
  /// Signs the head of this side's audit log. Only after use_token().
  void checkpoint();
  /// The member's side. Only for a member's or a standby's home with an open token, or a station's
  /// with open key files.
  pool::MemberSide member();
  store::Database& database() { return database_; }
  store::Journal& journal() { return journal_; }

 private:
  void use_shared();
  void let_sign();
  crypto::EvpPkey load_key(std::string_view uri);
  /// Throws kUnsupported within a service.
  void require_own_token(std::string_view what) const;

  Options options_;
  Config config_;
  SystemClock clock_;
  std::shared_ptr<hsm::Module> module_;
  std::shared_ptr<hsm::Token> token_;
  bool after_interruption_ = false;
  std::shared_ptr<provider::Builtin> provider_;
  /// Keys that were loaded: finding one takes longer than signing with it. A key whose object goes
  /// is noticed by the provider, as in any program that keeps a key for years.
  std::map<std::string, crypto::EvpPkey, std::less<>> loaded_;
  std::unique_ptr<pool::SoftwareKeys> software_;
  store::Database database_;
  store::Journal journal_;
  audit::Chain audit_;
  keys::Context context_;
};

/// Loads the module of a configuration, with its softhsm2.conf in the environment and its calls
/// under the configured deadline.
std::shared_ptr<hsm::Module> load_module(const Config& config, const Options& options);

/// Reads a PIN of a configuration's token, from the source given by the options or configured.
Pin ask_pin(const Config& config, const Options& options, hsm::Role role);

/// Whether a side's token is made with C_InitToken, or is there already and only looked up.
enum class TokenIs { kMade, kThere };

/// What `origin init` and `member init` begin with: configuration, and the token where it is
/// missing. A token that is there already is logged in to once as user, and keeps its PINs; its
/// security officer is not asked for. Run again after a crash it goes on where it stopped. Throws
/// kAlreadyExists if the home was set up for something else.
void set_up_side(const std::filesystem::path& home, Config wanted, const Options& options,
                 TokenIs token = TokenIs::kMade);

/// What `station init` does: configuration and key files, encrypted under the PIN. Run again it
/// goes on where it stopped. Throws as set_up_side().
void set_up_station(const std::filesystem::path& home, Config wanted, const Options& options);

/// Where a home keeps what the doctor found out of its token.
std::filesystem::path profile_file(const std::filesystem::path& home);

/// "uid:1000 alice"
std::string current_actor();

}  // namespace poolkey::app
