#include "provider/private_key.h"

#include <algorithm>
#include <thread>

#include "hsm/derive.h"
#include "hsm/sign.h"
#include "provider/lookup.h"

namespace poolkey::provider {
namespace {

using namespace std::chrono_literals;

/// Between tries where nothing works: a module that answers again is noticed within the longest.
constexpr Clock::duration kFirstPause = 5ms;
constexpr Clock::duration kLongestPause = 40ms;
/// How long a replica is left alone that failed beside one that works.
constexpr Clock::duration kFirstAbsence = 50ms;
constexpr Clock::duration kLongestAbsence = 5s;

/// Another token may answer otherwise.
bool says_something_of_the_token(const Error& error) {
  return remedy_for(error).possible() || error.code() == Errc::kNotFound ||
         error.code() == Errc::kTimeout || error.code() == Errc::kAuthFailed;
}

}  // namespace

PrivateKey::PrivateKey(std::vector<std::shared_ptr<Replica>> replicas, PublicPart part,
                       std::shared_ptr<const Rules> rules, Clock::duration patience)
    : part_(std::move(part)), rules_(std::move(rules)), patience_(patience) {
  for (auto& replica : replicas)
    standings_.push_back({.replica = std::move(replica), .pause = kFirstAbsence});
}

void PrivateKey::require(CK_MECHANISM_TYPE mechanism, Act act) const {
  if (rules_) rules_->require(mechanism, act);
}

Bytes PrivateKey::sign(CK_MECHANISM mechanism, ByteView data, const Proof& proof) {
  Bytes out;
  const auto act = [&](hsm::Session& session, CK_OBJECT_HANDLE key) {
    out = hsm::sign(session, key, mechanism, data, part_.raw_signature());
  };
  const auto proves = [&](hsm::Session&, CK_OBJECT_HANDLE) { return proof(out); };
  // By reference: a std::function of a larger thing allocates for each signature.
  use(mechanism, Act::kSign, {.act = std::ref(act), .proof = std::ref(proves)});
  return out;
}

hsm::Decrypted PrivateKey::decrypt(CK_MECHANISM mechanism, ByteView data) {
  std::optional<hsm::Decrypted> out;
  use(mechanism, Act::kDecrypt, proven_by_sight([&](hsm::Session& session, CK_OBJECT_HANDLE key) {
        out = hsm::decrypt(session, key, mechanism, data, part_.modulus.size());
      }));
  return std::move(*out);
}

SecretBytes PrivateKey::derive(CK_MECHANISM mechanism, std::size_t size) {
  SecretBytes out;
  use(mechanism, Act::kDerive, proven_by_sight([&](hsm::Session& session, CK_OBJECT_HANDLE key) {
        out = hsm::derive(session, key, mechanism, size);
      }));
  return out;
}

Use PrivateKey::proven_by_sight(std::function<void(hsm::Session&, CK_OBJECT_HANDLE)> act) const {
  return {.act = std::move(act),
          .proof =
              [this](hsm::Session& session, CK_OBJECT_HANDLE key) {
                return public_part_of_private(session, key) == part_;
              },
          .always_proven = true};
}

void PrivateKey::use(CK_MECHANISM mechanism, Act act, const Use& use) {
  require(mechanism.mechanism, act);
  const auto until = Clock::now() + patience_;
  standings_.size() == 1 ? use_one(use, until) : use_any(use, until);
}

void PrivateKey::use_one(const Use& use, Clock::time_point until) {
  for (auto pause = kFirstPause;; pause = std::min(2 * pause, kLongestPause)) {
    try {
      return standings_.front().replica->use(use, Rung::kInitialize, until);
    } catch (const Error& error) {
      if (!remedy_for(error).may_pass() || Clock::now() + pause >= until) throw;
    }
    std::this_thread::sleep_for(pause);
  }
}

void PrivateKey::use_any(const Use& use, Clock::time_point until) {
  for (auto pause = kFirstPause;; pause = std::min(2 * pause, kLongestPause)) {
    std::optional<Error> failure;
    const std::vector<std::size_t> order = in_order();
    for (std::size_t i = 0; i < order.size(); ++i) {
      const bool another_works = i + 1 < order.size() && is_up(order[i + 1]);
      const bool works = is_up(order[i]);
      try {
        // Beside one that works nobody waits for the repair of another, but who has its turn.
        standings_[order[i]].replica->use(
            use, works && another_works ? Rung::kFind : Rung::kInitialize, until);
        return worked(order[i]);
      } catch (const Error& error) {
        if (!says_something_of_the_token(error)) throw;
        if (!failure || works) failure = error;
        failed(order[i]);
      }
    }
    if (Clock::now() + pause >= until) throw Error(*failure);
    std::this_thread::sleep_for(pause);
  }
}

bool PrivateKey::is_up(std::size_t index) {
  const std::lock_guard hold(mutex_);
  return standings_[index].down_until == Clock::time_point{};
}

void PrivateKey::worked(std::size_t index) {
  const std::lock_guard hold(mutex_);
  standings_[index].down_until = {};
  standings_[index].pause = kFirstAbsence;
}

void PrivateKey::failed(std::size_t index) {
  const std::lock_guard hold(mutex_);
  Standing& standing = standings_[index];
  standing.down_until = Clock::now() + standing.pause;
  standing.pause = std::min(2 * standing.pause, kLongestAbsence);
}

/// First one that is due for another try, for this caller alone; then those that work, the least
/// busy first and in turn; then those that hang or are down.
std::vector<std::size_t> PrivateKey::in_order() {
  struct Place {
    std::size_t index;
    int rank;
    int busy;
    std::size_t turn;
  };
  const auto now = Clock::now();
  const std::lock_guard hold(mutex_);
  const std::size_t count = standings_.size();
  const std::size_t turn = turn_++;
  std::vector<Place> places;
  bool somebody_tries = false;
  for (std::size_t i = 0; i < count; ++i) {
    Standing& standing = standings_[i];
    const bool down = standing.down_until != Clock::time_point{};
    const bool due = down && standing.down_until <= now && !somebody_tries;
    if (due) {
      somebody_tries = true;
      standing.down_until = now + standing.pause;
    }
    const int rank = due ? 0 : down ? 3 : standing.replica->token()->hangs() ? 2 : 1;
    places.push_back({i, rank, standing.replica->busy(), (i + turn) % count});
  }
  std::ranges::sort(places, {}, [](const Place& place) {
    return std::tuple(place.rank, place.busy, place.turn);
  });
  std::vector<std::size_t> out;
  for (const Place& place : places) out.push_back(place.index);
  return out;
}

}  // namespace poolkey::provider
