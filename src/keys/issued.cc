#include "keys/issued.h"

#include <array>

#include "hsm/random.h"
#include "keys/own_certificate.h"

namespace poolkey::keys {
namespace {

constexpr std::array<std::string_view, 3> kStates{"good", "held", "revoked"};
constexpr std::size_t kSerialSize = 16;

constexpr std::string_view kColumns =
    "SELECT serial, issuer_name, issuer_version, profile, subject, csr_sha256, sha256, not_before,"
    " not_after, state, revoked_at, reason, ";

IssuedState parse_state(const std::string& text) {
  return static_cast<IssuedState>(std::ranges::find(kStates, text) - kStates.begin());
}

IssuedCertificate read(const store::Row& row) {
  IssuedCertificate out{.serial = row.text("serial"),
                        .issuer = {KeyName(row.text("issuer_name")),
                                   static_cast<std::uint32_t>(row.integer("issuer_version"))},
                        .profile = row.text("profile"),
                        .subject = row.text("subject"),
                        .csr_sha256 = row.optional_text("csr_sha256").value_or(""),
                        .sha256 = row.text("sha256"),
                        .not_before = parse_rfc3339(row.text("not_before")),
                        .not_after = parse_rfc3339(row.text("not_after")),
                        .pem = row.text("pem"),
                        .state = parse_state(row.text("state"))};
  if (out.state != IssuedState::kGood)
    out.revocation = {parse_rfc3339(row.text("revoked_at")),
                      crypto::parse_revocation_reason(row.text("reason"))};
  return out;
}

std::vector<IssuedCertificate> select(store::Database& database, const std::string& where,
                                      const store::Params& params = {},
                                      const std::string& pem = "pem") {
  std::vector<IssuedCertificate> out;
  for (const store::Row& row :
       database.rows(std::string(kColumns) + pem + " FROM ca_certificate " + where, params))
    out.push_back(read(row));
  return out;
}

/// Where there may be very many.
std::vector<IssuedCertificate> select_light(store::Database& database, const std::string& where,
                                            const store::Params& params = {}) {
  return select(database, where, params, "'' AS pem");
}

std::optional<IssuedCertificate> first(std::vector<IssuedCertificate> found) {
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

store::Params issuer_params(const KeyVersion& issuer) {
  return {{"issuer", issuer.key.str()}, {"version", std::int64_t{issuer.version}}};
}

/// The CA key of this origin that signed a certificate, by the issuer's name in it.
std::optional<KeyVersion> issuer_of(store::Database& database,
                                    const crypto::Certificate& certificate) {
  for (const OriginRole role : {OriginRole::kIssuingCa, OriginRole::kRoot})
    for (const OriginSigner& ca : origin_versions(database, role))
      if (ca.certificate.subject_der() == certificate.issuer_der()) return ca.key.name;
  return std::nullopt;
}

}  // namespace

std::string_view name(IssuedState state) { return kStates[static_cast<std::size_t>(state)]; }

Bytes fresh_serial(Context& context) {
  for (int attempt = 0; attempt < 3; ++attempt) {
    Bytes serial = hsm::random_bytes(*context.token, kSerialSize);
    // Positive, and without a leading zero octet: one of the two highest bits is 0, the other 1.
    serial[0] = static_cast<std::uint8_t>((serial[0] & 0x3fU) | 0x40U);
    if (!find_issued(context.database, hex(serial))) return serial;
  }
  throw Error(Errc::kUnavailable, context.token->name().str() +
                                      " draws serial numbers that are in use already; its random "
                                      "generator has failed, so do not use it");
}

void register_issued(store::Database& database, const crypto::Certificate& certificate,
                     const KeyVersion& issuer, const std::string& profile,
                     const std::string& csr_sha256, Time now) {
  store::Params params = issuer_params(issuer);
  params.emplace_back("serial", certificate.serial());
  params.emplace_back("profile", profile);
  params.emplace_back("subject", certificate.subject());
  params.emplace_back("spki", hex(certificate.public_key().spki_sha256()));
  params.emplace_back("csr", csr_sha256.empty() ? store::Param(nullptr) : store::Param(csr_sha256));
  params.emplace_back("sha256", hex(certificate.sha256()));
  params.emplace_back("not_before", rfc3339(certificate.not_before()));
  params.emplace_back("not_after", rfc3339(certificate.not_after()));
  params.emplace_back("pem", certificate.pem());
  params.emplace_back("now", rfc3339(now));
  // A serial that is taken by another certificate stays an error.
  database.run(
      "INSERT INTO ca_certificate (serial, issuer_name, issuer_version, profile, subject,"
      " spki_sha256, csr_sha256, sha256, not_before, not_after, pem, state, issued_at) VALUES"
      " (:serial, :issuer, :version, :profile, :subject, :spki, :csr, :sha256, :not_before,"
      " :not_after, :pem, 'good', :now) ON CONFLICT (sha256) DO NOTHING",
      params);
}

void register_earlier(store::Database& database, Time now) {
  for (const store::Row& row :
       database.rows("SELECT c.pem AS pem, c.key_name AS key_name, c.request_id AS request_id FROM"
                     " certificate c LEFT JOIN ca_certificate i ON i.sha256 = c.sha256"
                     " WHERE i.sha256 IS NULL ORDER BY c.created_at")) {
    const auto certificate = crypto::Certificate::from_pem(row.text("pem"));
    if (const auto issuer = issuer_of(database, certificate))
      register_issued(database, certificate, *issuer,
                      row.is_null("request_id") ? row.text("key_name") : "pool", "", now);
  }
}

void register_unknown(store::Database& database, const std::string& serial, const OriginSigner& ca,
                      Time now) {
  store::Params params = issuer_params(ca.key.name);
  params.emplace_back("serial", serial);
  params.emplace_back("sha256", "unknown " + serial);
  params.emplace_back("now", rfc3339(now));
  params.emplace_back("end", rfc3339(ca.certificate.not_after()));
  database.run(
      "INSERT INTO ca_certificate (serial, issuer_name, issuer_version, profile, subject,"
      " spki_sha256, sha256, not_before, not_after, pem, state, issued_at) VALUES (:serial,"
      " :issuer, :version, 'unknown', 'not on record', '', :sha256, :now, :end, '', 'good', :now)",
      params);
}

std::optional<IssuedCertificate> find_issued(store::Database& database, const std::string& serial) {
  return first(select(database, "WHERE serial = :serial", {{"serial", serial}}));
}

std::optional<Standing> standing_of(store::Database& database, const std::string& serial,
                                    const std::string& sha256) {
  const auto row = database.row(
      "SELECT profile, state FROM ca_certificate WHERE serial = :serial AND sha256 = :sha256",
      {{"serial", serial}, {"sha256", sha256}});
  if (!row) return std::nullopt;
  return Standing{row->text("profile"), parse_state(row->text("state"))};
}

std::optional<IssuedCertificate> issued_for(store::Database& database,
                                            const std::string& csr_sha256,
                                            const std::string& profile, Time now) {
  return first(select(database,
                      "WHERE csr_sha256 = :csr AND profile = :profile AND state = 'good' AND"
                      " not_after >= :now ORDER BY issued_at DESC LIMIT 1",
                      {{"csr", csr_sha256}, {"profile", profile}, {"now", rfc3339(now)}}));
}

std::optional<IssuedCertificate> issued_to(store::Database& database, const crypto::PublicKey& key,
                                           const KeyVersion& issuer, const std::string& profile,
                                           Time now) {
  store::Params params = issuer_params(issuer);
  params.emplace_back("spki", hex(key.spki_sha256()));
  params.emplace_back("profile", profile);
  params.emplace_back("now", rfc3339(now));
  return first(select(database,
                      "WHERE spki_sha256 = :spki AND issuer_name = :issuer AND issuer_version ="
                      " :version AND profile = :profile AND state = 'good' AND not_after >= :now"
                      " ORDER BY not_after DESC LIMIT 1",
                      params));
}

void refuse_bad_key(store::Database& database, const crypto::PublicKey& key) {
  const auto rows = database.rows(
      "SELECT serial, state FROM ca_certificate WHERE spki_sha256 = :spki AND (state = 'held' OR"
      " (state = 'revoked' AND reason = 'keyCompromise')) LIMIT 1",
      {{"spki", hex(key.spki_sha256())}});
  if (rows.empty()) return;
  throw Error(Errc::kDenied,
              rows.front().text("state") == "held"
                  ? "a certificate of this key is on hold (serial " + rows.front().text("serial") +
                        "); nothing else is certified for it meanwhile"
                  : "this key was compromised: the certificate with the serial " +
                        rows.front().text("serial") + " was revoked for that; make a new key");
}

std::vector<IssuedCertificate> all_issued(store::Database& database) {
  return select_light(database, "ORDER BY issued_at, serial");
}

std::map<std::string, std::int64_t> count_issued(store::Database& database, Time now) {
  std::map<std::string, std::int64_t> out{{"good", 0}, {"held", 0}, {"revoked", 0}, {"ended", 0}};
  for (const store::Row& row : database.rows("SELECT CASE WHEN state = 'good' AND not_after < :now "
                                             "THEN 'ended' ELSE state END AS what,"
                                             " COUNT(*) AS n FROM ca_certificate GROUP BY 1",
                                             {{"now", rfc3339(now)}}))
    out[row.text("what")] = row.integer("n");
  return out;
}

std::vector<IssuedCertificate> revoked_of(store::Database& database, const KeyVersion& issuer) {
  if (issuer.key.str() == key_name(OriginRole::kRoot))
    return select_light(database, "WHERE state <> 'good' AND issuer_name = :issuer ORDER BY serial",
                        {{"issuer", issuer.key.str()}});
  return select_light(database,
                      "WHERE state <> 'good' AND issuer_name = :issuer AND issuer_version ="
                      " :version ORDER BY serial",
                      issuer_params(issuer));
}

void set_issued_state(store::Database& database, const std::string& serial, IssuedState state,
                      const crypto::Revocation& revocation) {
  const bool good = state == IssuedState::kGood;
  database.run(
      "UPDATE ca_certificate SET state = :state, revoked_at = :at, reason = :reason"
      " WHERE serial = :serial",
      {{"serial", serial},
       {"state", std::string(name(state))},
       {"at", good ? store::Param(nullptr) : store::Param(rfc3339(revocation.at))},
       {"reason", good ? store::Param(nullptr)
                       : store::Param(std::string(crypto::name(revocation.reason)))}});
}

OriginSigner issuing_ca(store::Database& database) {
  OriginSigner out = origin_signer(database, OriginRole::kIssuingCa);
  const auto issued = find_issued(database, out.certificate.serial());
  if (issued && issued->state != IssuedState::kGood &&
      issued->sha256 == hex(out.certificate.sha256()))
    throw Error(Errc::kConflict, "the issuing CA " + out.key.name.str() + " was revoked at " +
                                     rfc3339(issued->revocation.at) +
                                     "; run 'poolkey ca rollover issuing' for a new one");
  return out;
}

std::vector<crypto::Certificate> chain_of(store::Database& database,
                                          const crypto::Certificate& certificate) {
  for (const OriginSigner& ca : origin_versions(database, OriginRole::kIssuingCa)) {
    if (ca.certificate.subject_der() != certificate.issuer_der()) continue;
    std::vector<crypto::Certificate> out{ca.certificate};
    out.insert(out.end(), ca.chain.begin(), ca.chain.end());
    return out;
  }
  return {};
}

std::optional<crypto::Crl> newest_crl(store::Database& database, const KeyVersion& issuer) {
  const auto row = database.row(
      "SELECT der FROM ca_crl WHERE issuer_name = :issuer AND issuer_version = :version",
      issuer_params(issuer));
  if (!row) return std::nullopt;
  return crypto::Crl::from_der(from_base64(row->text("der")));
}

void store_crl(store::Database& database, const KeyVersion& issuer, std::int64_t number,
               const crypto::Crl& crl) {
  store::Params params = issuer_params(issuer);
  params.emplace_back("number", number);
  params.emplace_back("this_update", rfc3339(crl.this_update()));
  params.emplace_back("next_update", rfc3339(crl.next_update().value()));
  params.emplace_back("sha256", hex(crl.sha256()));
  params.emplace_back("der", base64(crl.der()));
  database.run(
      "INSERT INTO ca_crl (issuer_name, issuer_version, number, this_update, next_update, sha256,"
      " der) VALUES (:issuer, :version, :number, :this_update, :next_update, :sha256, :der)"
      " ON CONFLICT (issuer_name, issuer_version) DO UPDATE SET number = excluded.number,"
      " this_update = excluded.this_update, next_update = excluded.next_update,"
      " sha256 = excluded.sha256, der = excluded.der",
      params);
}

}  // namespace poolkey::keys
