// A private key as a program holds it: the replicas of it in one or several tokens.
// May touch: hsm. Called by: the operations' contexts; made by lookup.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/bytes.h"
#include "base/secret.h"
#include "hsm/decrypt.h"
#include "provider/fork_mutex.h"
#include "provider/replica.h"
#include "provider/rules.h"

namespace poolkey::provider {

/// May be used by several threads. Uses the replica that has the least to do; one that fails is
/// left alone for a while, and then tried again.
class PrivateKey {
 public:
  /// `rules`: what the key may do; null: its tokens alone say. `patience`: for how long a use is
  /// tried again where no replica works.
  PrivateKey(std::vector<std::shared_ptr<Replica>> replicas, PublicPart part,
             std::shared_ptr<const Rules> rules, Clock::duration patience);

  const PublicPart& part() const { return part_; }

  /// Throws kDenied where the key's policy forbids it; the operations below ask by themselves.
  void require(CK_MECHANISM_TYPE mechanism, Act act) const;

  /// Says whether a signature, as the module gives it, verifies with our public key.
  using Proof = std::function<bool(ByteView signature)>;

  /// One signature, as the module gives it. `proof` is asked of the first one under a handle.
  /// Throws as Replica::use, and kDenied where the key's policy forbids it.
  Bytes sign(CK_MECHANISM mechanism, ByteView data, const Proof& proof);
  /// One decryption by an RSA key, with room for a modulus. There is no proof in what comes out:
  /// the public key is read under the handle each time. Throws as sign().
  hsm::Decrypted decrypt(CK_MECHANISM mechanism, ByteView data);
  /// The shared secret of `size` octets; as decrypt().
  SecretBytes derive(CK_MECHANISM mechanism, std::size_t size);

  KeyNotes& notes() { return standings_.front().replica->notes(); }

 private:
  struct Standing {
    std::shared_ptr<Replica> replica;
    Clock::time_point down_until{};  ///< epoch: it works
    Clock::duration pause{};         ///< how long it is left alone when it fails the next time
  };

  Use proven_by_sight(std::function<void(hsm::Session&, CK_OBJECT_HANDLE)> act) const;
  void use(CK_MECHANISM mechanism, Act act, const Use& use);
  void use_one(const Use& use, Clock::time_point until);
  void use_any(const Use& use, Clock::time_point until);
  std::vector<std::size_t> in_order();
  bool is_up(std::size_t index);
  void failed(std::size_t index);
  void worked(std::size_t index);

  const PublicPart part_;
  const std::shared_ptr<const Rules> rules_;
  const Clock::duration patience_;
  ForkMutex mutex_;  ///< of the standings; never held during a call
  std::vector<Standing> standings_;
  std::size_t turn_ = 0;
};

}  // namespace poolkey::provider
