#include "crypto/key_reference.h"

#include <algorithm>

#include "crypto/openssl.h"

namespace poolkey::crypto {
namespace {

constexpr std::string_view kVersion = "poolkey key reference v1";
constexpr std::string_view kPeerVersion = "PKCS#11 Provider URI v1.0";
constexpr std::size_t kFingerprint = 32;

void free_types(ASN1_SEQUENCE_ANY* p) noexcept { sk_ASN1_TYPE_pop_free(p, ASN1_TYPE_free); }
using Asn1Sequence = std::unique_ptr<ASN1_SEQUENCE_ANY, Free<free_types>>;

void append(ASN1_SEQUENCE_ANY* sequence, int type, ByteView octets) {
  std::unique_ptr<ASN1_TYPE, Free<ASN1_TYPE_free>> element(ASN1_TYPE_new());
  std::unique_ptr<ASN1_STRING, Free<ASN1_STRING_free>> string(ASN1_STRING_type_new(type));
  if (!element || !string ||
      ASN1_STRING_set(string.get(), octets.data(), static_cast<int>(octets.size())) != 1)
    throw_openssl(Errc::kInternal, "OpenSSL could not encode a key reference");
  ASN1_TYPE_set(element.get(), type, string.release());
  if (sk_ASN1_TYPE_push(sequence, element.get()) <= 0)
    throw_openssl(Errc::kInternal, "OpenSSL could not encode a key reference");
  static_cast<void>(element.release());
}

Bytes encoded(const KeyReference& reference) {
  const Asn1Sequence sequence(sk_ASN1_TYPE_new_null());
  if (!sequence) throw_openssl(Errc::kInternal, "OpenSSL could not encode a key reference");
  append(sequence.get(), V_ASN1_VISIBLESTRING, view(kVersion));
  append(sequence.get(), V_ASN1_UTF8STRING, view(reference.uri));
  append(sequence.get(), V_ASN1_OCTET_STRING, reference.fingerprint);
  return to_der<i2d_ASN1_SEQUENCE_ANY>(sequence.get());
}

[[noreturn]] void bad(const std::string& what) {
  throw Error(Errc::kCorrupt,
              "the key reference " + what + "; write it again with 'poolkey key reference'");
}

Bytes element(const ASN1_SEQUENCE_ANY* sequence, int index, int type) {
  const ASN1_TYPE* at = sk_ASN1_TYPE_value(sequence, index);
  if (at == nullptr || at->type != type) bad("does not consist of what belongs into one");
  const ASN1_STRING* string = at->value.asn1_string;
  const unsigned char* data = ASN1_STRING_get0_data(string);
  return {data, data + ASN1_STRING_length(string)};
}

void check_uri(std::string_view uri) {
  if (!uri.starts_with("pkcs11:") && !uri.starts_with("poolkey:"))
    bad("names neither a pkcs11: nor a poolkey: URI");
  if (uri.size() > kMaxReferenceUri) bad("has a URI of more than 4096 octets");
  if (std::ranges::any_of(uri, [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; }))
    bad("has a control character in its URI");
}

}  // namespace

std::string reference_pem(const KeyReference& reference) {
  const Bytes der = encoded(reference);
  try {
    static_cast<void>(parse_reference(kReferenceLabel, der));
  } catch (const Error& error) {
    throw Error(Errc::kInvalidArgument, error.what());
  }
  return pem_block(kReferenceLabel, der);
}

KeyReference parse_reference(std::string_view label, ByteView der) {
  const bool ours = label == kReferenceLabel;
  const auto sequence = from_der<Asn1Sequence, d2i_ASN1_SEQUENCE_ANY>(der);
  // Encoded again it must be the same: DER, and nothing behind it.
  if (!sequence || !std::ranges::equal(to_der<i2d_ASN1_SEQUENCE_ANY>(sequence.get()), der))
    bad("is damaged: it is not one SEQUENCE in DER");
  if (sk_ASN1_TYPE_num(sequence.get()) != (ours ? 3 : 2))
    bad("does not consist of what belongs into one");
  if (to_text(element(sequence.get(), 0, V_ASN1_VISIBLESTRING)) != (ours ? kVersion : kPeerVersion))
    bad("is of a version that this poolkey does not know");
  KeyReference out;
  out.uri = to_text(element(sequence.get(), 1, V_ASN1_UTF8STRING));
  check_uri(out.uri);
  if (ours) {
    out.fingerprint = element(sequence.get(), 2, V_ASN1_OCTET_STRING);
    if (out.fingerprint.size() != kFingerprint) bad("has a fingerprint that is no SHA-256");
  }
  return out;
}

}  // namespace poolkey::crypto
