#include "requests/ca/published.h"

#include "base/file.h"
#include "keys/issued.h"
#include "requests/ca/rollover.h"

namespace poolkey::requests {
namespace {

namespace fs = std::filesystem;
using keys::IssuedState;

/// Our own list, newer than what is on record; nothing for anything else that lies there.
std::optional<crypto::Crl> newer_list(store::Database& database, const keys::OriginSigner& ca,
                                      const fs::path& file) {
  if (!fs::exists(file)) return std::nullopt;
  const auto newest = keys::newest_crl(database, ca.key.name);
  try {
    crypto::Crl found = crypto::Crl::from_der(view(read_file(file)));
    found.verify(ca.certificate);
    if (newest && std::stoll(found.number()) <= std::stoll(newest->number())) return std::nullopt;
    return found;
  } catch (const Error&) {  // it will be replaced
    return std::nullopt;
  }
}

bool is_known(store::Database& database, const crypto::RevokedSerial& line) {
  const auto issued = keys::find_issued(database, line.serial);
  return issued && issued->state != IssuedState::kGood;
}

void enter(store::Database& database, const keys::OriginSigner& ca,
           const crypto::RevokedSerial& line, Time now) {
  if (!keys::find_issued(database, line.serial))
    keys::register_unknown(database, line.serial, ca, now);
  const bool held = line.revocation.reason == crypto::RevocationReason::kCertificateHold;
  keys::set_issued_state(database, line.serial, held ? IssuedState::kHeld : IssuedState::kRevoked,
                         line.revocation);
}

template <class Act>
void for_each_ca(store::Database& database, const Act& act) {
  for (const keys::OriginRole role : {keys::OriginRole::kRoot, keys::OriginRole::kIssuingCa})
    for (const keys::OriginSigner& ca : keys::origin_versions(database, role)) act(ca);
}

}  // namespace

std::vector<std::string> publish_files(store::Database& database, const fs::path& folder) {
  std::vector<std::pair<std::string, Bytes>> files;
  for_each_ca(database, [&](const keys::OriginSigner& ca) {
    files.emplace_back(certificate_file(ca.key.name), ca.certificate.der());
    if (const auto crl = keys::newest_crl(database, ca.key.name))
      files.emplace_back(crl_file(ca.key.name), crl->der());
  });
  for (const CrossCertificate& cross : cross_certificates(database))
    files.emplace_back(cross_file(cross.subject, cross.issuer), cross.certificate.der());
  fs::create_directories(folder);
  std::vector<std::string> written;
  for (const auto& [name, content] : files) {
    const fs::path file = folder / name;
    if (fs::exists(file) && to_bytes(read_file(file)) == content) continue;
    write_file(file, ByteView(content));
    written.push_back(name);
  }
  return written;
}

std::vector<std::string> take_over_revocations(keys::Context& context, const fs::path& folder) {
  store::Database& database = context.database;
  std::vector<std::string> out;
  for_each_ca(database, [&](const keys::OriginSigner& ca) {
    const auto list = newer_list(database, ca, folder / crl_file(ca.key.name));
    if (!list) return;
    std::vector<crypto::RevokedSerial> lines;
    for (const crypto::RevokedSerial& line : list->entries())
      if (!is_known(database, line)) lines.push_back(line);
    if (lines.empty()) return;
    keys::record(context, "ca take over", ca.key.name.str(), "", nullptr, [&]() -> json::object {
      store::Transaction transaction(database);
      json::array serials;
      for (const crypto::RevokedSerial& line : lines) {
        enter(database, ca, line, context.clock.now());
        serials.emplace_back(line.serial);
        out.push_back(line.serial);
      }
      transaction.commit();
      return {{"crl_number", list->number()}, {"serials", std::move(serials)}};
    });
  });
  return out;
}

}  // namespace poolkey::requests
