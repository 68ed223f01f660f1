#include "pool/certificates.h"

#include <algorithm>
#include <array>
#include <map>

#include "pool/recipient.h"
#include "pool/statement.h"
#include "pool/windows.h"

namespace poolkey::pool {
namespace {

constexpr std::size_t kLeastDigits = 8;

/// What each member said of each version.
using Receipts = std::map<KeyVersion, std::vector<Observation>>;

Receipts receipts_of(store::Database& database, const PoolName& pool) {
  Receipts out;
  for (Observation& o : survey(database, pool)) {
    const KeyVersion key = o.key;
    out[key].push_back(std::move(o));
  }
  return out;
}

void add_holders(KnownCertificate& c, const Receipts& receipts) {
  const auto told = receipts.find(c.stored.key);
  if (told == receipts.end()) return;
  const std::string digest = hex(c.stored.certificate.sha256());
  for (const Observation& o : told->second) {
    const bool has = o.receipt && o.receipt->receipt.certificate_sha256 == digest;
    if (!c.server.empty() && !has && o.member.name.str() != c.server) continue;
    auto& list = o.holding == Holding::kUnknown ? c.unknown : has ? c.installed : c.missing;
    list.push_back(o.member.name);
  }
}

void add_request(store::Database& database, KnownCertificate& c) {
  const auto request =
      database.row("SELECT role, server FROM request WHERE id = :id", {{"id", c.stored.request}});
  if (!request) return;
  c.role = request->text("role");
  c.server = request->optional_text("server").value_or("");
}

/// In force is one version of each key name; its newest certificate and those of later versions
/// stand out, one for each server that has one of its own.
Place place_of(const KeyVersion& in_force, const KnownCertificate& c, bool newest) {
  if (!newest || c.stored.key < in_force) return Place::kPrevious;
  return c.stored.key == in_force ? Place::kCurrent : Place::kNext;
}

std::string digits_of(std::string text) {
  std::erase_if(text, [](char c) { return c == ':' || c == ' '; });
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c;
  });
  return text;
}

bool is_meant(const KnownCertificate& c, const std::string& digits) {
  return hex(c.stored.certificate.sha256()).starts_with(digits) ||
         digits_of(thumbprint(c.stored.certificate)).starts_with(digits);
}

}  // namespace

std::string_view name(Place place) noexcept {
  constexpr std::array<std::string_view, 3> kNames{"current", "next", "previous"};
  return kNames[static_cast<std::size_t>(place)];
}

std::vector<KnownCertificate> known_certificates(store::Database& database, const PoolName& pool,
                                                 Time now) {
  std::map<KeyName, KeyVersion> current;
  for (const KeyVersion& v : in_force(database, pool, now)) current.emplace(v.key, v);
  const Receipts receipts = receipts_of(database, pool);
  std::vector<keys::StoredKey> versions = keys_for(database, pool);
  std::ranges::stable_sort(versions, [](const auto& a, const auto& b) {
    return a.name.key == b.name.key ? a.name.version > b.name.version : a.name.key < b.name.key;
  });
  std::vector<KnownCertificate> out;
  for (const keys::StoredKey& version : versions) {
    std::vector<std::string> seen;
    for (keys::StoredCertificate& stored : keys::certificates_of(database, version.name)) {
      KnownCertificate c{.stored = std::move(stored), .pool = pool};
      add_request(database, c);
      const bool newest = std::ranges::find(seen, c.server) == seen.end();
      seen.push_back(c.server);
      // A version that was never released is one that will be.
      const auto at = current.find(version.name.key);
      c.place = at == current.end() ? (newest ? Place::kNext : Place::kPrevious)
                                    : place_of(at->second, c, newest);
      if (const auto issued = keys::find_issued(database, c.stored.certificate.serial());
          issued && issued->sha256 == hex(c.stored.certificate.sha256()))
        c.state = name(issued->state);
      add_holders(c, receipts);
      out.push_back(std::move(c));
    }
  }
  return out;
}

KnownCertificate find_certificate(store::Database& database, const std::string& wanted, Time now) {
  const std::string digits = digits_of(wanted);
  const bool by_key = wanted.find('@') != std::string::npos;
  if (!by_key && digits.size() < kLeastDigits)
    throw Error(Errc::kInvalidArgument, "'" + wanted +
                                            "' names no certificate; give KEY@N, or 8 digits or "
                                            "more of a thumbprint");
  std::vector<KnownCertificate> found;
  for (const PoolName& pool : pools(database))
    for (KnownCertificate& c : known_certificates(database, pool, now)) {
      if (by_key && (c.stored.key.str() != wanted || !found.empty())) continue;
      if (by_key || is_meant(c, digits)) found.push_back(std::move(c));
    }
  if (found.empty())
    throw Error(Errc::kNotFound,
                "there is no certificate '" + wanted + "'; see 'poolkey certificate list'");
  if (found.size() > 1)
    throw Error(Errc::kInvalidArgument, "'" + wanted + "' are the first digits of " +
                                            std::to_string(found.size()) +
                                            " certificates; give more of them");
  return std::move(found.front());
}

}  // namespace poolkey::pool
