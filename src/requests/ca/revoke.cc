#include "requests/ca/revoke.h"

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "keys/origin.h"
#include "pool/safeguard.h"

namespace poolkey::requests {
namespace {

using crypto::RevocationReason;
using keys::IssuedState;

/// As Certificate::serial() writes it; empty if the text is no serial.
std::string serial_of(std::string text) {
  std::erase(text, ':');
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c;
  });
  while (text.size() > 2 && text.starts_with("00")) text.erase(0, 2);
  const bool digits = std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  return digits && text.size() <= 40 ? text : "";
}

crypto::Certificate read_certificate(const std::string& file) {
  const std::string text = read_file(file);
  return text.find("-----BEGIN") == text.npos ? crypto::Certificate::from_der(view(text))
                                              : crypto::Certificate::from_pem(text);
}

std::string described(const keys::IssuedCertificate& one) {
  return "'" + one.subject + "' (serial " + one.serial + ")";
}

std::string told(const keys::IssuedCertificate& one) {
  return described(one) + " was " + (one.state == IssuedState::kHeld ? "put on hold" : "revoked") +
         " at " + rfc3339(one.revocation.at) + " (" +
         std::string(crypto::name(one.revocation.reason)) + ")";
}

/// The register takes the change as a whole, so no journal is needed: run again it is done, or it
/// is not.
RevocationResult change(keys::Context& context, const char* verb,
                        const keys::IssuedCertificate& certificate, IssuedState state,
                        const crypto::Revocation& revocation) {
  keys::record(context, verb, certificate.serial, "", nullptr, [&]() -> json::object {
    keys::set_issued_state(context.database, certificate.serial, state, revocation);
    return {{"subject", certificate.subject},
            {"issuer", certificate.issuer.str()},
            {"state", std::string(keys::name(state))},
            {"reason", std::string(crypto::name(revocation.reason))}};
  });
  return {keys::find_issued(context.database, certificate.serial).value()};
}

void check_reason(const keys::IssuedCertificate& certificate, RevocationReason reason) {
  if (reason == RevocationReason::kRemoveFromCrl)
    throw Error(Errc::kInvalidArgument,
                "removeFromCRL ends a hold, in delta CRLs only; 'poolkey ca unhold " +
                    certificate.serial + "' ends this one");
  if (reason == RevocationReason::kAaCompromise)
    throw Error(Errc::kInvalidArgument,
                "aACompromise is for attribute certificates, which this CA does not issue");
  const bool ca =
      !certificate.pem.empty() && crypto::Certificate::from_pem(certificate.pem).is_ca();
  if (ca && reason == RevocationReason::kCertificateHold)
    throw Error(Errc::kInvalidArgument,
                "a CA certificate is not put on hold: everything under it "
                "would come and go with it; revoke it for good");
  if (!ca && reason == RevocationReason::kCaCompromise)
    throw Error(Errc::kInvalidArgument,
                described(certificate) + " is no CA certificate; write keyCompromise");
}

void refuse_self_signed(keys::Context& context, const keys::IssuedCertificate& certificate) {
  for (const keys::OriginSigner& root :
       keys::origin_versions(context.database, keys::OriginRole::kRoot))
    if (hex(root.certificate.sha256()) == certificate.sha256)
      throw Error(Errc::kInvalidArgument,
                  "a root cannot revoke itself, for nobody could believe the list: take it out of "
                  "the relying parties' stores, and run 'poolkey ca rollover root'");
}

}  // namespace

keys::IssuedCertificate issued_certificate(keys::Context& context,
                                           const std::string& serial_or_file) {
  keys::register_earlier(context.database, context.clock.now());
  if (!std::filesystem::exists(serial_or_file)) {
    const std::string serial = serial_of(serial_or_file);
    if (const auto found =
            serial.empty() ? std::nullopt : keys::find_issued(context.database, serial))
      return *found;
    throw Error(Errc::kNotFound,
                "'" + serial_or_file +
                    "' is no file, and no serial number of a certificate that this CA issued; "
                    "'poolkey ca list' shows them");
  }
  const crypto::Certificate certificate = read_certificate(serial_or_file);
  const auto found = keys::find_issued(context.database, certificate.serial());
  if (found && found->sha256 == hex(certificate.sha256())) return *found;
  throw Error(Errc::kInvalidArgument, "the certificate '" + certificate.subject() + "' in '" +
                                          serial_or_file + "' was issued by '" +
                                          certificate.issuer() + "', and not by this CA");
}

RevocationResult revoke(keys::Context& context, const keys::IssuedCertificate& certificate,
                        RevocationReason reason) {
  check_reason(certificate, reason);
  refuse_self_signed(context, certificate);
  if (pool::is_elsewhere(context.database, certificate.issuer))
    throw Error(Errc::kUnsupported,
                described(certificate) + " was issued by " + certificate.issuer.str() +
                    ", whose key was lost with the origin that this one took the place of: nobody "
                    "can sign a CRL that has it");
  const bool hold = reason == RevocationReason::kCertificateHold;
  if (certificate.state != IssuedState::kGood && certificate.revocation.reason == reason)
    return {certificate, true};
  if (certificate.state == IssuedState::kRevoked)
    throw Error(Errc::kAlreadyExists,
                told(certificate) + "; that is for good and keeps its reason");
  const Time at =
      certificate.state == IssuedState::kHeld ? certificate.revocation.at : context.clock.now();
  return change(context, "ca revoke", certificate,
                hold ? IssuedState::kHeld : IssuedState::kRevoked, {at, reason});
}

RevocationResult unhold(keys::Context& context, const keys::IssuedCertificate& certificate) {
  if (certificate.state == IssuedState::kGood) return {certificate, true};
  if (certificate.state == IssuedState::kRevoked)
    throw Error(Errc::kConflict,
                told(certificate) + "; only what is on hold can be released: issue a new one");
  return change(context, "ca unhold", certificate, IssuedState::kGood,
                {context.clock.now(), RevocationReason::kRemoveFromCrl});
}

}  // namespace poolkey::requests
