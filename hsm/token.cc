#include "hsm/token.h"

#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "hsm/rv.h"
#include "hsm/token_file.h"

namespace poolkey::hsm {
namespace {

constexpr std::size_t kLabelSize = 32;

CK_UTF8CHAR* pin_data(const Pin& pin) {
  // C_Login takes a non-const pointer by its age, and writes nothing there.
  return const_cast<CK_UTF8CHAR*>(pin.view().data());
}
CK_ULONG pin_size(const Pin& pin) { return static_cast<CK_ULONG>(pin.view().size()); }

std::vector<TokenInfo> matching(const Module& module, const TokenName& name) {
  std::vector<TokenInfo> out;
  for (TokenInfo& token : module.tokens())
    if (token.initialized() && token.label == name.label &&
        (name.serial.empty() || token.serial == name.serial))
      out.push_back(std::move(token));
  return out;
}

std::string list_of(const std::vector<TokenInfo>& tokens) {
  std::string out;
  for (const TokenInfo& token : tokens)
    if (token.initialized())
      out += (out.empty() ? "" : ", ") + ("'" + token.label + "' (serial " + token.serial + ")");
  return out.empty() ? "none" : out;
}

}  // namespace

std::string TokenName::str() const {
  if (label.empty() && !serial.empty()) return "token with serial " + serial;
  return "token '" + label + "'" + (serial.empty() ? "" : " (serial " + serial + ")");
}

TokenInfo find_token(Module& module, const TokenName& name) {
  std::vector<TokenInfo> found = matching(module, name);
  if (found.empty() && module.quirks().reload_before_missing && module.reload())
    found = matching(module, name);
  if (found.empty())
    throw Error(Errc::kNotFound, "there is no " + name.str() + " in '" + module.path().string() +
                                     "'; its tokens: " + list_of(module.tokens()) +
                                     token_file_remark(module, name.serial));
  if (found.size() > 1)
    throw Error(Errc::kConflict, "several tokens have the label '" + name.label +
                                     "': " + list_of(found) + "; name one by its serial");
  return found.front();
}

Session::Session(std::shared_ptr<Module> module, CK_SLOT_ID slot)
    : module_(std::move(module)), incarnation_(module_->incarnation()) {
  check(fn().C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &handle_),
        "open a session");
}

Session::Session(Session&& other) noexcept
    : module_(std::move(other.module_)),
      incarnation_(other.incarnation_),
      handle_(std::exchange(other.handle_, CK_INVALID_HANDLE)) {}

Session::~Session() {
  // After a C_Finalize, or in the child of a fork, the number may be another session's.
  if (handle_ != CK_INVALID_HANDLE && incarnation_ == module_->incarnation())
    fn().C_CloseSession(handle_);
}

Lease::~Lease() {
  if (session_ == nullptr) return;
  const bool by_exception = std::uncaught_exceptions() > exceptions_;
  token_->give_back(std::move(session_), spoiled_ || by_exception);
}

Token::Token(std::shared_ptr<Module> module, TokenInfo info, std::size_t max_sessions)
    : module_(std::move(module)), info_(std::move(info)) {
  keeper_ = std::make_unique<Session>(module_, info_.slot);
  const CK_ULONG said = info_.max_sessions;
  limit_ = said == CK_EFFECTIVELY_INFINITE || said == CK_UNAVAILABLE_INFORMATION
               ? max_sessions
               : std::min<std::size_t>(std::max<std::size_t>(said, 2) - 1, max_sessions);
}

std::shared_ptr<Token> Token::open(std::shared_ptr<Module> module, const TokenName& name) {
  TokenInfo info = find_token(*module, name);
  return open(std::move(module), std::move(info));
}

std::shared_ptr<Token> Token::open(std::shared_ptr<Module> module, TokenInfo info,
                                   std::size_t max_sessions) {
  return std::shared_ptr<Token>(new Token(std::move(module), std::move(info), max_sessions));
}

void Token::login(Role role, const Pin& pin) {
  const bool user = role == Role::kUser;
  const std::string who = user ? "the user" : "the security officer";
  const auto turn = module_->process_lock();
  keep_token_file(*module_, info_.serial);
  CK_TOKEN_INFO now{};
  check(module_->fn().C_GetTokenInfo(info_.slot, &now), "look at " + name().str());
  const CK_FLAGS locked = user ? CKF_USER_PIN_LOCKED : CKF_SO_PIN_LOCKED;
  const CK_FLAGS final_try = user ? CKF_USER_PIN_FINAL_TRY : CKF_SO_PIN_FINAL_TRY;
  if ((now.flags & locked) != 0)
    throw Error(Errc::kAuthFailed, "the PIN of " + who + " of " + name().str() +
                                       " is locked; it must be reset on the token");
  if ((now.flags & final_try) != 0)
    throw Error(Errc::kAuthFailed, "the next wrong PIN of " + who + " locks " + name().str() +
                                       ", so poolkey does not try; log in once with another tool");
  const CK_RV rv = module_->fn().C_Login(keeper_->handle(), user ? CKU_USER : CKU_SO, pin_data(pin),
                                         pin_size(pin));
  if (rv == CKR_USER_ALREADY_LOGGED_IN) return;
  check(rv, "log in as " + who + " of " + name().str());
  log("hsm").debug("{}: logged in as {}", info_.label, who);
}

