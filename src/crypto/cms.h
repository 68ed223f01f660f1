// Signed documents (CMS SignedData, RFC 5652): envelopes, attestations, audit checkpoints.
// May touch: OpenSSL (in the .cc). Called by: pool, audit's callers, app.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "crypto/certificate.h"

struct evp_pkey_st;
struct ossl_lib_ctx_st;
struct x509_st;

namespace poolkey::crypto::cms {

/// Attached SignedData in DER: SHA-256, content type `content_type_oid` (dotted, also 2.25.<uuid>),
/// signed attributes, the signer's certificate and `chain` inside. OpenSSL writes a signing time;
/// nobody of ours reads it. `key` may be of any provider in `libctx`. Throws kInvalidArgument for a
/// bad OID or a key that is not the signer's, kInternal if signing fails.
Bytes sign(ByteView content, std::string_view content_type_oid, const Certificate& signer,
           evp_pkey_st* key, const std::vector<Certificate>& chain,
           ossl_lib_ctx_st* libctx = nullptr);

/// sign() for many documents of one signer: what is the same in each is checked once. `key` and
/// `libctx` must outlive it. May be used by several threads.
class Signer {
 public:
  /// Throws kInvalidArgument for a key that is not the signer's.
  Signer(Certificate signer, evp_pkey_st* key, std::vector<Certificate> chain,
         ossl_lib_ctx_st* libctx = nullptr);

  /// Throws kInvalidArgument for a bad OID, kInternal if signing fails.
  Bytes sign(ByteView content, std::string_view content_type_oid) const;

 private:
  Certificate signer_;
  std::shared_ptr<x509_st> own_;  ///< OpenSSL keeps in it what it asked of the key's provider
  evp_pkey_st* key_;
  std::vector<Certificate> chain_;
  ossl_lib_ctx_st* libctx_;
};

/// The certificates that a document carries. Nobody vouches for them: they are for finding a root
/// whose fingerprint is known from elsewhere. Throws kCorrupt for what is no SignedData.
std::vector<Certificate> carried_certificates(ByteView der);

/// What verify() vouches for.
struct SignedContent {
  Bytes content;
  Certificate signer;
};

/// The content, after these hold: one signer, whose certificate chains to exactly `root` (dates are
/// not looked at: no clock is trusted) and carries the extended key usage `required_eku` (dotted;
/// "" where the caller checks the signer itself); content type as asked, in the signed attributes
/// too; digest and signature good with SHA-2. Throws kCorrupt with a sentence that tells apart: no
/// signed document, wrong content type, stranger's root, wrong role, tampered content.
SignedContent verify(ByteView der, std::string_view content_type_oid, const Certificate& root,
                     std::string_view required_eku);

/// verify() for a foreign process: gives the content, and does everything in `libctx` with
/// algorithms that `properties` select. Nothing is kept, and the default context is not used.
Bytes verify_in(ossl_lib_ctx_st* libctx, const char* properties, ByteView der,
                std::string_view content_type_oid, std::string_view root_pem,
                std::string_view required_eku);

}  // namespace poolkey::crypto::cms
