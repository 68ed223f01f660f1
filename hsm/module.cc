#include "hsm/module.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "base/log.h"
#include "hsm/rv.h"

namespace poolkey::hsm {
namespace {

namespace fs = std::filesystem;

constexpr CK_ULONG kMaxSlots = 4096;
/// For how long our processes wait for their turn; a foreign one has somebody waiting for it.
constexpr int kTurnSeconds = 30, kForeignTurnSeconds = 3;

/// NSS's structure has its parameters where the standard has pReserved, and one field more.
struct InitializeArguments {
  CK_C_INITIALIZE_ARGS standard;
  void* nss_reserved;
};

/// "directories.tokendir" of a softhsm2.conf; empty if the file does not say.
fs::path softhsm_token_folder() {
  std::istringstream lines(read_file(softhsm_configuration()));
  for (std::string line; std::getline(lines, line);) {
    const auto equals = line.find('=');
    if (line.rfind("directories.tokendir", 0) != 0 || equals == std::string::npos) continue;
    const auto begin = line.find_first_not_of(" \t", equals + 1);
    const auto end = line.find_last_not_of(" \t\r");
    if (begin != std::string::npos) return line.substr(begin, end - begin + 1);
  }
  return {};
}

std::string version_text(const CK_VERSION& version) {
  return std::to_string(version.major) + "." + std::to_string(version.minor);
}

/// ASCII only: a module may say anything, and a profile has to be readable again.
std::string printable(std::string text) {
  for (char& c : text)
    if (c < ' ' || c > '~') c = '?';
  return text;
}

}  // namespace

bool may_be_softhsm(const fs::path& module) {
  const auto named_so = [](const fs::path& path) {
    return path.filename().string().find("softhsm") != std::string::npos;
  };
  std::error_code none;
  return std::getenv("SOFTHSM2_CONF") != nullptr || named_so(module) ||
         named_so(fs::canonical(module, none));
}

fs::path softhsm_configuration() {
  if (const char* named = std::getenv("SOFTHSM2_CONF"); named != nullptr) return named;
  if (const char* home = std::getenv("HOME"); home != nullptr) {
    fs::path users = fs::path(home) / ".config/softhsm2/softhsm2.conf";
    if (fs::exists(users)) return users;
  }
  return "/etc/softhsm/softhsm2.conf";
}

std::string trimmed(const CK_UTF8CHAR* field, std::size_t size) {
  while (size > 0 && (field[size - 1] == ' ' || field[size - 1] == '\0')) --size;
  return {reinterpret_cast<const char*>(field), size};
}

Module::Module(fs::path path, void* library, CK_FUNCTION_LIST* functions, Process process,
               std::string arguments)
    : path_(std::move(path)),
      library_(library),
      calls_(functions),
      process_(process),
      arguments_(std::move(arguments)) {}

std::shared_ptr<Module> Module::load(const fs::path& path, Process process, std::string arguments,
                                     std::optional<Deadline> deadline) {
  if (!fs::exists(path))
    throw Error(Errc::kNotFound, "there is no PKCS#11 module '" + path.string() +
                                     "'; install it or correct 'module' in poolkey.toml");
  // Lazily: what is bound at once is the module's C++ library as well, of which it calls little.
  void* library = ::dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr)
    throw Error(Errc::kUnsupported, "cannot load '" + path.string() + "': " + ::dlerror());
  auto* list = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
  CK_FUNCTION_LIST* functions = nullptr;
  if (list == nullptr || list(&functions) != CKR_OK || functions == nullptr) {
    ::dlclose(library);
    throw Error(Errc::kUnsupported, "'" + path.string() + "' is not a PKCS#11 module");
  }
  std::shared_ptr<Module> module(
      new Module(path, library, functions, process, std::move(arguments)));
  if (deadline)
    module->watchdog_ =
        std::make_unique<Watchdog>(module->calls_, path.string(), std::move(*deadline));
  try {
    module->initialize();
  } catch (...) {
    // Else the next load would find it initialised by somebody, and never do it again.
    if (module->initialized_ == Initialized::kOurs) module->calls_.C_Finalize(nullptr);
    module->initialized_ = Initialized::kNobodys;
    throw;
  }
  return module;
}

void Module::initialize() {
  // The quirks are known only after C_Initialize, and C_Initialize is what a lock protects: a
  // configuration file of SoftHSM's is locked whenever the module may be SoftHSM, or SoftHSM below
  // a module that forwards.
  std::optional<FileLock> turn;
  if (may_be_softhsm(path_) && fs::exists(softhsm_configuration()))
    turn.emplace(softhsm_configuration(), /*create=*/false, turn_seconds());
  InitializeArguments arguments{};
  arguments.standard.flags = CKF_OS_LOCKING_OK;
  if (!arguments_.empty()) arguments.standard.pReserved = arguments_.data();
  const CK_RV rv = calls_.C_Initialize(&arguments);
  if (turn && rv == CKR_GENERAL_ERROR && !fs::is_directory(softhsm_token_folder()))
    throw Error(Errc::kUnavailable, rv,
                "the folder of the tokens, '" + softhsm_token_folder().string() +
                    "', is not there; bring it back, or correct directories.tokendir in '" +
                    softhsm_configuration().string() + "'");
  if (!turn && rv == CKR_GENERAL_ERROR && may_be_softhsm(path_))
    throw Error(Errc::kUnavailable, rv,
                "SoftHSM's configuration '" + softhsm_configuration().string() +
                    "' is not there; bring it back, or correct what names it: SOFTHSM2_CONF, "
                    "poolkey.toml or openssl.cnf");
  if (rv != CKR_CRYPTOKI_ALREADY_INITIALIZED)
    check(rv, "initialise the module '" + path_.string() + "'");
  // After a fork the module may have come along initialised, by us.
  if (initialized_ == Initialized::kNobodys)
    initialized_ = rv == CKR_OK ? Initialized::kOurs : Initialized::kTheirs;
  CK_INFO info{};
  check(calls_.C_GetInfo(&info), "ask '" + path_.string() + "' what it is");
  quirks_ = quirks_for(trimmed(info.manufacturerID, sizeof info.manufacturerID), path_);
  log("hsm").debug("{} initialised, quirks '{}'", path_.string(), quirks_.profile);
}

