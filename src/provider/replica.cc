#include "provider/replica.h"

#include <array>
#include <thread>
#include <utility>

#include "hsm/attributes.h"
#include "hsm/object.h"
#include "provider/guard.h"
#include "provider/lookup.h"

namespace poolkey::provider {
namespace {

/// A copy goes on signing when its object is gone: the object is looked at so often. So is what a
/// handle gives: it may have become another object's.
constexpr auto kLookAgain = std::chrono::seconds(5);
/// How often it is looked for before it counts as gone, and what lies between.
constexpr int kTries = 3;
constexpr auto kMoment = std::chrono::milliseconds(5);

class Counted {
 public:
  explicit Counted(std::atomic<int>& count) : count_(count) { ++count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --count_; }

 private:
  std::atomic<int>& count_;
};

}  // namespace

Replica::Replica(std::shared_ptr<SigningToken> token, PublicPart part, Bytes id, std::string label)
    : token_(std::move(token)),
      part_(std::move(part)),
      id_(std::move(id)),
      label_(std::move(label)) {}

Replica::~Replica() {
  if (handles_.copy != CK_INVALID_HANDLE && !process_is_ending())
    token_->drop_copy(handles_.link, handles_.copy);
}

void Replica::know(std::uint64_t link_number, CK_OBJECT_HANDLE object) {
  const std::lock_guard hold(mutex_);
  if (handles_.link == link_number && handles_.object != CK_INVALID_HANDLE) return;
  handles_ = {.link = link_number, .object = object, .looked_at = Clock::now()};
}

Replica::Handles Replica::known() {
  const std::lock_guard hold(mutex_);
  return handles_;
}

void Replica::abandon(const Handles& handles) {
  {
    const std::lock_guard hold(mutex_);
    if (handles_.link != handles.link || handles_.best() != handles.best()) return;
    handles_ = {};
  }
  if (handles.copy != CK_INVALID_HANDLE) token_->drop_copy(handles.link, handles.copy);
}

void Replica::set_proven(const Handles& handles, std::uint64_t epoch) {
  const std::lock_guard hold(mutex_);
  if (handles_.link != handles.link || handles_.best() != handles.best()) return;
  handles_.proven = true;
  handles_.proven_epoch = epoch;
  handles_.proven_at = Clock::now();
}

void Replica::throw_gone() const {
  throw Error(Errc::kNotFound, "the private key '" + label_ + "' has gone from " +
                                   token_->name().str() +
                                   ", or another key has taken its place; nothing was done");
}

CK_OBJECT_HANDLE Replica::find(const Link& link, Clock::time_point until) const {
  const hsm::Lease lease = link.token->lease(until);
  hsm::Template wanted;
  wanted.set(CKA_CLASS, CK_ULONG{CKO_PRIVATE_KEY});
  if (!id_.empty())
    wanted.set(CKA_ID, ByteView(id_));
  else
    wanted.set(CKA_LABEL, label_);
  // A handle may die, or the login be lost and come back, between two calls: it is absent only if
  // it stays so.
  for (int tries = 1;; ++tries) {
    for (const CK_OBJECT_HANDLE object : hsm::find_objects(*lease, wanted))
      if (public_part_of_private(*lease, object) == part_) return object;
    hsm::require_login(*lease);
    if (tries == kTries && token_->shows_nothing(*lease))
      throw Error(Errc::kUnavailable, CKR_TOKEN_NOT_PRESENT,
                  token_->name().str() + " shows no object at all, as when its files are away");
    if (tries == kTries) throw_gone();
    std::this_thread::sleep_for(kMoment);
  }
}

bool Replica::is_still_there(const Link& link, const Handles& handles,
                             Clock::time_point until) const {
  try {
    const hsm::Lease lease = link.token->lease(until);
    constexpr std::array<CK_ATTRIBUTE_TYPE, 2> kTypes{CKA_ID, CKA_CLASS};
    const hsm::Attributes told(*lease, handles.object, kTypes);
    const Bytes* id = told.find(CKA_ID);
    return id != nullptr && *id == id_ && told.number(CKA_CLASS) == CKO_PRIVATE_KEY;
  } catch (const Error& error) {
    if (remedy_for(error).first != Rung::kFind) throw;
    return false;
  }
}

void Replica::copy(const Link& link, Handles& handles) const {
  handles.copy_tried = true;
  handles.copy = SigningToken::copy_to_session(link, handles.object);
  if (handles.copy == CK_INVALID_HANDLE) return;
  handles.looked_at = Clock::now();
  handles.proven = false;
  handles.in_use = declare_use(token_->state_folder(), id_);
}

Replica::Handles Replica::usable(const Link& link, Clock::time_point until) {
  const auto is_ready = [&](const Handles& handles) {
    if (handles.link != link.number || handles.object == CK_INVALID_HANDLE) return false;
    if (handles.copy != CK_INVALID_HANDLE) return Clock::now() - handles.looked_at < kLookAgain;
    // For the second use: many programs sign once, and a copy costs more than it saves them.
    return handles.copy_tried || !handles.proven;
  };
  if (const Handles now = known(); is_ready(now)) return now;
  const auto turn = finding_.take(until);
  if (!turn) throw Error(Errc::kTimeout, token_->name().str() + " does not answer");
  Handles now = known();
  if (is_ready(now)) return now;
  if (now.link != link.number) now = {};
  if (now.copy != CK_INVALID_HANDLE) {
    now.looked_at = Clock::now();
    if (!is_still_there(link, now, until)) abandon(std::exchange(now, {}));
  } else if (now.object != CK_INVALID_HANDLE) {
    copy(link, now);
  }
  if (now.object == CK_INVALID_HANDLE)
    now = {.link = link.number, .object = find(link, until), .looked_at = Clock::now()};
  const std::lock_guard hold(mutex_);
  handles_ = now;
  return now;
}

void Replica::use_once(const Use& use, const Link& link, Clock::time_point until) {
  // Before the use: what is lost meanwhile counts for the next one.
  const std::uint64_t epoch = link.token->epoch();
  const Handles handles = usable(link, until);
  try {
    const hsm::Lease lease = link.token->lease(until);
    use.act(*lease, handles.best());
    // A token that was restarted gives fresh sessions before anybody notices by an old one.
    const bool known_good = handles.proven && handles.proven_epoch == epoch && !lease.is_fresh() &&
                            Clock::now() - handles.proven_at < kLookAgain;
    if (known_good && !use.always_proven) return;
    if (use.proof(*lease, handles.best())) return set_proven(handles, epoch);
  } catch (const Error& error) {
    if (remedy_for(error).first == Rung::kFind) abandon(handles);
    throw;
  }
  abandon(handles);
  throw Error(Errc::kConflict, CKR_KEY_HANDLE_INVALID,
              token_->name().str() + " does not use the key '" + label_ +
                  "' under its handle; nothing of it was used");
}

void Replica::use(const Use& use, Rung highest, Clock::time_point until) {
  const Counted counted(busy_);
  const auto once = [&](const Link& link) { use_once(use, link, until); };
  token_->run(std::ref(once), highest, until);
}

}  // namespace poolkey::provider
