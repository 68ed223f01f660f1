// The pieces that requests and certificates are made of, between our types and OpenSSL's.
// May touch: OpenSSL. Called by: csr, certificate and cms of this folder only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "crypto/content.h"
#include "crypto/openssl.h"

namespace poolkey::crypto {

/// Throws kInvalidArgument naming the part that is too long or not of its alphabet.
X509NamePtr make_name(const DistinguishedName& name);
std::string name_text(const X509_NAME* name);
/// Both throw kCorrupt for a value with a NUL octet, behind which some programs read no further.
std::vector<std::string> name_values(const X509_NAME* name, int nid);
DistinguishedName read_name(const X509_NAME* name);
/// Throws kInvalidArgument for a name of more than 100 parts.
void check_name_size(const X509_NAME* name);
/// Throws kCorrupt.
std::vector<NameAttribute> name_attributes(const X509_NAME* name);

/// Throws kInvalidArgument for what is no dotted OID.
Asn1ObjectPtr make_oid(std::string_view dotted);
std::string oid_text(const ASN1_OBJECT* oid);
/// OpenSSL's long name where it has one ("sha256WithRSAEncryption"), else the dotted OID.
std::string algorithm_name(const ASN1_OBJECT* oid);

Asn1TimePtr make_time(Time time);
/// Throws kCorrupt for a time that RFC 5280 4.1.2.5 does not allow.
Time read_time(const ASN1_TIME* time);

/// RFC 7093 section 2, method 1: the leftmost 160 bits of SHA-256 over the key bits.
Bytes key_identifier(const PublicKey& key);

ExtensionPtr basic_constraints(bool ca, std::optional<int> path_length);
ExtensionPtr key_usage_extension(const KeyUsages& usages);
ExtensionPtr extended_key_usage_extension(const std::vector<std::string>& oids);
/// Throws kInvalidArgument for a name that is empty or not ASCII, for what is no IP address, and for
/// more than kMaxNames.
ExtensionPtr san_extension(const std::vector<std::string>& dns, bool critical,
                           const std::vector<std::string>& ip = {});
ExtensionPtr crl_extension(const std::vector<std::string>& urls);
ExtensionPtr authority_info_extension(const std::vector<std::string>& ca_issuers,
                                      const std::vector<std::string>& ocsp);
ExtensionPtr subject_key_extension(ByteView identifier);
ExtensionPtr authority_key_extension(ByteView identifier);
ExtensionPtr ocsp_no_check_extension();

using Extensions = const STACK_OF(X509_EXTENSION) *;

/// What a list of extensions says. Throws kCorrupt for an extension that is there twice or does not
/// decode and for a NUL octet in a name, kInvalidArgument for more than kMaxNames names; a null
/// list is empty.
ExtensionFacts read_extensions(Extensions list);
/// Throws as read_extensions() and PublicKey::from_spki_der().
X509Content read_content(const X509_NAME* subject, Extensions list, X509_PUBKEY* key,
                         const X509_ALGOR* signature);

/// Checks that `leaf` chains through `untrusted` to exactly `root`, for any purpose, in `libctx`.
/// Throws as verify_chain().
void check_chain_to(X509* leaf, STACK_OF(X509) * untrusted, X509* root, std::optional<Time> at,
                    OSSL_LIB_CTX* libctx, const char* properties);

/// A digest-sign context ready for X509_sign_ctx and X509_REQ_sign_ctx. Throws kUnsupported.
EvpMdCtx signing_context(EVP_PKEY* key, std::string_view hash, OSSL_LIB_CTX* libctx);
/// One that verifies what that signs, with a key of the default library context.
EvpMdCtx verifying_context(EVP_PKEY* key, std::string_view hash);

}  // namespace poolkey::crypto
