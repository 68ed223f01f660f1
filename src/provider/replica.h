// One private key object of one token, and using it.
// May touch: hsm. Called by: private_key; made by signing_token.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/bytes.h"
#include "provider/fork_mutex.h"
#include "provider/in_use.h"
#include "provider/key_notes.h"
#include "provider/public_part.h"
#include "provider/signing_token.h"

namespace poolkey::provider {

/// What is done with a private key.
struct Use {
  /// The calls, which may be made more than once; what they gave last counts.
  std::function<void(hsm::Session& session, CK_OBJECT_HANDLE key)> act;
  /// Says, by what the act gave or by calls of its own, whether the key under the handle is ours.
  std::function<bool(hsm::Session& session, CK_OBJECT_HANDLE key)> proof;
  bool always_proven = false;  ///< the proof is asked for each time
};

/// May be used by several threads: what they share is a few handles behind a lock that is not held
/// while the token works.
class Replica {
 public:
  Replica(std::shared_ptr<SigningToken> token, PublicPart part, Bytes id, std::string label);
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;
  ~Replica();

  bool is_of(const PublicPart& part, const Bytes& id, const std::string& label) const {
    return part_ == part && id_ == id && label_ == label;
  }
  const std::shared_ptr<SigningToken>& token() const { return token_; }
  /// The object was seen under this handle.
  void know(std::uint64_t link_number, CK_OBJECT_HANDLE object);

  /// Uses the key, by way of its token's ladder. The first result under a handle has to pass the
  /// proof, and so has the first one of each session, after sessions of the token were lost, and
  /// every five seconds: a handle may have been given to another object. The key is found again
  /// only with the same public part. Throws kNotFound where it has gone, kConflict where the proof
  /// fails, else what the module says.
  void use(const Use& use, Rung highest, Clock::time_point until);

  /// What the token was found to do with the key.
  KeyNotes& notes() { return notes_; }

  /// How many uses are under way.
  int busy() const noexcept { return busy_; }

 private:
  /// What is known of the object, for one link.
  struct Handles {
    std::uint64_t link = 0;
    CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;
    bool copy_tried = false;
    InUse in_use{};                 ///< as long as there is a copy
    Clock::time_point looked_at{};  ///< when the object was seen last
    bool proven = false;
    std::uint64_t proven_epoch = 0;
    Clock::time_point proven_at{};

    CK_OBJECT_HANDLE best() const { return copy != CK_INVALID_HANDLE ? copy : object; }
  };

  void use_once(const Use& use, const Link& link, Clock::time_point until);
  Handles usable(const Link& link, Clock::time_point until);
  void copy(const Link& link, Handles& handles) const;
  Handles known();
  CK_OBJECT_HANDLE find(const Link& link, Clock::time_point until) const;
  bool is_still_there(const Link& link, const Handles& handles, Clock::time_point until) const;
  /// Forgets them, and destroys the copy.
  void abandon(const Handles& handles);
  void set_proven(const Handles& handles, std::uint64_t epoch);
  [[noreturn]] void throw_gone() const;

  const std::shared_ptr<SigningToken> token_;
  const PublicPart part_;
  const Bytes id_;
  const std::string label_;
  KeyNotes notes_;
  std::atomic<int> busy_ = 0;
  Turn finding_;  ///< one looks, the others wait for what it finds
  ForkMutex mutex_;
  Handles handles_;
};

}  // namespace poolkey::provider
