#include "crypto/ocsp.h"

#include <openssl/ocsp.h>

#include <array>

#include "crypto/digest.h"
#include "crypto/openssl.h"
#include "crypto/x509_parts.h"

namespace poolkey::crypto {
namespace {

using RequestPtr = std::unique_ptr<OCSP_REQUEST, Free<OCSP_REQUEST_free>>;
using ResponsePtr = std::unique_ptr<OCSP_RESPONSE, Free<OCSP_RESPONSE_free>>;
using BasicPtr = std::unique_ptr<OCSP_BASICRESP, Free<OCSP_BASICRESP_free>>;
using CertIdPtr = std::unique_ptr<OCSP_CERTID, Free<OCSP_CERTID_free>>;

constexpr std::size_t kMostRequest = 64U << 10;
constexpr int kMostIds = 100;
constexpr std::size_t kMostNonce = 128 + 3;  // and the header of its OCTET STRING

[[noreturn]] void corrupt(const std::string& why) {
  throw Error(Errc::kCorrupt, "the OCSP request " + why);
}

[[noreturn]] void fail() {
  throw_openssl(Errc::kInternal, "OpenSSL could not build the OCSP response");
}

Bytes octets(const ASN1_STRING* text) {
  const unsigned char* data = ASN1_STRING_get0_data(text);
  return {data, data + ASN1_STRING_length(text)};
}

struct HashRow {
  int nid;
  const char* name;
};
constexpr std::array kHashes{HashRow{NID_sha1, "SHA1"}, HashRow{NID_sha256, "SHA256"},
                             HashRow{NID_sha384, "SHA384"}, HashRow{NID_sha512, "SHA512"}};

OcspCertId read_id(OCSP_CERTID* id) {
  ASN1_OCTET_STRING* name_hash = nullptr;
  ASN1_OCTET_STRING* key_hash = nullptr;
  ASN1_OBJECT* algorithm = nullptr;
  ASN1_INTEGER* serial = nullptr;
  if (OCSP_id_get0_info(&name_hash, &algorithm, &key_hash, &serial, id) != 1)
    corrupt("has a certificate identifier that does not decode");
  OcspCertId out{.der = to_der<i2d_OCSP_CERTID>(id),
                 .issuer_name_hash = octets(name_hash),
                 .issuer_key_hash = octets(key_hash),
                 .serial = hex(octets(serial))};
  if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER) out.serial.insert(0, "-");
  for (const HashRow& row : kHashes)
    if (row.nid == OBJ_obj2nid(algorithm)) out.hash = row.name;
  return out;
}

Bytes read_nonce(OCSP_REQUEST* request) {
  Bytes out;
  for (int i = 0; i < OCSP_REQUEST_get_ext_count(request); ++i) {
    X509_EXTENSION* extension = OCSP_REQUEST_get_ext(request, i);
    const ASN1_OBJECT* oid = X509_EXTENSION_get_object(extension);
    if (OBJ_obj2nid(oid) == NID_id_pkix_OCSP_Nonce) {
      if (!out.empty()) corrupt("has two nonces");
      out = octets(X509_EXTENSION_get_data(extension));
      if (out.empty() || out.size() > kMostNonce)
        corrupt("has a nonce of " + std::to_string(out.size()) + " octets; 1 to 128 are allowed");
    } else if (X509_EXTENSION_get_critical(extension) != 0) {
      corrupt("has the critical extension " + algorithm_name(oid) + ", which is not known here");
    }
  }
  return out;
}

void add_nonce(OCSP_BASICRESP* basic, ByteView nonce) {
  const Asn1OctetsPtr value(ASN1_OCTET_STRING_new());
  if (!value ||
      ASN1_OCTET_STRING_set(value.get(), nonce.data(), static_cast<int>(nonce.size())) != 1)
    fail();
  const ExtensionPtr extension(
      X509_EXTENSION_create_by_NID(nullptr, NID_id_pkix_OCSP_Nonce, 0, value.get()));
  if (!extension || OCSP_BASICRESP_add_ext(basic, extension.get(), -1) != 1) fail();
}

void add_answer(OCSP_BASICRESP* basic, const OcspAnswer& answer, const OcspResponseSpec& spec) {
  const auto id = from_der<CertIdPtr, d2i_OCSP_CERTID>(answer.id.der);
  const Asn1TimePtr this_update = make_time(spec.this_update);
  const Asn1TimePtr next_update = make_time(spec.next_update);
  const bool revoked = answer.status == OcspStatus::kRevoked;
  const bool reasoned = revoked && answer.revocation.reason != RevocationReason::kUnspecified;
  const Asn1TimePtr at = revoked ? make_time(answer.revocation.at) : nullptr;
  // OCSP has GeneralizedTime only, whatever the year; the function converts a copy of each.
  for (ASN1_TIME* time : {this_update.get(), next_update.get(), at.get()})
    if (time != nullptr && ASN1_TIME_to_generalizedtime(time, &time) == nullptr) fail();
  if (!id || OCSP_basic_add1_status(basic, id.get(),
                                    answer.status == OcspStatus::kGood ? V_OCSP_CERTSTATUS_GOOD
                                    : revoked                          ? V_OCSP_CERTSTATUS_REVOKED
                                                                       : V_OCSP_CERTSTATUS_UNKNOWN,
                                    reasoned ? static_cast<int>(answer.revocation.reason)
                                             : OCSP_REVOKED_STATUS_NOSTATUS,
                                    at.get(), this_update.get(), next_update.get()) == nullptr)
    fail();
}

/// Signs as OpenSSL does, but with our clock: OCSP_basic_sign_ctx() knows only the system's.
void sign(OCSP_BASICRESP* basic, const OcspResponseSpec& spec, const Certificate& signer,
          EVP_PKEY* key, OSSL_LIB_CTX* libctx) {
  // The object is ours and not const; OpenSSL has no setter for this field.
  auto* produced = const_cast<ASN1_GENERALIZEDTIME*>(OCSP_resp_get0_produced_at(basic));
  if (ASN1_GENERALIZEDTIME_set(produced, std::chrono::system_clock::to_time_t(spec.produced_at)) ==
      nullptr)
    fail();
  const EvpMdCtx ctx = signing_context(key, spec.hash, libctx);
  if (OCSP_basic_sign_ctx(basic, signer.x509(), ctx.get(), nullptr,
                          OCSP_NOTIME | OCSP_RESPID_KEY) != 1)
    throw_openssl(Errc::kInternal, "the signer's key did not sign the OCSP response");
}

bool verifies(ByteView response, const Certificate& signer) {
  const auto decoded = from_der<ResponsePtr, d2i_OCSP_RESPONSE>(response);
  const BasicPtr basic(decoded ? OCSP_response_get1_basic(decoded.get()) : nullptr);
  const X509StackPtr signers(sk_X509_new_null());
  return basic && signers &&
         X509_add_cert(signers.get(), signer.x509(), X509_ADD_FLAG_UP_REF) == 1 &&
         OCSP_basic_verify(basic.get(), signers.get(), nullptr, OCSP_NOVERIFY) == 1;
}

}  // namespace

