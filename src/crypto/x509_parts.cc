#include "crypto/x509_parts.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "crypto/der_guard.h"
#include "crypto/digest.h"

namespace poolkey::crypto {
namespace {

using DistPoints = std::unique_ptr<CRL_DIST_POINTS, Free<CRL_DIST_POINTS_free>>;
using DistPoint = std::unique_ptr<DIST_POINT, Free<DIST_POINT_free>>;
using AuthorityInfo = std::unique_ptr<AUTHORITY_INFO_ACCESS, Free<AUTHORITY_INFO_ACCESS_free>>;
using AccessPtr = std::unique_ptr<ACCESS_DESCRIPTION, Free<ACCESS_DESCRIPTION_free>>;
using AuthorityKey = std::unique_ptr<AUTHORITY_KEYID, Free<AUTHORITY_KEYID_free>>;
using Constraints = std::unique_ptr<BASIC_CONSTRAINTS, Free<BASIC_CONSTRAINTS_free>>;
using ExtendedUsage = std::unique_ptr<EXTENDED_KEY_USAGE, Free<EXTENDED_KEY_USAGE_free>>;
using GeneralNamePtr = std::unique_ptr<GENERAL_NAME, Free<GENERAL_NAME_free>>;

struct Part {
  int nid;
  std::string DistinguishedName::*member;
  std::string_view what;
  std::size_t limit;  // RFC 5280 appendix A.1 upper bounds
};
constexpr std::array kParts{
    Part{NID_countryName, &DistinguishedName::country, "country", 2},
    Part{NID_stateOrProvinceName, &DistinguishedName::state, "state", 128},
    Part{NID_localityName, &DistinguishedName::locality, "locality", 128},
    Part{NID_organizationName, &DistinguishedName::organization, "organization", 64},
    Part{NID_organizationalUnitName, &DistinguishedName::organizational_unit, "organizational unit",
         64},
    Part{NID_commonName, &DistinguishedName::common_name, "common name", 64},
};

[[noreturn]] void fail() { throw_openssl(Errc::kInternal, "OpenSSL could not build an extension"); }

ExtensionPtr encode(int nid, bool critical, void* value) {
  ExtensionPtr out(X509V3_EXT_i2d(nid, critical ? 1 : 0, value));
  if (!out) fail();
  return out;
}

bool printable_ascii(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

GeneralNamePtr make_general_name(int type, std::string_view text) {
  if (!printable_ascii(text))
    throw Error(Errc::kInvalidArgument,
                "a name for a certificate is empty or holds blanks, control or non-ASCII octets");
  GeneralNamePtr out(GENERAL_NAME_new());
  ASN1_IA5STRING* value = ASN1_IA5STRING_new();
  if (!out || value == nullptr ||
      ASN1_STRING_set(value, text.data(), static_cast<int>(text.size())) != 1) {
    ASN1_IA5STRING_free(value);
    fail();
  }
  GENERAL_NAME_set0_value(out.get(), type, value);
  return out;
}

GeneralNamePtr make_address(const std::string& text) {
  const ErrorMark mark;
  Asn1OctetsPtr value(a2i_IPADDRESS(text.c_str()));
  if (!value)
    throw Error(Errc::kInvalidArgument, "'" + text + "' is no IP address for a certificate");
  GeneralNamePtr out(GENERAL_NAME_new());
  if (!out) fail();
  GENERAL_NAME_set0_value(out.get(), GEN_IPADD, value.release());
  return out;
}

/// Moves `item` into a stack that owns what it holds.
template <auto Push, class Stack, class Item>
void push(Stack* stack, Item item) {
  if (item == nullptr || Push(stack, item.get()) <= 0) fail();
  static_cast<void>(item.release());
}

GeneralNamesPtr general_names(int type, const std::vector<std::string>& texts) {
  GeneralNamesPtr out(GENERAL_NAMES_new());
  if (!out) fail();
  for (const std::string& text : texts)
    push<[](GENERAL_NAMES* s, GENERAL_NAME* n) { return sk_GENERAL_NAME_push(s, n); }>(
        out.get(), make_general_name(type, text));
  return out;
}

/// "sip.contoso.com\0.evil.com" is one name to some programs and another to others.
std::string without_nul(std::string text, const std::string& what) {
  const auto nul = text.find('\0');
  if (nul != std::string::npos)
    throw Error(Errc::kCorrupt, what + " holds a NUL octet behind its first " +
                                    std::to_string(nul) +
                                    " octets, so that not everybody reads the same name");
  return text;
}

std::string octets(const ASN1_STRING* value) {
  return without_nul({reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                      static_cast<std::size_t>(ASN1_STRING_length(value))},
                     "a subject alternative name");
}

std::string address(const ASN1_OCTET_STRING* value) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int size = ASN1_STRING_length(value);
  const int family = size == 4 ? AF_INET : AF_INET6;
  const bool known = size == 4 || size == 16;
  return known && inet_ntop(family, ASN1_STRING_get0_data(value), text.data(), text.size()) !=
                      nullptr
             ? text.data()
             : "";
}

AlternativeNames read_names(const GENERAL_NAMES* names) {
  AlternativeNames out;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    int type = 0;
    const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
    const auto* string = static_cast<const ASN1_STRING*>(value);
    if (type == GEN_DNS) {
      out.dns.push_back(octets(string));
    } else if (type == GEN_EMAIL) {
      out.email.push_back(octets(string));
    } else if (type == GEN_URI) {
      out.uri.push_back(octets(string));
    } else if (type == GEN_IPADD && !address(string).empty()) {
      out.ip.push_back(address(string));
    } else {
      ++out.other;
    }
  }
  return out;
}

/// Before OpenSSL makes an object of each.
void check_count(Extensions list, int nid, std::string_view what) {
  const int at = X509v3_get_ext_by_NID(list, nid, -1);
  if (at < 0) return;
  const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(X509v3_get_ext(list, at));
  ByteView rest(ASN1_STRING_get0_data(value), static_cast<std::size_t>(ASN1_STRING_length(value)));
  Element whole;
  if (next_element(rest, whole) && count_elements(whole.content, kMaxNames + 1) > kMaxNames)
    throw Error(Errc::kInvalidArgument, "the extension " + std::string(what) + " has more than " +
                                            std::to_string(kMaxNames) +
                                            " entries, and no more are read; ask for fewer names "
                                            "in each of several certificates");
}

std::string utf8(const ASN1_STRING* value) {
  const ErrorMark mark;
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, value);
  if (size < 0) throw Error(Errc::kCorrupt, "a part of a name does not decode");
  const std::unique_ptr<unsigned char, Free<free_memory>> owner(text);
  return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)};
}

