#include "crypto/template_extension.h"

#include "crypto/openssl.h"
#include "crypto/x509_parts.h"

namespace poolkey::crypto {
namespace {

constexpr std::string_view kName = "1.3.6.1.4.1.311.20.2", kOid = "1.3.6.1.4.1.311.21.7";

inline void free_types(STACK_OF(ASN1_TYPE) * p) noexcept {
  sk_ASN1_TYPE_pop_free(p, ASN1_TYPE_free);
}
using TypePtr = std::unique_ptr<ASN1_TYPE, Free<ASN1_TYPE_free>>;
using TypesPtr = std::unique_ptr<STACK_OF(ASN1_TYPE), Free<free_types>>;
using StringPtr = std::unique_ptr<ASN1_STRING, Free<ASN1_STRING_free>>;

[[noreturn]] void fail() { throw_openssl(Errc::kInternal, "OpenSSL could not build an extension"); }

[[noreturn]] void bad(std::string_view what) {
  throw Error(Errc::kCorrupt,
              "the extension " + std::string(what) + " of a template does not decode");
}

void add(STACK_OF(X509_EXTENSION) * list, std::string_view oid, const Bytes& value) {
  const Asn1OctetsPtr octets(ASN1_OCTET_STRING_new());
  if (!octets ||
      ASN1_OCTET_STRING_set(octets.get(), value.data(), static_cast<int>(value.size())) != 1)
    fail();
  ExtensionPtr extension(
      X509_EXTENSION_create_by_OBJ(nullptr, make_oid(oid).get(), 0, octets.get()));
  if (!extension || sk_X509_EXTENSION_push(list, extension.get()) <= 0) fail();
  static_cast<void>(extension.release());
}

Bytes name_octets(const std::string& name) {
  const ErrorMark mark;
  ASN1_STRING* string = nullptr;
  const bool fits = name.find('\0') == std::string::npos &&
                    ASN1_mbstring_copy(&string, reinterpret_cast<const unsigned char*>(name.data()),
                                       static_cast<int>(name.size()), MBSTRING_UTF8,
                                       B_ASN1_BMPSTRING) == V_ASN1_BMPSTRING;
  const StringPtr owner(string);
  if (!fits)
    throw Error(Errc::kInvalidArgument, "the template name '" + name +
                                            "' cannot be written as a BMPString; use the CN that "
                                            "'certutil -template' shows");
  return to_der<i2d_ASN1_BMPSTRING>(string);
}

/// Takes the value over.
void push(STACK_OF(ASN1_TYPE) * list, int type, void* value) {
  TypePtr item(ASN1_TYPE_new());
  if (!item || value == nullptr) fail();
  ASN1_TYPE_set(item.get(), type, value);
  if (sk_ASN1_TYPE_push(list, item.get()) <= 0) fail();
  static_cast<void>(item.release());
}

void push(STACK_OF(ASN1_TYPE) * list, std::optional<std::uint32_t> number) {
  if (!number) return;
  Asn1IntegerPtr value(ASN1_INTEGER_new());
  if (!value || ASN1_INTEGER_set_uint64(value.get(), *number) != 1) fail();
  push(list, V_ASN1_INTEGER, value.release());
}

Bytes oid_octets(const CertificateTemplate& what) {
  if (what.minor && !what.major)
    throw Error(Errc::kInvalidArgument, "a template with a minor version has a major version too");
  const TypesPtr parts(sk_ASN1_TYPE_new_null());
  if (!parts) fail();
  push(parts.get(), V_ASN1_OBJECT, make_oid(what.oid).release());
  push(parts.get(), what.major);
  push(parts.get(), what.minor);
  return to_der<i2d_ASN1_SEQUENCE_ANY>(parts.get());
}

/// The octets of the one extension of that kind, if it is there.
std::optional<Bytes> find(Extensions list, std::string_view oid) {
  const Asn1ObjectPtr wanted = make_oid(oid);
  const int at = X509v3_get_ext_by_OBJ(list, wanted.get(), -1);
  if (at < 0) return {};
  if (X509v3_get_ext_by_OBJ(list, wanted.get(), at) >= 0)
    throw Error(Errc::kCorrupt, "the extension " + std::string(oid) + " is there twice");
  const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(X509v3_get_ext(list, at));
  const unsigned char* data = ASN1_STRING_get0_data(value);
  return Bytes(data, data + ASN1_STRING_length(value));
}

TypesPtr parts_of(const Bytes& sequence, std::string_view what) {
  auto parts = from_der<TypesPtr, d2i_ASN1_SEQUENCE_ANY>(sequence);
  if (!parts || sk_ASN1_TYPE_num(parts.get()) == 0) bad(what);
  return parts;
}

std::string text_of(const ASN1_TYPE* type) {
  if (type->type != V_ASN1_BMPSTRING && type->type != V_ASN1_UTF8STRING) bad(kName);
  unsigned char* text = nullptr;
  const ErrorMark mark;
  const int size = ASN1_STRING_to_UTF8(&text, type->value.asn1_string);
  const std::unique_ptr<unsigned char, Free<free_memory>> owner(text);
  if (size <= 0) bad(kName);
  return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)};
}

std::string read_name(const Bytes& value) {
  if (!value.empty() && value[0] == (V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED))
    return text_of(sk_ASN1_TYPE_value(parts_of(value, kName).get(), 0));
  const auto type = from_der<TypePtr, d2i_ASN1_TYPE>(value);
  if (!type) bad(kName);
  return text_of(type.get());
}

std::optional<std::uint32_t> read_number(STACK_OF(ASN1_TYPE) * parts, int at) {
  if (at >= sk_ASN1_TYPE_num(parts)) return {};
  const ASN1_TYPE* type = sk_ASN1_TYPE_value(parts, at);
  std::uint64_t out = 0;
  const ErrorMark mark;
  if (type->type != V_ASN1_INTEGER || ASN1_INTEGER_get_uint64(&out, type->value.integer) != 1 ||
      out > UINT32_MAX)
    bad(kOid);
  return static_cast<std::uint32_t>(out);
}

}  // namespace

void add_template(STACK_OF(X509_EXTENSION) * list, const CertificateTemplate& what) {
  if (!what.name.empty()) add(list, kName, name_octets(what.name));
  if (!what.oid.empty()) add(list, kOid, oid_octets(what));
}

CertificateTemplate read_template(Extensions list) {
  CertificateTemplate out;
  if (const auto value = find(list, kName)) out.name = read_name(*value);
  if (const auto value = find(list, kOid)) {
    const TypesPtr parts = parts_of(*value, kOid);
    const ASN1_TYPE* oid = sk_ASN1_TYPE_value(parts.get(), 0);
    if (oid->type != V_ASN1_OBJECT || sk_ASN1_TYPE_num(parts.get()) > 3) bad(kOid);
    out.oid = oid_text(oid->value.object);
    out.major = read_number(parts.get(), 1);
    out.minor = read_number(parts.get(), 2);
  }
  return out;
}

}  // namespace poolkey::crypto