bool OcspCertId::is_issued_by(const Certificate& issuer) const {
  if (hash.empty()) return false;
  const ASN1_BIT_STRING* key = X509_get0_pubkey_bitstr(issuer.x509());
  return issuer_name_hash == digest(hash, issuer.subject_der()) &&
         issuer_key_hash == digest(hash, octets(key));
}

OcspRequest parse_ocsp_request(ByteView der) {
  if (der.size() > kMostRequest)
    corrupt("has " + std::to_string(der.size()) + " octets; at most " +
            std::to_string(kMostRequest) + " are read");
  const auto request = from_der<RequestPtr, d2i_OCSP_REQUEST>(der);
  if (!request) throw Error(Errc::kCorrupt, "the octets are not one OCSP request");
  const int count = OCSP_request_onereq_count(request.get());
  if (count < 1 || count > kMostIds)
    corrupt("asks about " + std::to_string(count) + " certificates; 1 to " +
            std::to_string(kMostIds) + " are answered");
  OcspRequest out{{}, read_nonce(request.get())};
  for (int i = 0; i < count; ++i)
    out.ids.push_back(read_id(OCSP_onereq_get0_id(OCSP_request_onereq_get0(request.get(), i))));
  return out;
}

std::string_view name(OcspStatus status) {
  constexpr std::array<std::string_view, 3> kNames{"good", "revoked", "unknown"};
  return kNames[static_cast<std::size_t>(status)];
}

Bytes ocsp_response(const OcspResponseSpec& spec, const Certificate& signer, EVP_PKEY* key,
                    OSSL_LIB_CTX* libctx) {
  if (!signer.has_extended_key_usage(kOcspSigning))
    throw Error(Errc::kInvalidArgument, "'" + signer.subject() +
                                            "' may not sign OCSP responses: it has no extended key "
                                            "usage OCSPSigning");
  if (PublicKey::from_evp(key) != signer.public_key())
    throw Error(Errc::kInvalidArgument,
                "the signing key is not the key of '" + signer.subject() + "'");
  const BasicPtr basic(OCSP_BASICRESP_new());
  if (!basic) fail();
  for (const OcspAnswer& answer : spec.answers) add_answer(basic.get(), answer, spec);
  if (!spec.nonce.empty()) add_nonce(basic.get(), spec.nonce);
  sign(basic.get(), spec, signer, key, libctx);
  const ResponsePtr response(OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get()));
  if (!response) fail();
  Bytes out = to_der<i2d_OCSP_RESPONSE>(response.get());
  if (!verifies(out, signer))
    throw_openssl(Errc::kInternal,
                  "the OCSP response was signed, but its signature does not verify with the "
                  "signer's public key");
  return out;
}

std::string_view name(OcspRefusal refusal) {
  switch (refusal) {
    case OcspRefusal::kMalformedRequest:
      return "malformedRequest";
    case OcspRefusal::kInternalError:
      return "internalError";
    case OcspRefusal::kTryLater:
      return "tryLater";
    case OcspRefusal::kUnauthorized:
      return "unauthorized";
  }
  return "?";
}

Bytes ocsp_refusal(OcspRefusal refusal) {
  const ResponsePtr response(OCSP_response_create(static_cast<int>(refusal), nullptr));
  if (!response) fail();
  return to_der<i2d_OCSP_RESPONSE>(response.get());
}

}  // namespace poolkey::crypto