StringKind string_kind(int tag) {
  return tag == V_ASN1_PRINTABLESTRING ? StringKind::kPrintable
         : tag == V_ASN1_UTF8STRING    ? StringKind::kUtf8
         : tag == V_ASN1_IA5STRING     ? StringKind::kIa5
                                       : StringKind::kOther;
}

std::vector<std::string> crl_urls(const CRL_DIST_POINTS* points) {
  std::vector<std::string> out;
  for (int i = 0; i < sk_DIST_POINT_num(points); ++i) {
    const DIST_POINT_NAME* name = sk_DIST_POINT_value(points, i)->distpoint;
    if (name == nullptr || name->type != 0) continue;  // 1: relative to the CRL's issuer
    const AlternativeNames names = read_names(name->name.fullname);
    out.insert(out.end(), names.uri.begin(), names.uri.end());
  }
  return out;
}

std::vector<std::string> access_urls(const AUTHORITY_INFO_ACCESS* list, int method) {
  std::vector<std::string> out;
  for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(list); ++i) {
    const ACCESS_DESCRIPTION* access = sk_ACCESS_DESCRIPTION_value(list, i);
    if (OBJ_obj2nid(access->method) == method && access->location->type == GEN_URI)
      out.push_back(octets(access->location->d.uniformResourceIdentifier));
  }
  return out;
}

