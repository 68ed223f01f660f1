#include "service/identity.h"

#include <pwd.h>

#include <array>
#include <mutex>
#include <unordered_map>

#include "crypto/certificate.h"
#include "keys/issued.h"
#include "service/problem.h"

namespace poolkey::service {
namespace {

struct Named {
  std::string serial, common_name, sha256;
};

/// What certificates say never changes; clients show theirs again and again.
Named read(const Bytes& der) {
  constexpr std::size_t kMost = 4096;
  static std::mutex mutex;
  static std::unordered_map<std::string, Named> known;
  const std::string octets(reinterpret_cast<const char*>(der.data()), der.size());
  {
    const std::scoped_lock lock(mutex);
    if (const auto found = known.find(octets); found != known.end()) return found->second;
  }
  const auto certificate = crypto::Certificate::from_der(der);
  Named out{certificate.serial(), certificate.common_name(), hex(certificate.sha256())};
  const std::scoped_lock lock(mutex);
  if (known.size() >= kMost) known.clear();
  known.emplace(octets, out);
  return out;
}

[[noreturn]] void refuse(const std::string& why) { throw HttpError(401, why, {}, Errc::kDenied); }

Identity account(unsigned uid) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> space{};
  const bool known =
      ::getpwuid_r(uid, &entry, space.data(), space.size(), &found) == 0 && found != nullptr;
  const std::string name = known ? std::string(entry.pw_name) : std::to_string(uid);
  return {{policy::PrincipalKind::kAccount, name}, "uid:" + std::to_string(uid) + " " + name};
}

}  // namespace

Identity identify(const Peer& peer, store::Database& database) {
  if (peer.local_user) return account(*peer.local_user);
  if (peer.certificate.empty()) return {{}, "anonymous"};
  const Named named = read(peer.certificate);
  const auto standing = keys::standing_of(database, named.serial, named.sha256);
  if (!standing) refuse("this service's CA did not issue the client certificate that was shown");
  if (standing->state != keys::IssuedState::kGood)
    refuse("the client certificate is " + std::string(keys::name(standing->state)));
  const std::string& profile = standing->profile;
  if (profile != kMemberProfile && profile != kClientProfile)
    return {{},
            "certificate:" + named.serial + " " + profile + " " + named.common_name,
            "a certificate of profile '" + profile + "' is nobody's identity here",
            peer.certificate_ended};
  const auto kind =
      profile == kMemberProfile ? policy::PrincipalKind::kMember : policy::PrincipalKind::kClient;
  return {{kind, named.common_name},
          "certificate:" + named.serial + " " + named.common_name,
          "",
          peer.certificate_ended};
}

}  // namespace poolkey::service
