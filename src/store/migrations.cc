#include "store/migrations.h"

#include <array>
#include <string>

#include "base/error.h"

namespace poolkey::store {
namespace {

// Types: TEXT and BIGINT only. SOCI cuts INTEGER columns to 32 bits without a word, and keeps
// binary columns as large objects on PostgreSQL; so octets are base64 or hex text, and times are
// RFC 3339 text. Parents stand before their children: PostgreSQL insists.
constexpr std::array<std::string_view, 19> kInitial{
    // The record.
    "CREATE TABLE audit_entry ("
    " seq BIGINT NOT NULL PRIMARY KEY CHECK (seq > 0),"
    " phase TEXT NOT NULL CHECK (phase IN ('intent', 'outcome', 'checkpoint')),"
    " intent BIGINT UNIQUE REFERENCES audit_entry (seq),"  // of an outcome; an intent has only one
    " entry TEXT NOT NULL,"                                // the line that is hashed
    " hash TEXT NOT NULL UNIQUE)",

    // Running operations.
    "CREATE TABLE operation ("
    " id TEXT NOT NULL PRIMARY KEY,"
    " number BIGINT NOT NULL UNIQUE,"  // in the order of beginning
    " verb TEXT NOT NULL,"
    " subject TEXT NOT NULL,"
    " about TEXT NOT NULL,"  // what exactly the run is for; may be empty
    " state TEXT NOT NULL CHECK (state IN ('running', 'finished', 'abandoned')))",
    "CREATE UNIQUE INDEX operation_running ON operation (verb, subject) WHERE state = 'running'",
    "CREATE TABLE operation_step ("
    " operation TEXT NOT NULL REFERENCES operation (id),"
    " name TEXT NOT NULL,"
    " number BIGINT NOT NULL,"  // in the order of beginning
    " result TEXT,"             // NULL: begun and not done
    " PRIMARY KEY (operation, name))",

    // What is known: settings, pools, policies, members, keys.
    "CREATE TABLE setting ("
    " name TEXT NOT NULL PRIMARY KEY,"
    " value TEXT NOT NULL)",
    "CREATE TABLE pool ("
    " name TEXT NOT NULL PRIMARY KEY,"
    " topology_file TEXT NOT NULL,"
    " topology_text TEXT NOT NULL,"
    " topology_sha256 TEXT NOT NULL,"
    " created_at TEXT NOT NULL)",
    "CREATE TABLE policy_text ("
    " sha256 TEXT NOT NULL PRIMARY KEY,"
    " name TEXT NOT NULL,"
    " text TEXT NOT NULL)",
    // A member is known by name before it is enrolled; what enrolment brings is NULL until then.
    "CREATE TABLE member ("
    " pool TEXT NOT NULL REFERENCES pool (name),"
    " name TEXT NOT NULL,"
    " token_label TEXT,"
    " token_serial TEXT,"
    " identity_spki TEXT,"
    " transport_spki TEXT,"
    " fingerprint TEXT,"
    " suites TEXT,"        // what its token can open,
    " not_told TEXT,"      // which attributes it does not tell,
    " not_enforced TEXT,"  // and which protections it does not keep; words between blanks
    " state TEXT NOT NULL,"
    " enrolled_at TEXT,"
    " PRIMARY KEY (pool, name),"
    " UNIQUE (pool, identity_spki),"    // two members with one key are one machine twice,
    " UNIQUE (pool, transport_spki))",  // or a stolen key
    // Keys of no pool are the origin's own: its root, the keys for envelopes and for the audit.
    "CREATE TABLE key_version ("
    " key_name TEXT NOT NULL,"
    " version BIGINT NOT NULL CHECK (version > 0),"
    " pool TEXT REFERENCES pool (name),"
    " policy_sha256 TEXT NOT NULL REFERENCES policy_text (sha256),"
    " algorithm TEXT NOT NULL,"
    " spki TEXT NOT NULL,"
    " spki_sha256 TEXT NOT NULL UNIQUE,"
    " cka_id TEXT NOT NULL,"
    " state TEXT NOT NULL,"
    " created_at TEXT NOT NULL,"
    " PRIMARY KEY (key_name, version))",

    // From the origin to the members and back.
    "CREATE TABLE release ("
    " number BIGINT NOT NULL PRIMARY KEY CHECK (number > 0),"
    " pool TEXT NOT NULL REFERENCES pool (name),"
    " suite TEXT NOT NULL,"
    " created_at TEXT NOT NULL,"
    " operator TEXT NOT NULL)",
    "CREATE TABLE release_key ("
    " number BIGINT NOT NULL REFERENCES release (number),"
    " key_name TEXT NOT NULL,"
    " version BIGINT NOT NULL,"
    " PRIMARY KEY (number, key_name, version),"
    " FOREIGN KEY (key_name, version) REFERENCES key_version (key_name, version))",
    "CREATE TABLE envelope ("
    " number BIGINT NOT NULL,"
    " key_name TEXT NOT NULL,"
    " version BIGINT NOT NULL,"
    " pool TEXT NOT NULL,"
    " member TEXT NOT NULL,"
    " cms TEXT NOT NULL,"
    " state TEXT NOT NULL,"
    " queued_at TEXT,"
    " PRIMARY KEY (number, key_name, version, member),"
    " FOREIGN KEY (number, key_name, version)"
    "  REFERENCES release_key (number, key_name, version),"
    " FOREIGN KEY (pool, member) REFERENCES member (pool, name))",
    "CREATE TABLE challenge ("
    " pool TEXT NOT NULL,"
    " member TEXT NOT NULL,"
    " nonce TEXT NOT NULL,"
    " number BIGINT NOT NULL UNIQUE,"  // in the order of asking
    " document TEXT NOT NULL,"         // as it was signed
    " issued_at TEXT NOT NULL,"
    " answered_at TEXT,"
    " PRIMARY KEY (pool, member, nonce),"
    " FOREIGN KEY (pool, member) REFERENCES member (pool, name))",
    "CREATE TABLE receipt ("
    " pool TEXT NOT NULL,"
    " member TEXT NOT NULL,"
    " key_name TEXT NOT NULL,"
    " version BIGINT NOT NULL,"
    " nonce TEXT NOT NULL,"
    " state TEXT NOT NULL CHECK (state IN ('present', 'absent')),"
    " document TEXT NOT NULL,"
    " received_at TEXT NOT NULL,"
    " PRIMARY KEY (pool, member, key_name, version, nonce),"
    " FOREIGN KEY (pool, member, nonce) REFERENCES challenge (pool, member, nonce),"
    " FOREIGN KEY (key_name, version) REFERENCES key_version (key_name, version))",
    "CREATE TABLE statement ("
    " pool TEXT NOT NULL,"
    " member TEXT NOT NULL,"
    " sequence BIGINT NOT NULL CHECK (sequence > 0),"
    " cms TEXT NOT NULL,"
    " PRIMARY KEY (pool, member, sequence),"
    " FOREIGN KEY (pool, member) REFERENCES member (pool, name))",

    // Requests and certificates.
    "CREATE TABLE request ("
    " id TEXT NOT NULL PRIMARY KEY,"
    " pool TEXT NOT NULL REFERENCES pool (name),"
    " key_name TEXT NOT NULL,"
    " version BIGINT NOT NULL,"
    " role TEXT NOT NULL,"
    " state TEXT NOT NULL,"
    " subject TEXT NOT NULL,"
    " sans TEXT NOT NULL,"
    " csr TEXT,"  // NULL until it is signed
    " created_at TEXT NOT NULL,"
    " FOREIGN KEY (key_name, version) REFERENCES key_version (key_name, version))",
    // A certificate that nobody asked for by a request is one of the origin's own.
    "CREATE TABLE certificate ("
    " sha256 TEXT NOT NULL PRIMARY KEY,"
    " request_id TEXT REFERENCES request (id),"
    " key_name TEXT NOT NULL,"
    " version BIGINT NOT NULL,"
    " serial TEXT NOT NULL,"
    " not_before TEXT NOT NULL,"
    " not_after TEXT NOT NULL,"
    " pem TEXT NOT NULL,"
    " chain_pem TEXT NOT NULL,"
    " state TEXT NOT NULL,"
    " created_at TEXT NOT NULL,"
    " FOREIGN KEY (key_name, version) REFERENCES key_version (key_name, version))",
    "CREATE INDEX certificate_of_key ON certificate (key_name, version)",

    // A member's own side: the highest release it accepted of each key version.
    "CREATE TABLE accepted ("
    " key_name TEXT NOT NULL,"
    " version BIGINT NOT NULL CHECK (version > 0),"
    " release_number BIGINT NOT NULL CHECK (release_number > 0),"
    " spki_sha256 TEXT NOT NULL,"
    " policy_sha256 TEXT NOT NULL,"
    " cka_id TEXT NOT NULL,"
    " accepted_at TEXT NOT NULL,"
    " PRIMARY KEY (key_name, version))",
};

// A request's whole life, and what CAs sent. NULLs are of requests from before.
constexpr std::array<std::string_view, 9> kRequestLife{
    "ALTER TABLE request ADD COLUMN server TEXT",   // the one member it is for, if it is for one
    "ALTER TABLE request ADD COLUMN ca TEXT",       // the topology's name of the CA
    "ALTER TABLE request ADD COLUMN ca_kind TEXT",  // internal or public
    "ALTER TABLE request ADD COLUMN details TEXT",  // JSON: findings, approval, batch
    "ALTER TABLE request ADD COLUMN history TEXT",  // JSON: each state with its time and actor
    "UPDATE request SET ca_kind = CASE WHEN id LIKE '%.public' THEN 'public' ELSE 'internal' END,"
    " details = '{}', history = '[]'",
    "UPDATE request SET ca = ca_kind",
    // An issued certificate was checked and kept in the same breath.
    "UPDATE request SET state = 'accepted' WHERE state = 'issued'",
    // What was imported. A certificate is somebody's only once it was accepted.
    "CREATE TABLE received ("
    " sha256 TEXT NOT NULL PRIMARY KEY,"
    " kind TEXT NOT NULL CHECK (kind IN ('certificate', 'ca', 'crl')),"
    " request_id TEXT REFERENCES request (id),"  // which it answers; of certificates only
    " der TEXT NOT NULL,"
    " file TEXT NOT NULL,"
    " received_at TEXT NOT NULL)",
};

// The embedded CA.
constexpr std::array<std::string_view, 6> kAuthority{
    // As it was configured, the newest with the highest number.
    "CREATE TABLE ca_configuration ("
    " number BIGINT NOT NULL PRIMARY KEY CHECK (number > 0),"
    " file TEXT NOT NULL,"
    " text TEXT NOT NULL,"
    " sha256 TEXT NOT NULL,"
    " configured_at TEXT NOT NULL)",
    // Whatever any of its keys signed; serials are unique over all of them.
    "CREATE TABLE ca_certificate ("
    " serial TEXT NOT NULL PRIMARY KEY,"
    " issuer_name TEXT NOT NULL,"
    " issuer_version BIGINT NOT NULL,"
    " profile TEXT NOT NULL,"
    " subject TEXT NOT NULL,"
    " spki_sha256 TEXT NOT NULL,"
    " csr_sha256 TEXT,"  // NULL: nobody asked by a request
    " sha256 TEXT NOT NULL UNIQUE,"
    " not_before TEXT NOT NULL,"
    " not_after TEXT NOT NULL,"
    " pem TEXT NOT NULL,"
    " state TEXT NOT NULL CHECK (state IN ('good', 'held', 'revoked')),"
    " revoked_at TEXT,"
    " reason TEXT,"
    " issued_at TEXT NOT NULL,"
    " CHECK ((state = 'good') = (revoked_at IS NULL)),"
    " FOREIGN KEY (issuer_name, issuer_version) REFERENCES key_version (key_name, version))",
    "CREATE INDEX ca_certificate_of_csr ON ca_certificate (csr_sha256)",
    "CREATE INDEX ca_certificate_of_key ON ca_certificate (spki_sha256)",
    "CREATE INDEX ca_certificate_revoked ON ca_certificate (issuer_name) WHERE state <> 'good'",
    // The newest revocation list of each CA key.
    "CREATE TABLE ca_crl ("
    " issuer_name TEXT NOT NULL,"
    " issuer_version BIGINT NOT NULL,"
    " number BIGINT NOT NULL CHECK (number > 0),"
    " this_update TEXT NOT NULL,"
    " next_update TEXT NOT NULL,"
    " sha256 TEXT NOT NULL,"
    " der TEXT NOT NULL,"
    " PRIMARY KEY (issuer_name, issuer_version),"
    " FOREIGN KEY (issuer_name, issuer_version) REFERENCES key_version (key_name, version))",
};

// Rollovers, and who knows a key that should not.
constexpr std::array<std::string_view, 5> kRollover{
    // Which version of a key is in force, and from when; the latest that has come counts.
    "CREATE TABLE key_force ("
    " key_name TEXT NOT NULL,"
    " version BIGINT NOT NULL,"
    " since TEXT NOT NULL,"
    " PRIMARY KEY (key_name, version),"
    " FOREIGN KEY (key_name, version) REFERENCES key_version (key_name, version))",
    // Until now that was the newest that a whole pool had proven.
    "INSERT INTO key_force (key_name, version, since)"
    " SELECT key_name, MAX(version), '2000-01-01T00:00:00Z' FROM key_version"
    " WHERE pool IS NOT NULL AND state = 'proven' GROUP BY key_name",
    // What was decided of a rollover; where it stands follows from what is known of the pool.
    "CREATE TABLE rollover ("
    " id TEXT NOT NULL PRIMARY KEY,"
    " number BIGINT NOT NULL UNIQUE,"
    " pool TEXT NOT NULL REFERENCES pool (name),"
    " key_name TEXT NOT NULL,"
    " from_version BIGINT NOT NULL,"
    " to_version BIGINT NOT NULL,"
    " cause TEXT NOT NULL,"
    " state TEXT NOT NULL,"
    " details TEXT NOT NULL,"  // JSON: dates, reason
    " history TEXT NOT NULL,"  // JSON: each state with its time
    " ended_at TEXT,"
    " FOREIGN KEY (key_name, from_version) REFERENCES key_version (key_name, version))",
    "CREATE UNIQUE INDEX rollover_running ON rollover (key_name) WHERE ended_at IS NULL",
    // A version that somebody knows or may know who should not. Without a member: anybody.
    "CREATE TABLE exposure ("
    " number BIGINT NOT NULL PRIMARY KEY,"
    " pool TEXT NOT NULL REFERENCES pool (name),"
    " member TEXT,"
    " key_name TEXT NOT NULL,"
    " version BIGINT NOT NULL,"
    " reason TEXT NOT NULL,"
    " since TEXT NOT NULL,"
    " deadline TEXT,"
    " destruction TEXT NOT NULL,"  // of the member's replica: 'unproven', 'proven'
    " ended_at TEXT,"              // the version was rotated
    " FOREIGN KEY (key_name, version) REFERENCES key_version (key_name, version))",
};

// Members without a token: Windows Edge Servers, each with a delivery station.
constexpr std::array<std::string_view, 2> kStation{
    "ALTER TABLE member ADD COLUMN keys_in TEXT",  // 'token' or 'software'; NULL: as before, token
    // At a station: each PFX that was written, and what its host said of it.
    "CREATE TABLE pfx ("
    " nonce TEXT NOT NULL PRIMARY KEY,"
    " key_name TEXT NOT NULL,"
    " version BIGINT NOT NULL,"
    " certificate_sha256 TEXT NOT NULL,"
    " thumbprint TEXT NOT NULL,"  // SHA-1, as Windows names certificates
    " spki TEXT NOT NULL,"
    " not_after TEXT NOT NULL,"
    " types TEXT NOT NULL,"  // of Set-CsCertificate, between blanks
    " effective_at TEXT,"    // NULL: at once
    " written_at TEXT NOT NULL,"
    " receipt TEXT,"
    " signed TEXT,"  // 'yes': by the imported key; 'no': it rests on the word of a person
    " received_at TEXT)",
};

// The service: who may come in for the first time, what was answered, and how much was signed.
constexpr std::array<std::string_view, 7> kService{
    // One-time codes, by their SHA-256: a code has 125 random bits, so nobody finds it from there.
    "CREATE TABLE invitation ("
    " code_sha256 TEXT NOT NULL PRIMARY KEY,"
    " kind TEXT NOT NULL CHECK (kind IN ('member', 'client')),"
    " pool TEXT NOT NULL,"  // of a member; else empty
    " name TEXT NOT NULL,"
    " created_at TEXT NOT NULL,"
    " expires TEXT NOT NULL,"
    " bound_to TEXT NOT NULL,"  // SHA-256 of what it was used for; empty: not used yet
    " used_at TEXT,"
    " withdrawn_at TEXT)",
    "CREATE INDEX invitation_of ON invitation (name, pool, kind)",
    // What a member's agent said of itself, last.
    "CREATE TABLE report ("
    " pool TEXT NOT NULL REFERENCES pool (name),"
    " member TEXT NOT NULL,"
    " received_at TEXT NOT NULL,"
    " skew_seconds BIGINT NOT NULL,"  // the member's clock less ours
    " agent TEXT NOT NULL,"           // its version
    " note TEXT NOT NULL,"            // what it could not do
    " PRIMARY KEY (pool, member))",
    // From now on the register says by these words who a client is; profiles of a configuration
    // cannot have them any more.
    "UPDATE ca_certificate SET profile = 'signed as ' || profile"
    " WHERE profile IN ('service', 'member', 'client')",
    // Answers to calls that carry an Idempotency-Key, for a day.
    "CREATE TABLE idempotency ("
    " principal TEXT NOT NULL,"
    " idempotency_key TEXT NOT NULL,"
    " digest TEXT NOT NULL,"  // SHA-256 of the call
    " owner TEXT NOT NULL,"   // the run of the service that works on it, or did
    " status BIGINT,"         // NULL: begun and not answered
    " content_type TEXT,"
    " headers TEXT,"  // JSON: pairs of name and value
    " body TEXT,"     // base64
    " created_at TEXT NOT NULL,"
    " PRIMARY KEY (principal, idempotency_key))",
    "CREATE INDEX idempotency_age ON idempotency (created_at)",
    // Signatures made for a principal on a day (UTC).
    "CREATE TABLE quota ("
    " principal TEXT NOT NULL,"
    " day TEXT NOT NULL,"
    " used BIGINT NOT NULL,"
    " PRIMARY KEY (principal, day))",
};

constexpr std::array kMigrations{
    Migration{1, "initial", kInitial},           Migration{2, "the life of requests", kRequestLife},
    Migration{3, "embedded CA", kAuthority},     Migration{4, "rollover", kRollover},
    Migration{5, "delivery stations", kStation}, Migration{6, "service", kService},
};

std::int64_t schema_version(Database& database) {
  const auto newest = database.row("SELECT MAX(version) AS newest FROM schema_version");
  return newest && !newest->is_null("newest") ? newest->integer("newest") : 0;
}

}  // namespace

std::span<const Migration> migrations() { return kMigrations; }

void migrate(Database& database) {
  // Looked at first without the write lock, so that opening a current database never waits.
  const std::int64_t newest = kMigrations.back().number;
  const std::int64_t found = schema_version(database);
  if (found > newest)
    throw Error(Errc::kUnsupported,
                "'" + database.path().string() + "' was written by a newer poolkey (schema " +
                    std::to_string(found) + "; this one knows up to " + std::to_string(newest) +
                    "): use that version, or restore the copy made before the upgrade");
  for (const Migration& migration : kMigrations) {
    if (migration.number <= found) continue;
    Transaction transaction(database);
    if (schema_version(database) >= migration.number) continue;  // another process was quicker
    for (const std::string_view statement : migration.statements) database.run(statement);
    database.run("INSERT INTO schema_version (version, name) VALUES (:version, :name)",
                 {{"version", migration.number}, {"name", std::string(migration.name)}});
    transaction.commit();
  }
}

}  // namespace poolkey::store