/// The decoded extension, or null where there is none; `critical` is then untouched.
template <class Ptr>
Ptr read(Extensions list, int nid, std::string_view what, bool* critical) {
  check_count(list, nid, what);
  const ErrorMark mark;
  int found = -1;
  Ptr out(static_cast<typename Ptr::pointer>(X509V3_get_d2i(list, nid, &found, nullptr)));
  // -1 absent, -2 there more than once, else its criticality.
  if (!out && found != -1)
    throw Error(Errc::kCorrupt, "the extension " + std::string(what) +
                                    (found == -2 ? " is there twice" : " does not decode"));
  if (out && critical != nullptr) *critical = found == 1;
  return out;
}

}  // namespace

X509NamePtr make_name(const DistinguishedName& name) {
  X509NamePtr out(X509_NAME_new());
  if (!out) throw_openssl(Errc::kInternal, "OpenSSL could not make a name");
  for (const Part& part : kParts) {
    const std::string& text = name.*part.member;
    if (text.empty()) continue;
    if (text.size() > part.limit)
      throw Error(Errc::kInvalidArgument, "the " + std::string(part.what) + " '" + text + "' has " +
                                              std::to_string(text.size()) +
                                              " octets; a certificate has room for " +
                                              std::to_string(part.limit));
    const ErrorMark mark;
    if (text.find('\0') != std::string::npos ||
        X509_NAME_add_entry_by_NID(out.get(), part.nid, MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()), -1, 0) != 1)
      throw Error(Errc::kInvalidArgument,
                  "the " + std::string(part.what) + " '" + text + "' cannot be written" +
                      (part.nid == NID_countryName ? "; a country is two letters" : ""));
  }
  return out;
}

std::string name_text(const X509_NAME* name) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  // One line, "C=US, CN=x"; control and non-ASCII octets escaped, since people read it in
  // terminals.
  if (!bio || X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_ONELINE & ~XN_FLAG_SPC_EQ) < 0)
    throw_openssl(Errc::kCorrupt, "a name does not decode");
  return to_text(bio_bytes(bio.get()));
}

std::vector<std::string> name_values(const X509_NAME* name, int nid) {
  std::vector<std::string> out;
  for (int i = X509_NAME_get_index_by_NID(name, nid, -1); i >= 0;
       i = X509_NAME_get_index_by_NID(name, nid, i)) {
    out.push_back(without_nul(utf8(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i))),
                              "the " + std::string(OBJ_nid2ln(nid)) + " of a name"));
  }
  return out;
}

void check_name_size(const X509_NAME* name) {
  constexpr int kMaxParts = 100;
  if (const int parts = X509_NAME_entry_count(name); parts > kMaxParts)
    throw Error(Errc::kInvalidArgument, "a name has " + std::to_string(parts) + " parts; at most " +
                                            std::to_string(kMaxParts) + " are read");
}

DistinguishedName read_name(const X509_NAME* name) {
  DistinguishedName out;
  for (const Part& part : kParts) {
    const std::vector<std::string> values = name_values(name, part.nid);
    if (!values.empty()) out.*part.member = values.front();
  }
  return out;
}

std::vector<NameAttribute> name_attributes(const X509_NAME* name) {
  std::vector<NameAttribute> out;
  for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, i);
    const ASN1_STRING* data = X509_NAME_ENTRY_get_data(entry);
    out.push_back({oid_text(X509_NAME_ENTRY_get_object(entry)), utf8(data),
                   string_kind(ASN1_STRING_type(data)), X509_NAME_ENTRY_set(entry)});
  }
  return out;
}