Module::~Module() {
  for (auto act = at_end_.rbegin(); act != at_end_.rend(); ++act) (*act)();
  if (process_ == Process::kForeign) return;
  if (initialized_ == Initialized::kOurs) calls_.C_Finalize(nullptr);
  ::dlclose(library_);
}

std::string Module::description() const {
  CK_INFO info{};
  check(fn().C_GetInfo(&info), "ask '" + path_.string() + "' what it is");
  return trimmed(info.manufacturerID, sizeof info.manufacturerID) + " " +
         version_text(info.libraryVersion);
}

bool Module::has_profile() const {
  return profile_ || builtin_profile(quirks().profile) != nullptr;
}

const Profile& Module::profile() const {
  if (profile_) return *profile_;
  if (const Profile* builtin = builtin_profile(quirks().profile)) return *builtin;
  throw Error(Errc::kUnsupported, "poolkey does not know what tokens of '" + path_.string() +
                                      "' (" + description() +
                                      ") really do; run 'poolkey doctor', which tries it and "
                                      "writes a profile, then this verb again");
}

const std::vector<std::string>& Module::not_kept() const {
  static const auto& none = *new std::vector<std::string>;
  return has_profile() ? profile().not_kept : none;
}

Make Module::make(const TokenInfo& token) const {
  CK_INFO info{};
  check(fn().C_GetInfo(&info), "ask '" + path_.string() + "' what it is");
  return {
      .manufacturer = printable(trimmed(info.manufacturerID, sizeof info.manufacturerID)),
      .description = printable(trimmed(info.libraryDescription, sizeof info.libraryDescription)),
      .version = version_text(info.libraryVersion),
      .cryptoki = version_text(info.cryptokiVersion),
      .token_manufacturer = printable(token.manufacturer),
      .token_model = printable(token.model),
      .hardware = token.hardware,
      .firmware = token.firmware};
}

std::vector<TokenInfo> Module::tokens() const {
  CK_ULONG count = 0;
  check(fn().C_GetSlotList(CK_TRUE, nullptr, &count), "list the slots of '" + path_.string() + "'");
  // Slots may appear between the two calls; and a count is believed that fits what was written.
  constexpr CK_SLOT_ID kUnwritten = ~CK_SLOT_ID{0};
  std::vector<CK_SLOT_ID> slots(std::min(count, kMaxSlots) + 8, kUnwritten);
  count = static_cast<CK_ULONG>(slots.size());
  check(fn().C_GetSlotList(CK_TRUE, slots.data(), &count),
        "list the slots of '" + path_.string() + "'");
  slots.erase(std::find(slots.begin(), slots.end(), kUnwritten), slots.end());
  if (slots.size() != count)
    throw Error(Errc::kUnavailable, "'" + path_.string() + "' says that it has " +
                                        std::to_string(count) + " slots and lists " +
                                        std::to_string(slots.size()));
  std::vector<TokenInfo> out;
  for (const CK_SLOT_ID slot : slots) {
    CK_TOKEN_INFO info{};
    const CK_RV rv = fn().C_GetTokenInfo(slot, &info);
    if (rv != CKR_OK) {
      log("hsm").debug("slot {}: C_GetTokenInfo gives {}", slot, rv_name(rv));
      continue;
    }
    out.push_back({slot, trimmed(info.label, sizeof info.label),
                   trimmed(info.serialNumber, sizeof info.serialNumber),
                   trimmed(info.manufacturerID, sizeof info.manufacturerID),
                   trimmed(info.model, sizeof info.model), info.flags, info.ulMaxRwSessionCount,
                   version_text(info.hardwareVersion), version_text(info.firmwareVersion)});
  }
  return out;
}

bool Module::reload() {
  if (initialized_ == Initialized::kTheirs) return false;
  if (initialized_ == Initialized::kOurs) calls_.C_Finalize(nullptr);
  initialized_ = Initialized::kNobodys;
  ++incarnation_;
  initialize();
  return true;
}

void Module::initialize_after_fork() {
  ++incarnation_;
  initialize();
}

int Module::turn_seconds() const {
  return process_ == Process::kForeign ? kForeignTurnSeconds : kTurnSeconds;
}

std::optional<FileLock> Module::process_lock() const {
  if (!quirks().needs_process_lock) return std::nullopt;
  return FileLock(softhsm_configuration(), /*create=*/false, turn_seconds());
}

fs::path Module::token_files() const {
  return quirks().sync_token_files ? softhsm_token_folder() : fs::path{};
}

void Module::sync() const {
  if (!quirks().sync_token_files) return;
  const fs::path folder = token_files();
  if (!folder.empty()) sync_recent(folder);
}

}  // namespace poolkey::hsm
