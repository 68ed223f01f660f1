// Certificate revocation lists (RFC 5280 section 5): read, checked against their issuer, and made.
// May touch: OpenSSL (in the .cc). Called by: requests, cli.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "crypto/certificate.h"
#include "crypto/revocation.h"

namespace poolkey::crypto {

/// One line of a list.
struct RevokedSerial {
  std::string serial;  ///< as Certificate::serial() gives it
  Revocation revocation;
};

/// A complete revocation list as a value, of any CA. Reading it proves nothing: verify() does.
/// Cheap to copy; may be used by several threads at once.
class Crl {
 public:
  /// Exactly one list, of at most 16 MiB. Throws kCorrupt; kUnsupported for a list that does not
  /// tell all that a look-up needs: a delta or an indirect list, one of some reasons only, or one
  /// with another critical extension.
  static Crl from_der(ByteView der);
  /// The first list of a PEM text. Throws as from_der.
  static Crl from_pem(std::string_view pem);

  const Bytes& der() const;
  std::string pem() const;
  Bytes sha256() const;

  std::string issuer() const;  ///< as Certificate::subject() writes it
  Bytes issuer_der() const;
  Bytes authority_key_id() const;  ///< empty if there is none
  /// Decimal; empty in a list that has no number (RFC 5280 5.2.3 wants one).
  const std::string& number() const;
  Time this_update() const;
  std::optional<Time> next_update() const;
  std::size_t size() const;  ///< revoked certificates in it
  /// In rising order of serials, as texts.
  const std::vector<RevokedSerial>& entries() const;
  /// When and why the certificate with this serial (as Certificate::serial()) was revoked; nothing
  /// if the list does not have it. Of this list's issuer only: look at issuer() first.
  std::optional<Revocation> find(std::string_view serial) const;

  /// Checks name, key identifier, the key usage cRLSign and the signature; dates are the caller's.
  /// Throws kCorrupt saying which of it is wrong.
  void verify(const Certificate& issuer) const;

 private:
  struct State;
  explicit Crl(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

/// What a list is to say.
struct CrlSpec {
  std::int64_t number = 0;  ///< higher than that of any list before it
  Time this_update{};
  Time next_update{};
  std::vector<RevokedSerial> revoked{};
  std::string hash = "SHA256";  ///< ignored for an Ed25519 issuer
};

/// A complete version 2 list with authority key identifier, number and reasons (but "unspecified",
/// RFC 5280 5.3.1), signed by `issuer_key` (any provider in `libctx`) and checked with the issuer's
/// public key. Throws kInvalidArgument for a spec that cannot be written, an issuer that may not
/// sign lists, or a key that is not the issuer's; kInternal if signing fails.
Bytes issue_crl(const CrlSpec& spec, const Certificate& issuer, evp_pkey_st* issuer_key,
                ossl_lib_ctx_st* libctx = nullptr);

}  // namespace poolkey::crypto
