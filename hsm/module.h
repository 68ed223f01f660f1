// A loaded PKCS#11 module: dlopen, C_Initialize, its tokens, C_Finalize at its end.
// May touch: base, dlopen. Called by: token, init, inventory, app; the provider, lazily.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "hsm/calls.h"
#include "hsm/cryptoki.h"
#include "hsm/deadline.h"
#include "hsm/profile.h"
#include "hsm/quirks.h"

namespace poolkey::hsm {

/// What C_GetTokenInfo says, with blanks trimmed.
struct TokenInfo {
  CK_SLOT_ID slot;  ///< valid in this process and for now; never stored
  std::string label;
  std::string serial;
  std::string manufacturer;
  std::string model;
  CK_FLAGS flags;
  CK_ULONG max_sessions;  ///< CK_EFFECTIVELY_INFINITE (0) or CK_UNAVAILABLE_INFORMATION: unknown
  std::string hardware;   ///< version, as "2.6"
  std::string firmware;

  bool initialized() const { return (flags & CKF_TOKEN_INITIALIZED) != 0; }
};

/// A module of this process. Shared by everything that uses it, and finalised with the last of
/// them, in this order: what was asked for by at_end(), C_Finalize (only if our C_Initialize was
/// the one that did it), dlclose. Keep one in main() so that this happens before static
/// destructors run: SoftHSM crashes in them.
class Module : public std::enable_shared_from_this<Module> {
 public:
  /// In whose process the module is. A foreign one keeps it loaded and initialised to its end.
  enum class Process { kOurs, kForeign };

  /// `arguments` is what the module is told by C_Initialize (NSS softokn wants where its tokens
  /// are); empty: nothing. Where a deadline is given, every call is under it. Throws kNotFound (no
  /// such file), kUnsupported (no PKCS#11 module) or kUnavailable.
  static std::shared_ptr<Module> load(const std::filesystem::path& path,
                                      Process process = Process::kOurs, std::string arguments = {},
                                      std::optional<Deadline> deadline = std::nullopt);
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  ~Module();

  /// The functions: `module->fn().C_Sign(...)`.
  const Calls& fn() const { return calls_; }
  const std::filesystem::path& path() const { return path_; }
  const Quirks& quirks() const { return quirks_; }
  std::string description() const;

  /// What the token does: the profile that was set, else the one that poolkey brings for a module
  /// that it knows. Throws kUnsupported ("run poolkey doctor") where there is neither.
  const Profile& profile() const;
  bool has_profile() const;
  void use_profile(Profile profile) { profile_ = std::move(profile); }
  /// Profile::not_kept; empty without a profile.
  const std::vector<std::string>& not_kept() const;
  /// Which software and token this is, as a profile names it.
  Make make(const TokenInfo& token) const;

  /// Slots with a token in them, initialised or not, as the module sees them now.
  std::vector<TokenInfo> tokens() const;

  /// C_Finalize and C_Initialize, where our C_Initialize was the first: every handle of the
  /// process on this module is dead afterwards. False if the module belongs to somebody else. Where
  /// it throws the module is left as it was before its first C_Initialize, and may be reloaded.
  bool reload();
  /// In the child of a fork: C_Initialize again, as PKCS#11 v2.40 section 5.4 wants it. Sessions
  /// and handles of the parent's are dead here, and are not closed.
  void initialize_after_fork();
  /// Grows when all sessions and handles die at once.
  std::uint64_t incarnation() const { return incarnation_; }

  /// Our processes' turn at what the quirks say must not happen at the same time; empty where the
  /// module has no such quirk. Throws kTimeout.
  std::optional<FileLock> process_lock() const;

  /// Where SoftHSM keeps its tokens; empty for other modules.
  std::filesystem::path token_files() const;

  /// Makes what was written to tokens durable, where the module does not. Throws kUnavailable.
  void sync() const;

  /// Runs before C_Finalize; for libraries that sit on the same module.
  void at_end(std::function<void()> act) { at_end_.push_back(std::move(act)); }

 private:
  Module(std::filesystem::path path, void* library, CK_FUNCTION_LIST* functions, Process process,
         std::string arguments);
  void initialize();
  int turn_seconds() const;

  std::filesystem::path path_;
  void* library_;
  Calls calls_;
  Process process_;
  std::string arguments_;
  std::unique_ptr<Watchdog> watchdog_;  ///< looks at calls_
  Quirks quirks_{};
  std::optional<Profile> profile_;
  /// Whose C_Initialize it was that holds; kNobodys: ours was undone, and is to come again.
  enum class Initialized { kNobodys, kOurs, kTheirs };
  Initialized initialized_ = Initialized::kNobodys;
  std::atomic<std::uint64_t> incarnation_ = 1;
  std::vector<std::function<void()>> at_end_;
};

/// True of a file that is called so, also by way of a symbolic link, and of every module while
/// SOFTHSM2_CONF says that SoftHSM is in use. What a module is for sure is known by its quirks,
/// after C_Initialize.
bool may_be_softhsm(const std::filesystem::path& module);

/// The file that SoftHSM reads: $SOFTHSM2_CONF, the user's, or the system's.
std::filesystem::path softhsm_configuration();

/// Text of a PKCS#11 field that is padded with blanks.
std::string trimmed(const CK_UTF8CHAR* field, std::size_t size);

}  // namespace poolkey::hsm
