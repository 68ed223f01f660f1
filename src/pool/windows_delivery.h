// From a sealed envelope to a PFX that one Windows host imports, and what that host says of it.
// May touch: keys and below. Called by: app, for `station deliver|receipt|status`.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "crypto/pfx.h"
#include "pool/software.h"
#include "pool/windows.h"

namespace poolkey::pool {

struct PfxOrder {
  KeyVersion key;
  std::vector<std::string> types{};  ///< of Set-CsCertificate; empty: those of the role
  std::optional<Time> effective{};   ///< stages the certificate until then
  crypto::PfxAlgorithms algorithms = crypto::PfxAlgorithms::kModern;
  std::filesystem::path folder;             ///< gets the PFX and the script; must not be there yet
  std::filesystem::path passphrase_file{};  ///< elsewhere, mode 0600; empty: the caller shows it
};

/// A delivery as it will be, everything checked.
struct PfxPlan {
  PfxOrder order;
  WindowsDelivery delivery;  ///< without digest, name and nonce
  std::vector<crypto::Certificate> certificates;
  std::string friendly_name;
  Statement::Version version;
  std::string rule;
};

/// Throws as check_delivery(); kNotFound without a certificate or key, kInvalidArgument for a date
/// or type that cannot be, or a passphrase file in the same folder.
PfxPlan plan_pfx(MemberSide& side, PfxOrder order);

struct WrittenPfx {
  WindowsDelivery delivery;
  SecretBytes passphrase;  ///< empty where an earlier run wrote it to its file
};
/// Opens the key in memory and writes the PFX under a random passphrase, and install.ps1; records
/// the delivery. The passphrase is neither logged nor recorded. Run again after a crash it goes on.
WrittenPfx write_pfx(MemberSide& side, const PfxPlan& plan);

struct TakenReceipt {
  WindowsReceipt receipt;
  bool is_signed;
};
/// Checks what the script says against the delivery: thumbprint, provider, key spec, every type
/// assigned, and the signature by the installed key. Throws kNotFound for no delivery of this
/// station, kConflict for a state that is not as ordered, kCorrupt for a wrong signature, kDenied
/// for one without a signature unless `unsigned_too`. `dry_run` only checks.
TakenReceipt take_windows_receipt(MemberSide& side, std::string_view text, bool unsigned_too,
                                  bool dry_run);

/// A PFX that was written here.
struct StoredPfx {
  KeyVersion key;
  std::string nonce, certificate_sha256, thumbprint, not_after, written_at;
  crypto::PublicKey public_key;
  std::vector<std::string> types;
  std::optional<std::string> effective_at, receipt, received_at;
  bool is_signed = false;
};
/// Newest first.
std::vector<StoredPfx> stored_pfx(store::Database& database);

}  // namespace poolkey::pool
