#include "pool/software.h"

#include <set>

#include "base/file.h"
#include "base/log.h"
#include "crypto/private_key.h"
#include "crypto/signature.h"
#include "crypto/wrap.h"
#include "home/oids.h"
#include "pool/suite.h"

namespace poolkey::pool {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kTransportBits = 3072;

fs::path key_file(const fs::path& folder, OwnRole role) {
  return folder / (role == OwnRole::kIdentity ? "identity.pem" : "transport.pem");
}

void make_one(const fs::path& file, const crypto::EvpPkey& key, const Pin& pin) {
  write_file(file, crypto::encrypted_pem(key.get(), pin.view()), 0600);
}

fs::path envelope_file(const MemberSide& side, const KeyVersion& key) {
  return side.state_folder / "envelopes" / (key.str() + ".cms");
}

std::string_view hash_of(policy::Suite suite) {
  return oaep_hash(suite) == hsm::OaepHash::kSha256 ? "SHA256" : "SHA1";
}

}  // namespace

bool SoftwareKeys::are_in(const fs::path& folder) {
  return fs::exists(key_file(folder, OwnRole::kIdentity)) ||
         fs::exists(key_file(folder, OwnRole::kTransport));
}

void SoftwareKeys::make(const fs::path& folder, const Pin& pin) {
  (void)crypto::guard_private_memory();
  make_private_folder(folder);
  const fs::path identity = key_file(folder, OwnRole::kIdentity);
  const fs::path transport = key_file(folder, OwnRole::kTransport);
  // What an interrupted run left has to open with this PIN.
  if (fs::exists(identity)) (void)read(identity, pin);
  if (fs::exists(transport)) (void)read(transport, pin);
  if (!fs::exists(identity)) make_one(identity, crypto::generate_p256(), pin);
  if (!fs::exists(transport)) make_one(transport, crypto::generate_rsa(kTransportBits), pin);
}

SoftwareKeys::Pair SoftwareKeys::read(const fs::path& file, const Pin& pin) {
  try {
    crypto::EvpPkey key = crypto::from_encrypted_pem(read_file(file), pin.view());
    crypto::PublicKey public_key = crypto::PublicKey::from_evp(key.get());
    return {std::move(key), std::move(public_key)};
  } catch (const Error& error) {
    throw Error(error.code(), "the key file '" + file.string() + "': " + error.what());
  }
}

SoftwareKeys::SoftwareKeys(const fs::path& folder, const Pin& pin)
    : identity_([&] {
        if (!crypto::guard_private_memory())
          log("pool").warn(
              "private keys are not locked into memory and might be swapped out; "
              "raise the limit of locked memory (ulimit -l)");
        return read(key_file(folder, OwnRole::kIdentity), pin);
      }()),
      transport_(read(key_file(folder, OwnRole::kTransport), pin)) {}

const crypto::PublicKey& SoftwareKeys::public_key(OwnRole role) const {
  return role == OwnRole::kIdentity ? identity_.public_key : transport_.public_key;
}

std::string SoftwareKeys::serial() const {
  return hex(transport_.public_key.spki_sha256()).substr(0, 16);
}

Bytes SoftwareKeys::sign(ByteView message) const {
  return crypto::sign(identity_.key.get(), "SHA256", message);
}

crypto::EvpPkey SoftwareKeys::open(const Envelope& envelope) const {
  const std::size_t oaep_size = transport_.public_key.modulus().size();
  if (envelope.blob.size() <= oaep_size)
    throw Error(Errc::kCorrupt, "the wrapped key in the envelope is cut short");
  const ByteView blob(envelope.blob);
  const SecretBytes wrapping_key = crypto::oaep_decrypt(
      transport_.key.get(), hash_of(suite_of(envelope)), blob.first(oaep_size));
  if (wrapping_key.size() != 32)
    throw Error(Errc::kCorrupt, "the wrapping key in the envelope is not of AES-256");
  crypto::EvpPkey key = crypto::parse_pkcs8_padded(
      crypto::kwp_unwrap(wrapping_key.view(), blob.subspan(oaep_size)).view());
  if (!(crypto::PublicKey::from_evp(key.get()) == envelope.public_key))
    throw Error(Errc::kCorrupt, "the key in the envelope is not the one it says (" +
                                    envelope.key.str() + "); it was dropped");
  return key;
}

TokenReport software_report() {
  TokenReport out{.suites = policy::all_words<policy::Suite>()};
  out.software = true;
  return out;
}

bool keep_envelope(MemberSide& side, const Envelope& envelope, const std::string& cms) {
  (void)side.software->open(envelope);
  const fs::path file = envelope_file(side, envelope.key);
  if (fs::exists(file) && read_file(file) == cms) return false;
  make_private_folder(file.parent_path());
  write_file(file, cms, 0600);
  return true;
}

void drop_envelopes(MemberSide& side, const Statement& statement) {
  std::set<fs::path> named;
  for (const Statement::Version& v : statement.versions)
    if (v.retired.empty()) named.insert(envelope_file(side, v.key).filename());
  std::error_code missing;  // no folder: nothing was kept yet
  for (const auto& entry : fs::directory_iterator(side.state_folder / "envelopes", missing)) {
    if (named.contains(entry.path().filename())) continue;
    keys::record(side.context, "station drop", entry.path().stem().string(), "", nullptr,
                 [&]() -> json::object {
                   remove_file(entry.path());
                   return {{"statement", statement.sequence}};
                 });
  }
}

crypto::EvpPkey open_replica(MemberSide& side, const Statement::Version& version) {
  const fs::path file = envelope_file(side, version.key);
  if (!fs::exists(file)) return {};
  const Envelope kept =
      envelope(verified_content(side, read_file(file), file, home::oid::kEnvelope));
  check_addressee(side, kept.member, "'" + file.string() + "'");
  if (kept.key != version.key || !(kept.public_key == version.public_key))
    throw Error(Errc::kCorrupt, "'" + file.string() + "' does not hold " + version.key.str() +
                                    " as the statement names it; have it released again");
  return side.software->open(kept);
}

std::string certificate_by_receipt(MemberSide& side, const KeyVersion& key) {
  const auto rows = side.context.database.rows(
      "SELECT certificate_sha256 FROM pfx WHERE key_name = :name AND version = :version AND receipt"
      " IS NOT NULL ORDER BY not_after DESC LIMIT 1",
      {{"name", key.key.str()}, {"version", std::int64_t{key.version}}});
  return rows.empty() ? "" : rows.front().text("certificate_sha256");
}

}  // namespace poolkey::pool