Asn1ObjectPtr make_oid(std::string_view dotted) {
  const ErrorMark mark;
  Asn1ObjectPtr out(OBJ_txt2obj(std::string(dotted).c_str(), 1));
  if (!out) throw Error(Errc::kInvalidArgument, "'" + std::string(dotted) + "' is no dotted OID");
  return out;
}

std::string oid_text(const ASN1_OBJECT* oid) {
  const int size = OBJ_obj2txt(nullptr, 0, oid, 1);
  if (size <= 0) throw Error(Errc::kCorrupt, "an object identifier does not decode");
  std::string out(static_cast<std::size_t>(size) + 1, '\0');
  OBJ_obj2txt(out.data(), size + 1, oid, 1);
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::string algorithm_name(const ASN1_OBJECT* oid) {
  const int nid = OBJ_obj2nid(oid);
  return nid == NID_undef ? oid_text(oid) : OBJ_nid2ln(nid);
}

Asn1TimePtr make_time(Time time) {
  // UTCTime through 2049, GeneralizedTime after (RFC 5280 4.1.2.5): OpenSSL chooses so.
  Asn1TimePtr out(ASN1_TIME_set(nullptr, std::chrono::system_clock::to_time_t(time)));
  if (!out) throw_openssl(Errc::kInvalidArgument, "the date cannot be written in a certificate");
  return out;
}

Time read_time(const ASN1_TIME* time) {
  std::tm tm{};
  const ErrorMark mark;
  if (time == nullptr || ASN1_TIME_to_tm(time, &tm) != 1)
    throw Error(Errc::kCorrupt, "a date of the certificate does not decode");
  using std::chrono::year, std::chrono::month, std::chrono::day;
  const std::chrono::sys_days date = year(tm.tm_year + 1900) /
                                     month(static_cast<unsigned>(tm.tm_mon + 1)) /
                                     day(static_cast<unsigned>(tm.tm_mday));
  return date + std::chrono::hours(tm.tm_hour) + std::chrono::minutes(tm.tm_min) +
         std::chrono::seconds(tm.tm_sec);
}

Bytes key_identifier(const PublicKey& key) {
  const unsigned char* bits = nullptr;
  int size = 0;
  using X509Pubkey = std::unique_ptr<X509_PUBKEY, Free<X509_PUBKEY_free>>;
  const auto spki = from_der<X509Pubkey, d2i_X509_PUBKEY>(key.spki_der());
  if (!spki || X509_PUBKEY_get0_param(nullptr, &bits, &size, nullptr, spki.get()) != 1)
    throw_openssl(Errc::kInternal, "a public key does not decode again");
  Bytes out = sha256({bits, static_cast<std::size_t>(size)});
  out.resize(20);
  return out;
}

ExtensionPtr basic_constraints(bool ca, std::optional<int> path_length) {
  const Constraints value(BASIC_CONSTRAINTS_new());
  if (!value) fail();
  value->ca = ca ? 0xff : 0;
  if (ca && path_length) {
    value->pathlen = ASN1_INTEGER_new();
    if (value->pathlen == nullptr || ASN1_INTEGER_set(value->pathlen, *path_length) != 1) fail();
  }
  return encode(NID_basic_constraints, true, value.get());
}

ExtensionPtr key_usage_extension(const KeyUsages& usages) {
  const Asn1BitsPtr bits(ASN1_BIT_STRING_new());
  if (!bits) fail();
  for (const KeyUsage usage : usages)
    if (ASN1_BIT_STRING_set_bit(bits.get(), static_cast<int>(usage), 1) != 1) fail();
  return encode(NID_key_usage, true, bits.get());
}

ExtensionPtr extended_key_usage_extension(const std::vector<std::string>& oids) {
  const ExtendedUsage list(EXTENDED_KEY_USAGE_new());
  if (!list) fail();
  for (const std::string& oid : oids)
    push<[](EXTENDED_KEY_USAGE* s, ASN1_OBJECT* o) { return sk_ASN1_OBJECT_push(s, o); }>(
        list.get(), make_oid(oid));
  return encode(NID_ext_key_usage, false, list.get());
}

ExtensionPtr san_extension(const std::vector<std::string>& dns, bool critical,
                           const std::vector<std::string>& ip) {
  const std::size_t count = dns.size() + ip.size();
  if (count > kMaxNames)
    throw Error(Errc::kInvalidArgument, "a certificate for " + std::to_string(count) +
                                            " names is wanted; it has room for " +
                                            std::to_string(kMaxNames));
  const GeneralNamesPtr names = general_names(GEN_DNS, dns);
  for (const std::string& address : ip)
    push<[](GENERAL_NAMES* s, GENERAL_NAME* n) { return sk_GENERAL_NAME_push(s, n); }>(
        names.get(), make_address(address));
  return encode(NID_subject_alt_name, critical, names.get());
}

ExtensionPtr crl_extension(const std::vector<std::string>& urls) {
  const DistPoints list(CRL_DIST_POINTS_new());
  DistPoint point(DIST_POINT_new());
  if (!list || !point) fail();
  // One distribution point with several names: the same list at each address.
  point->distpoint = DIST_POINT_NAME_new();
  if (point->distpoint == nullptr) fail();
  point->distpoint->type = 0;
  point->distpoint->name.fullname = general_names(GEN_URI, urls).release();
  push<[](CRL_DIST_POINTS* s, DIST_POINT* p) { return sk_DIST_POINT_push(s, p); }>(
      list.get(), std::move(point));
  return encode(NID_crl_distribution_points, false, list.get());
}

ExtensionPtr authority_info_extension(const std::vector<std::string>& ca_issuers,
                                      const std::vector<std::string>& ocsp) {
  const AuthorityInfo list(AUTHORITY_INFO_ACCESS_new());
  if (!list) fail();
  const auto add = [&](int method, const std::vector<std::string>& urls) {
    for (const std::string& url : urls) {
      AccessPtr access(ACCESS_DESCRIPTION_new());
      if (!access) fail();
      ASN1_OBJECT_free(access->method);
      access->method = OBJ_nid2obj(method);
      GENERAL_NAME_free(access->location);
      access->location = nullptr;
      access->location = make_general_name(GEN_URI, url).release();
      push<[](AUTHORITY_INFO_ACCESS* s, ACCESS_DESCRIPTION* a) {
        return sk_ACCESS_DESCRIPTION_push(s, a);
      }>(list.get(), std::move(access));
    }
  };
  add(NID_ad_ca_issuers, ca_issuers);
  add(NID_ad_OCSP, ocsp);
  return encode(NID_info_access, false, list.get());
}

ExtensionPtr subject_key_extension(ByteView identifier) {
  const Asn1OctetsPtr value(ASN1_OCTET_STRING_new());
  if (!value || ASN1_OCTET_STRING_set(value.get(), identifier.data(),
                                      static_cast<int>(identifier.size())) != 1)
    fail();
  return encode(NID_subject_key_identifier, false, value.get());
}

ExtensionPtr authority_key_extension(ByteView identifier) {
  const AuthorityKey value(AUTHORITY_KEYID_new());
  if (!value) fail();
  value->keyid = ASN1_OCTET_STRING_new();
  if (value->keyid == nullptr || ASN1_OCTET_STRING_set(value->keyid, identifier.data(),
                                                       static_cast<int>(identifier.size())) != 1)
    fail();
  return encode(NID_authority_key_identifier, false, value.get());
}

ExtensionPtr ocsp_no_check_extension() {
  const std::unique_ptr<ASN1_NULL, Free<ASN1_NULL_free>> value(ASN1_NULL_new());
  if (!value) fail();
  return encode(NID_id_pkix_OCSP_noCheck, false, value.get());
}

ExtensionFacts read_extensions(Extensions list) {
  ExtensionFacts out;
  if (const auto names =
          read<GeneralNamesPtr>(list, NID_subject_alt_name, "subjectAltName", &out.san_critical)) {
    out.has_san = true;
    out.sans = read_names(names.get());
  }
  if (const auto usages =
          read<ExtendedUsage>(list, NID_ext_key_usage, "extKeyUsage", &out.eku_critical)) {
    for (int i = 0; i < sk_ASN1_OBJECT_num(usages.get()); ++i)
      out.extended_key_usage.push_back(oid_text(sk_ASN1_OBJECT_value(usages.get(), i)));
  }
  if (const auto bits =
          read<Asn1BitsPtr>(list, NID_key_usage, "keyUsage", &out.key_usage_critical)) {
    out.key_usage.emplace();
    for (int i = 0; i <= static_cast<int>(KeyUsage::kDecipherOnly); ++i)
      if (ASN1_BIT_STRING_get_bit(bits.get(), i) == 1)
        out.key_usage->insert(static_cast<KeyUsage>(i));
  }
  if (const auto value =
          read<Constraints>(list, NID_basic_constraints, "basicConstraints", nullptr))
    out.is_ca = value->ca != 0;
  if (const auto points =
          read<DistPoints>(list, NID_crl_distribution_points, "cRLDistributionPoints", nullptr))
    out.crl_distribution_points = crl_urls(points.get());
  if (const auto access =
          read<AuthorityInfo>(list, NID_info_access, "authorityInfoAccess", nullptr)) {
    out.ca_issuers = access_urls(access.get(), NID_ad_ca_issuers);
    out.ocsp = access_urls(access.get(), NID_ad_OCSP);
  }
  return out;
}

X509Content read_content(const X509_NAME* subject, Extensions list, X509_PUBKEY* key,
                         const X509_ALGOR* signature) {
  X509Content out(PublicKey::from_spki_der(to_der<i2d_X509_PUBKEY>(key)));
  static_cast<ExtensionFacts&>(out) = read_extensions(list);
  out.subject = name_text(subject);
  out.attributes = name_attributes(subject);
  out.name = read_name(subject);
  out.common_names = name_values(subject, NID_commonName);
  out.organizational_units = name_values(subject, NID_organizationalUnitName);
  X509_ALGOR* algorithm = nullptr;
  X509_PUBKEY_get0_param(nullptr, nullptr, nullptr, &algorithm, key);
  out.key_algorithm = to_der<i2d_X509_ALGOR>(algorithm);
  const ASN1_OBJECT* oid = nullptr;
  X509_ALGOR_get0(&oid, nullptr, nullptr, signature);
  out.signature_algorithm = algorithm_name(oid);
  return out;
}

namespace {

/// By EVP_DigestSignInit_ex or EVP_DigestVerifyInit_ex.
template <auto Init>
EvpMdCtx signature_context(EVP_PKEY* key, std::string_view hash, OSSL_LIB_CTX* libctx) {
  const bool plain = signs_without_digest(key);
  if (!plain) fetch_digest(hash);
  const std::string name(hash);
  EvpMdCtx ctx(EVP_MD_CTX_new());
  if (!ctx ||
      Init(ctx.get(), nullptr, plain ? nullptr : name.c_str(), libctx, nullptr, key, nullptr) != 1)
    throw_openssl(Errc::kUnsupported, "the key cannot sign with digest '" + name + "'");
  return ctx;
}

}  // namespace

EvpMdCtx signing_context(EVP_PKEY* key, std::string_view hash, OSSL_LIB_CTX* libctx) {
  return signature_context<EVP_DigestSignInit_ex>(key, hash, libctx);
}

EvpMdCtx verifying_context(EVP_PKEY* key, std::string_view hash) {
  return signature_context<EVP_DigestVerifyInit_ex>(key, hash, nullptr);
}

}  // namespace poolkey::crypto
