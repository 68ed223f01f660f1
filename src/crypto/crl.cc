#include "crypto/crl.h"

#include <algorithm>

#include "crypto/digest.h"
#include "crypto/openssl.h"
#include "crypto/x509_parts.h"

namespace poolkey::crypto {

using CrlPtr = std::unique_ptr<X509_CRL, Free<X509_CRL_free>>;

struct Crl::State {
  CrlPtr crl;
  Bytes der;
  Bytes authority_key_id;
  std::string number;
  Time this_update;
  std::optional<Time> next_update;
  std::vector<RevokedSerial> entries;  ///< sorted by serial
};

namespace {

using RevokedPtr = std::unique_ptr<X509_REVOKED, Free<X509_REVOKED_free>>;
using EnumeratedPtr = std::unique_ptr<ASN1_ENUMERATED, Free<ASN1_ENUMERATED_free>>;
using AuthorityKey = std::unique_ptr<AUTHORITY_KEYID, Free<AUTHORITY_KEYID_free>>;
using DistributionPoint = std::unique_ptr<ISSUING_DIST_POINT, Free<ISSUING_DIST_POINT_free>>;

constexpr std::string_view kLabel = "X509 CRL";

[[noreturn]] void fail() { throw_openssl(Errc::kInternal, "OpenSSL could not build the CRL"); }

[[noreturn]] void corrupt(const std::string& why) { throw Error(Errc::kCorrupt, "the CRL " + why); }

/// A decoded extension; null where there is none. `get` is OpenSSL's getter with its object bound.
template <class Ptr, class Get>
Ptr read(Get get, int nid, const std::string& what) {
  const ErrorMark mark;
  int found = -1;
  Ptr out(static_cast<typename Ptr::pointer>(get(nid, &found)));
  if (!out && found != -1)
    corrupt("has the extension " + what + (found == -2 ? " twice" : " that does not decode"));
  return out;
}

std::string serial_text(const ASN1_INTEGER* serial) {
  const std::string digits =
      hex({ASN1_STRING_get0_data(serial), static_cast<std::size_t>(ASN1_STRING_length(serial))});
  return (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER ? "-" : "") + digits;
}

RevokedSerial read_entry(const X509_REVOKED* entry) {
  // Of the extensions of an entry, "certificate issuer" is critical: it makes the list indirect.
  for (int i = 0; i < X509_REVOKED_get_ext_count(entry); ++i)
    if (X509_EXTENSION_get_critical(X509_REVOKED_get_ext(entry, i)) != 0)
      throw Error(Errc::kUnsupported,
                  "the CRL has an entry with a critical extension (an indirect CRL?); give the CRL "
                  "that the issuer signs itself");
  const auto reason = read<EnumeratedPtr>(
      [&](int nid, int* found) { return X509_REVOKED_get_ext_d2i(entry, nid, found, nullptr); },
      NID_crl_reason, "reasonCode");
  const auto known = revocation_reason(reason ? ASN1_ENUMERATED_get(reason.get()) : 0);
  return {serial_text(X509_REVOKED_get0_serialNumber(entry)),
          {read_time(X509_REVOKED_get0_revocationDate(entry)),
           known.value_or(RevocationReason::kUnspecified)}};
}

/// A list that is for CAs or users only, or named by its address, still tells all of those.
bool is_complete(const X509_CRL* crl) {
  const auto point = read<DistributionPoint>(
      [&](int nid, int* found) { return X509_CRL_get_ext_d2i(crl, nid, found, nullptr); },
      NID_issuing_distribution_point, "issuingDistributionPoint");
  return !point ||
         (point->indirectCRL <= 0 && point->onlyattr <= 0 && point->onlysomereasons == nullptr);
}

void check_extensions(const X509_CRL* crl) {
  for (int i = 0; i < X509_CRL_get_ext_count(crl); ++i) {
    X509_EXTENSION* extension = X509_CRL_get_ext(crl, i);
    if (X509_EXTENSION_get_critical(extension) == 0) continue;
    const ASN1_OBJECT* oid = X509_EXTENSION_get_object(extension);
    const int nid = OBJ_obj2nid(oid);
    if (nid == NID_authority_key_identifier || nid == NID_crl_number) continue;
    if (nid == NID_delta_crl)
      throw Error(Errc::kUnsupported,
                  "it is a delta CRL, which tells changes only; give the complete CRL");
    if (nid == NID_issuing_distribution_point && is_complete(crl)) continue;
    throw Error(Errc::kUnsupported,
                "the CRL covers only a part of what its issuer revoked, or says so in the critical "
                "extension " +
                    algorithm_name(oid) + "; give the complete CRL");
  }
}

std::string decimal(const ASN1_INTEGER* number) {
  const BnPtr value(ASN1_INTEGER_to_BN(number, nullptr));
  const std::unique_ptr<char, Free<free_memory>> text(value ? BN_bn2dec(value.get()) : nullptr);
  return text ? text.get() : "";
}

Bytes authority_key_id_of(const X509_CRL* crl) {
  const auto id = read<AuthorityKey>(
      [&](int nid, int* found) { return X509_CRL_get_ext_d2i(crl, nid, found, nullptr); },
      NID_authority_key_identifier, "authorityKeyIdentifier");
  if (!id || id->keyid == nullptr) return {};
  const unsigned char* data = ASN1_STRING_get0_data(id->keyid);
  return {data, data + ASN1_STRING_length(id->keyid)};
}

std::string number_of(const X509_CRL* crl) {
  // RFC 5280 5.2.3: at most 20 octets. A longer one would only take long to print.
  const auto number = read<Asn1IntegerPtr>(
      [&](int nid, int* found) { return X509_CRL_get_ext_d2i(crl, nid, found, nullptr); },
      NID_crl_number, "cRLNumber");
  if (!number) return "";
  if (ASN1_STRING_length(number.get()) > 20) corrupt("has a number of more than 20 octets");
  return decimal(number.get());
}

}  // namespace

Crl Crl::from_der(ByteView der) {
  auto crl = crypto::from_der<CrlPtr, d2i_X509_CRL>(der);
  if (!crl) throw Error(Errc::kCorrupt, "the octets are not one X.509 CRL");
  Bytes again = to_der<i2d_X509_CRL>(crl.get());
  if (!std::ranges::equal(again, der)) corrupt("is not in DER");
  check_extensions(crl.get());
  State state{.crl = nullptr,
              .der = std::move(again),
              .authority_key_id = authority_key_id_of(crl.get()),
              .number = number_of(crl.get()),
              .this_update = read_time(X509_CRL_get0_lastUpdate(crl.get())),
              .next_update = std::nullopt,
              .entries = {}};
  if (const ASN1_TIME* next = X509_CRL_get0_nextUpdate(crl.get()))
    state.next_update = read_time(next);
  const STACK_OF(X509_REVOKED)* revoked = X509_CRL_get_REVOKED(crl.get());
  for (int i = 0; i < sk_X509_REVOKED_num(revoked); ++i)
    state.entries.push_back(read_entry(sk_X509_REVOKED_value(revoked, i)));
  std::ranges::stable_sort(state.entries, {}, &RevokedSerial::serial);
  state.crl = std::move(crl);
  return Crl(std::make_shared<const State>(std::move(state)));
}

Crl Crl::from_pem(std::string_view pem) {
  const std::vector<Bytes> blocks = pem_blocks(pem, {kLabel});
  if (blocks.empty())
    throw Error(Errc::kCorrupt, "the text holds no '-----BEGIN X509 CRL-----' block");
  return from_der(blocks.front());
}

const Bytes& Crl::der() const { return state_->der; }
std::string Crl::pem() const { return pem_block(kLabel, der()); }
Bytes Crl::sha256() const { return crypto::sha256(der()); }
std::string Crl::issuer() const { return name_text(X509_CRL_get_issuer(state_->crl.get())); }
Bytes Crl::issuer_der() const {
  return to_der<i2d_X509_NAME>(X509_CRL_get_issuer(state_->crl.get()));
}
Bytes Crl::authority_key_id() const { return state_->authority_key_id; }
const std::string& Crl::number() const { return state_->number; }
Time Crl::this_update() const { return state_->this_update; }
std::optional<Time> Crl::next_update() const { return state_->next_update; }
std::size_t Crl::size() const { return state_->entries.size(); }
const std::vector<RevokedSerial>& Crl::entries() const { return state_->entries; }

std::optional<Revocation> Crl::find(std::string_view serial) const {
  const auto found = std::ranges::lower_bound(state_->entries, serial, {}, &RevokedSerial::serial);
  if (found == state_->entries.end() || found->serial != serial) return std::nullopt;
  return found->revocation;
}

void Crl::verify(const Certificate& issuer) const {
  const std::string by = "'" + issuer.subject() + "'";
  if (issuer_der() != issuer.subject_der()) corrupt("is of '" + this->issuer() + "', not of " + by);
  const Bytes key_id = issuer.subject_key_id();
  if (!key_id.empty() && !authority_key_id().empty() && key_id != authority_key_id())
    corrupt("was signed by another key of " + by + ": its key identifier is " +
            hex(authority_key_id()) + ", and the certificate's " + hex(key_id));
  const std::optional<KeyUsages> usage = issuer.key_usage();
  if (usage && !usage->contains(KeyUsage::kCrlSign))
    corrupt("is of " + by + ", whose certificate may not sign CRLs (key usage cRLSign)");
  const ErrorMark mark;
  if (X509_CRL_verify(state_->crl.get(), issuer.public_key().evp()) != 1)
    corrupt("does not verify with the key of " + by);
}

namespace {

void refuse(const std::string& why) {
  throw Error(Errc::kInvalidArgument, "the CRL cannot be made: " + why);
}

void check(const CrlSpec& spec, const Certificate& issuer, EVP_PKEY* key) {
  if (spec.number < 0) refuse("its number is negative");
  if (spec.next_update <= spec.this_update)
    refuse("its next update (" + rfc3339(spec.next_update) + ") is not after this one (" +
           rfc3339(spec.this_update) + ")");
  const std::optional<KeyUsages> usage = issuer.key_usage();
  if (!issuer.is_ca() || (usage && !usage->contains(KeyUsage::kCrlSign)))
    refuse("'" + issuer.subject() + "' is no CA that signs CRLs (key usage cRLSign)");
  if (PublicKey::from_evp(key) != issuer.public_key())
    refuse("the signing key is not the key of '" + issuer.subject() + "'");
}

RevokedPtr make_entry(const RevokedSerial& line) {
  const Bytes octets = from_hex(line.serial);
  const BnPtr number(BN_bin2bn(octets.data(), static_cast<int>(octets.size()), nullptr));
  const Asn1IntegerPtr serial(number ? BN_to_ASN1_INTEGER(number.get(), nullptr) : nullptr);
  const Asn1TimePtr at = make_time(line.revocation.at);
  RevokedPtr out(X509_REVOKED_new());
  if (!out || !serial || X509_REVOKED_set_serialNumber(out.get(), serial.get()) != 1 ||
      X509_REVOKED_set_revocationDate(out.get(), at.get()) != 1)
    fail();
  if (line.revocation.reason == RevocationReason::kUnspecified) return out;
  const EnumeratedPtr reason(ASN1_ENUMERATED_new());
  if (!reason ||
      ASN1_ENUMERATED_set(reason.get(), static_cast<long>(line.revocation.reason)) != 1 ||
      X509_REVOKED_add1_ext_i2d(out.get(), NID_crl_reason, reason.get(), 0, 0) != 1)
    fail();
  return out;
}

}  // namespace

Bytes issue_crl(const CrlSpec& spec, const Certificate& issuer, EVP_PKEY* issuer_key,
                OSSL_LIB_CTX* libctx) {
  check(spec, issuer, issuer_key);
  Bytes key_id = issuer.subject_key_id();
  if (key_id.empty()) key_id = key_identifier(issuer.public_key());
  const Asn1TimePtr this_update = make_time(spec.this_update);
  const Asn1TimePtr next_update = make_time(spec.next_update);
  const Asn1IntegerPtr number(ASN1_INTEGER_new());
  const CrlPtr crl(X509_CRL_new());
  if (!crl || !number || ASN1_INTEGER_set_int64(number.get(), spec.number) != 1 ||
      X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2) != 1 ||
      X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(issuer.x509())) != 1 ||
      X509_CRL_set1_lastUpdate(crl.get(), this_update.get()) != 1 ||
      X509_CRL_set1_nextUpdate(crl.get(), next_update.get()) != 1 ||
      X509_CRL_add_ext(crl.get(), authority_key_extension(key_id).get(), -1) != 1 ||
      X509_CRL_add1_ext_i2d(crl.get(), NID_crl_number, number.get(), 0, 0) != 1)
    fail();
  for (const RevokedSerial& line : spec.revoked) {
    RevokedPtr entry = make_entry(line);
    if (X509_CRL_add0_revoked(crl.get(), entry.get()) != 1) fail();
    static_cast<void>(entry.release());
  }
  X509_CRL_sort(crl.get());
  const EvpMdCtx ctx = signing_context(issuer_key, spec.hash, libctx);
  if (X509_CRL_sign_ctx(crl.get(), ctx.get()) <= 0)
    throw_openssl(Errc::kInternal, "the issuer's key did not sign the CRL");
  Bytes out = to_der<i2d_X509_CRL>(crl.get());
  try {
    Crl::from_der(out).verify(issuer);
  } catch (const Error& error) {
    throw Error(Errc::kInternal, std::string("the CRL was signed, but ") + error.what());
  }
  return out;
}

}  // namespace poolkey::crypto
