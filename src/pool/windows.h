// What Windows and its Edge Servers call things, and the script and receipt that go there and back.
// May touch: base, crypto. Called by: windows_delivery; cli, for thumbprints.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "pool/documents.h"

namespace poolkey::pool {

/// SHA-1 of the DER in capital hexadecimal digits, as Windows shows it.
std::string thumbprint(const crypto::Certificate& certificate);

/// The types of Set-CsCertificate for what a certificate is for. Throws kUnsupported for a role
/// that no Edge Server has.
std::vector<std::string> windows_types(const std::string& role);
/// Throws kInvalidArgument unless it is a type of an Edge Server.
void check_windows_type(const std::string& type);
/// True for types whose old certificate goes on checking tokens after the new one is in force.
bool is_rolled(const std::string& type);

/// One PFX for one Windows host.
struct WindowsDelivery {
  Address member;
  KeyVersion key;
  std::string nonce;  ///< 16 hexadecimal digits, by which its receipt is known
  std::string pfx_name, pfx_sha256;
  std::string thumbprint;
  std::vector<std::string> types;
  Time not_after;
  std::optional<Time> effective;  ///< staged (-Roll) until then; nothing: in force at once
  std::chrono::hours token_lifetime;
};

/// install.ps1: windows_install.ps1 with this delivery filled in.
std::string windows_script(const WindowsDelivery& delivery);

/// What the script saw after its work.
struct WindowsReceipt {
  struct Slot {
    std::string type, thumbprint, other, effective_at;
  };
  PoolName pool;
  MemberName member;
  KeyVersion key;
  std::string nonce, step, host;
  Time clock;  ///< of the host
  std::string thumbprint;
  bool has_private_key = false;
  std::string provider, key_spec;
  bool chain_is_valid = false;
  std::vector<Slot> slots;
  std::string statement;  ///< the octets that are signed
  Bytes signature;        ///< RSA PKCS#1 v1.5 with SHA-256 by the installed key; empty: unsigned
};
/// Throws kCorrupt.
WindowsReceipt windows_receipt(std::string_view text);

}  // namespace poolkey::pool
