#include "provider/signing_token.h"

#include <algorithm>
#include <thread>

#include "hsm/attributes.h"
#include "hsm/object.h"
#include "hsm/rv.h"
#include "hsm/token_file.h"
#include "provider/replica.h"

namespace poolkey::provider {
namespace {

using namespace std::chrono_literals;

constexpr auto kFirstPause = 5ms;
/// For what is still put in order when the time is over.
constexpr auto kLastMoment = 200ms;
constexpr auto kLongestPause = 40ms;

bool same(const Pin& a, const Pin& b) { return std::ranges::equal(a.view(), b.view()); }

/// The token saw the PIN and did not take it; not so where it was not even tried.
bool was_refused(const Error& error) {
  const auto rv = error.ckr();
  return rv == CKR_PIN_INCORRECT || rv == CKR_PIN_EXPIRED || rv == CKR_PIN_INVALID ||
         rv == CKR_PIN_LEN_RANGE;
}

/// Some tokens do not say in so many words that the PIN was wrong, but count.
bool counts_a_wrong_pin(hsm::Token& token) noexcept {
  CK_TOKEN_INFO info{};
  constexpr CK_FLAGS kCounting =
      CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED;
  return token.module().fn().C_GetTokenInfo(token.info().slot, &info) == CKR_OK &&
         (info.flags & kCounting) != 0;
}

/// Of a call that a token answers in this way nothing was counted.
bool is_of_no_account(const Error& error) {
  const Rung first = remedy_for(error).first;
  return !error.ckr() || first == Rung::kLogin || first == Rung::kOpen ||
         first == Rung::kInitialize || error.ckr() == CKR_SESSION_HANDLE_INVALID ||
         error.ckr() == CKR_SESSION_CLOSED || error.ckr() == CKR_PIN_LOCKED;
}

}  // namespace

/// A caller that is inside the module.
class SigningToken::Inside {
 public:
  explicit Inside(SigningToken& token) noexcept {
    const auto now = Clock::now().time_since_epoch().count();
    for (auto& place : token.inside_) {
      Clock::rep free = 0;
      if (place.load(std::memory_order_relaxed) != 0 || !place.compare_exchange_strong(free, now))
        continue;
      place_ = &place;
      return;
    }
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside() {
    if (place_ != nullptr) *place_ = 0;
  }

 private:
  std::atomic<Clock::rep>* place_ = nullptr;
};

SigningToken::SigningToken(std::shared_ptr<Host> host, std::shared_ptr<hsm::Token> open)
    : host_(std::move(host)),
      name_(open->name()),
      is_ours_(true),
      pulse_(host_->new_pulse()),
      link_(Link{std::move(open), 0, 0}) {}

SigningToken::SigningToken(std::shared_ptr<Host> host, hsm::TokenName name, Options options)
    : host_(std::move(host)),
      name_(std::move(name)),
      options_(std::move(options)),
      is_ours_(false),
      pulse_(host_->new_pulse()) {}

SigningToken::~SigningToken() {
  const auto visit = host_->visit_now();
  // Its sessions would be closed by calls that may not be made: they are left to the module.
  if (link_ && !visit && !is_ours_)
    static_cast<void>(new std::shared_ptr<hsm::Token>(std::move(link_->token)));
  link_.reset();
}

hsm::TokenInfo SigningToken::find(hsm::Module& module) const {
  std::optional<hsm::TokenInfo> found;
  for (hsm::TokenInfo& info : module.tokens()) {
    if (!info.initialized() || (!name_.label.empty() && info.label != name_.label) ||
        (!name_.serial.empty() && info.serial != name_.serial))
      continue;
    if (found)
      throw Error(Errc::kConflict,
                  "several tokens are called '" + name_.label + "'; name one by its serial");
    found = std::move(info);
  }
  if (!found)
    throw Error(Errc::kNotFound, CKR_TOKEN_NOT_PRESENT,
                "there is no " + name_.str() + " in " + hsm::place_of(module));
  return *found;
}

std::optional<Pin> SigningToken::pin_at_hand() {
  std::unique_lock hold(mutex_);
  if (pin_) return pin_->clone();
  if (!options_.pin) {
    if (refusal_) throw Error(*refusal_);
    return std::nullopt;
  }
  hold.unlock();
  return options_.pin();
}

void SigningToken::log_in(hsm::Token& token, Pin pin, Clock::time_point until) {
  const auto turn = logging_in_.take(until);
  if (!turn) throw Error(Errc::kTimeout, "the login to " + name_.str() + " is not answered");
  {
    const std::lock_guard hold(mutex_);
    if (refused_ && same(*refused_, pin)) throw Error(*refusal_);
  }
  try {
    token.login(hsm::Role::kUser, pin);
    // A module may say that it logged in and not have done so.
    hsm::require_login(token.keeper());
  } catch (const Error& error) {
    if (was_refused(error) || (!is_of_no_account(error) && counts_a_wrong_pin(token))) {
      const std::lock_guard hold(mutex_);
      pin_.reset();
      refused_ = std::move(pin);
      refusal_ = Error(error.code(), *error.ckr(), error.what() + options_.pin_remark);
      throw Error(*refusal_);
    }
    throw;
  }
  const std::lock_guard hold(mutex_);
  pin_ = std::move(pin);
}

/// The PIN is copied with each opening, which locks it into the memory of this process: locks do
/// not pass to the child of a fork.
Link SigningToken::open(const Host::Visit& visit, Clock::time_point until) {
  const auto& module = visit.module();
  const std::uint64_t incarnation = module->incarnation();
  auto token = hsm::Token::open(module, find(*module), options_.max_sessions);
  bool wanted = false;
  {
    const std::lock_guard hold(mutex_);
    wanted = pin_ || (refusal_ && options_.pin);
  }
  if (wanted)
    if (auto pin = pin_at_hand()) log_in(*token, std::move(*pin), until);
  return {std::move(token), 0, incarnation};
}

std::optional<Link> SigningToken::known(const Host::Visit& visit) {
  const std::lock_guard hold(mutex_);
  const bool alive = link_ && (is_ours_ || link_->incarnation == visit.module()->incarnation());
  return alive ? link_ : std::nullopt;
}

Link SigningToken::current(const Host::Visit& visit, Clock::time_point until) {
  if (const auto link = known(visit)) return *link;
  const auto turn = opening_.take(until);
  if (!turn) throw Error(Errc::kTimeout, name_.str() + " is being opened, and does not answer");
  if (const auto link = known(visit)) return *link;
  Link fresh = open(visit, until);
  std::optional<Link> dead;
  const std::lock_guard hold(mutex_);
  fresh.number = ++numbers_;
  dead = std::exchange(link_, std::move(fresh));
  return *link_;
}

void SigningToken::lose(const Lost& lost) {
  const Host::Visit visit = host_->visit(lost.until);
  std::optional<Link> dead;  // its sessions are closed without the lock, and in the visit
  const std::lock_guard hold(mutex_);
  if (link_ && link_->number == lost.number) dead.swap(link_);
}

void SigningToken::log_in_again(const Lost& lost) {
  auto pin = pin_at_hand();
  if (!pin) return;
  const Host::Visit visit = host_->visit(lost.until);
  const auto link = known(visit);
  if (!link || link->number != lost.number) return;
  const Inside inside(*this);
  // Into a dead session nobody can log in, and a try too many is not made.
  CK_SESSION_INFO info{};
  hsm::check(link->token->keeper().fn().C_GetSessionInfo(link->token->keeper().handle(), &info),
             "look at the session");
  log_in(*link->token, std::move(*pin), lost.until);
  const std::lock_guard hold(mutex_);
  // Object handles died with the login.
  if (link_ && link_->number == lost.number) link_->number = ++numbers_;
}

void SigningToken::climb(Rung rung, const Lost& lost, const Error& failure) {
  switch (rung) {
    case Rung::kLogin:
      return log_in_again(lost);
    case Rung::kOpen:
      return lose(lost);
    case Rung::kInitialize:
      host_->restart(lost.incarnation, failure.ckr() != CKR_CRYPTOKI_NOT_INITIALIZED, pulse_.get(),
                     lost.until);
      return;
    default:
      return;  // fresh sessions and handles are taken by whoever acts
  }
}

void SigningToken::give_up(Rung rung, Lost lost, const Error& failure) noexcept {
  lost.until = Clock::now() + kLastMoment;
  try {
    climb(rung, lost, failure);
  } catch (const Error&) {
    return;  // the first failure is told
  }
}

void SigningToken::run(const Act& act, Rung highest, Clock::time_point until) {
  if (is_ours_) highest = std::min(highest, Rung::kSession);
  RungSet tried;
  Rung rung = Rung::kNone;
  Lost lost{.until = until};
  std::optional<Error> failure;
  for (;;) {
    bool opened = false;
    try {
      if (failure) climb(rung, lost, *failure);
      const Host::Visit visit = host_->visit(until);
      const Inside inside(*this);
      lost.incarnation = visit.module()->incarnation();
      // It ends before the visit does: the last one to have it closes the sessions.
      const Link link = current(visit, until);
      lost.number = link.number;
      opened = true;
      act(link);
      pulse_->beat();
      return;
    } catch (const Error& error) {
      failure = error;
    }
    const Remedy remedy = remedy_for(*failure);
    // What could not even be opened is no answer about the key.
    const Rung top = opened ? std::min(highest, remedy.highest) : highest;
    const auto next = tried.next(remedy.first, top);
    if (!next) throw Error(*failure);
    rung = *next;
    if (Clock::now() < until) continue;
    // The next use must not stand where this one stood, however slow its calls were.
    give_up(opened ? Rung::kOpen : top, lost, *failure);
    throw Error(*failure);
  }
}

void SigningToken::run_patiently(const Act& act, Clock::time_point until) {
  for (auto pause = Clock::duration(kFirstPause);;
       pause = std::min<Clock::duration>(2 * pause, kLongestPause)) {
    try {
      return run(act, Rung::kInitialize, until);
    } catch (const Error& error) {
      if (!remedy_for(error).may_pass() || is_ours_ || Clock::now() + pause >= until) throw;
    }
    std::this_thread::sleep_for(pause);
  }
}

bool SigningToken::logged_in() {
  const std::lock_guard hold(mutex_);
  return is_ours_ || pin_.has_value();
}

void SigningToken::login(const PinSource& pin, Clock::time_point until) {
  if (logged_in()) return;
  const Pin held = pin();
  run_patiently(
      [&](const Link& link) {
        if (!logged_in()) log_in(*link.token, held.clone(), until);
      },
      until);
}

bool SigningToken::hangs() const noexcept {
  const auto since = (Clock::now() - kHang).time_since_epoch().count();
  return std::ranges::any_of(inside_, [&](const auto& place) {
    const Clock::rep began = place.load(std::memory_order_relaxed);
    return began != 0 && began < since;
  });
}

bool SigningToken::shows_nothing(hsm::Session& session) const {
  return !is_ours_ && session.module().quirks().reload_before_missing &&
         hsm::find_objects(session, {}).empty();
}

bool SigningToken::look_anew(std::uint64_t incarnation, Clock::time_point until) {
  return !is_ours_ && host_->restart(incarnation, /*suspected=*/true, pulse_.get(), until);
}

std::shared_ptr<Replica> SigningToken::replica(const PublicPart& part, const Bytes& id,
                                               const std::string& label) {
  // We may be the last to hold one of the others, and with it a call into us goes: not below the
  // lock.
  std::vector<std::shared_ptr<Replica>> others;
  const std::lock_guard hold(mutex_);
  std::erase_if(replicas_, [](const auto& weak) { return weak.expired(); });
  for (const auto& weak : replicas_) {
    auto known = weak.lock();
    if (known && known->is_of(part, id, label)) return known;
    others.push_back(std::move(known));
  }
  auto made = std::make_shared<Replica>(shared_from_this(), part, id, label);
  replicas_.push_back(made);
  return made;
}

CK_OBJECT_HANDLE SigningToken::copy_to_session(const Link& link, CK_OBJECT_HANDLE object) noexcept {
  hsm::Session& session = link.token->keeper();
  try {
    // PKCS#11 v2.40 4.4.1: both are true where a token does not tell.
    constexpr std::array<CK_ATTRIBUTE_TYPE, 2> kTypes{CKA_COPYABLE, CKA_MODIFIABLE};
    if (!hsm::none_is_false(session, object, kTypes)) return CK_INVALID_HANDLE;
    hsm::Template changes;
    changes.set(CKA_TOKEN, false);
    return hsm::copy_object(session, object, std::move(changes));
  } catch (const std::exception&) {
    return CK_INVALID_HANDLE;
  }
}

void SigningToken::drop_copy(std::uint64_t link_number, CK_OBJECT_HANDLE copy) noexcept {
  const auto visit = host_->visit_now();
  if (!visit) return;
  try {
    std::optional<Link> link;
    {
      const std::lock_guard hold(mutex_);
      link = link_;
    }
    if (!link || link->number != link_number) return;
    if (!is_ours_ && link->incarnation != visit->module()->incarnation()) return;
    // Should the handle have been given to a token object meanwhile, that is not ours to destroy.
    hsm::Session& session = link->token->keeper();
    if (hsm::read_bool(session, copy, CKA_TOKEN) == false) hsm::destroy_object(session, copy);
  } catch (const std::exception&) {
    return;  // it went before us
  }
}

}  // namespace poolkey::provider