void Token::logout() {
  check(module_->fn().C_Logout(keeper_->handle()), "log out of " + name().str());
}

Lease Token::lease(Clock::time_point until) {
  std::unique_lock hold(mutex_);
  const auto one_is_free = [&] { return lent_ < limit_; };
  if (until == Clock::time_point::max())
    returned_.wait(hold, one_is_free);
  else if (!returned_.wait_until(hold, until, one_is_free))
    throw Error(Errc::kTimeout, "all " + std::to_string(limit_) + " sessions with " + name().str() +
                                    " are in use; the module may not answer any more");
  ++lent_;
  if (!idle_.empty()) {
    std::unique_ptr<Session> session = std::move(idle_.back());
    idle_.pop_back();
    return {shared_from_this(), std::move(session), /*fresh=*/false};
  }
  hold.unlock();  // no lock of ours is held across a call into the module
  try {
    return {shared_from_this(), std::make_unique<Session>(module_, info_.slot), /*fresh=*/true};
  } catch (...) {
    give_back(nullptr, true);
    throw;
  }
}

void Token::give_back(std::unique_ptr<Session> session, bool spoiled) noexcept {
  // Where one session died the idle ones may have died with it; new ones cost little.
  std::vector<std::unique_ptr<Session>> suspect;
  {
    const std::lock_guard hold(mutex_);
    --lent_;
    if (spoiled) {
      ++epoch_;
      suspect.swap(idle_);
      if (session != nullptr) suspect.push_back(std::move(session));
    } else if (session != nullptr) {
      idle_.push_back(std::move(session));
    }
  }
  returned_.notify_one();
}

namespace {

/// Whether the token takes the PIN and has no object at all.
bool is_ours_and_empty(const std::shared_ptr<Module>& module, CK_SLOT_ID slot, const Pin& pin) {
  const Session session(module, slot);
  const Calls& fn = module->fn();
  if (fn.C_Login(session.handle(), CKU_USER, pin_data(pin), pin_size(pin)) != CKR_OK) return false;
  CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
  CK_ULONG count = 1;
  const bool searched = fn.C_FindObjectsInit(session.handle(), nullptr, 0) == CKR_OK &&
                        fn.C_FindObjects(session.handle(), &object, 1, &count) == CKR_OK;
  (void)fn.C_FindObjectsFinal(session.handle());
  (void)fn.C_Logout(session.handle());
  return searched && count == 0;
}

}  // namespace

TokenInfo init_token(const std::shared_ptr<Module>& module, const std::string& label,
                     const Pin& so_pin, const Pin& user_pin, bool begun_before) {
  if (label.empty() || label.size() > kLabelSize)
    throw Error(Errc::kInvalidArgument, "a token label has 1 to 32 octets");
  const auto turn = module->process_lock();
  const std::vector<TokenInfo> before = module->tokens();
  const auto labelled = std::find_if(before.begin(), before.end(), [&](const TokenInfo& t) {
    return t.initialized() && t.label == label;
  });
  // A token without a user PIN holds nothing yet: it is one whose making was interrupted.
  const bool half_made =
      labelled != before.end() && (labelled->flags & CKF_USER_PIN_INITIALIZED) == 0;
  if (labelled != before.end() && !half_made && begun_before &&
      is_ours_and_empty(module, labelled->slot, user_pin))
    return *labelled;
  if (labelled != before.end() && !half_made)
    throw Error(Errc::kAlreadyExists, "a token with the label '" + label + "' exists (serial " +
                                          labelled->serial + "); nothing was changed");
  const auto free = half_made ? labelled
                              : std::find_if(before.begin(), before.end(),
                                             [](const TokenInfo& t) { return !t.initialized(); });
  if (free == before.end())
    throw Error(Errc::kUnavailable, "'" + module->path().string() + "' has no free slot");
  if (!half_made) {
    CK_UTF8CHAR padded[kLabelSize];
    std::memset(padded, ' ', sizeof padded);
    std::memcpy(padded, label.data(), label.size());
    check(module->fn().C_InitToken(free->slot, pin_data(so_pin), pin_size(so_pin), padded),
          "initialise the token '" + label + "'");
  }
  {
    Session session(module, free->slot);
    check(module->fn().C_Login(session.handle(), CKU_SO, pin_data(so_pin), pin_size(so_pin)),
          "log in as the security officer of the new token '" + label + "'");
    check(module->fn().C_InitPIN(session.handle(), pin_data(user_pin), pin_size(user_pin)),
          "set the user PIN of the new token '" + label + "'");
    check(module->fn().C_Logout(session.handle()), "log out of the new token");
  }
  module->sync();
  return find_token(*module, {label, ""});
}

}  // namespace poolkey::hsm
