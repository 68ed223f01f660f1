#include "crypto/bundle.h"

#include <set>

#include "base/error.h"
#include "crypto/der_guard.h"
#include "crypto/foreign.h"

namespace poolkey::crypto {
namespace {

/// The sets in SignedData.
constexpr std::uint8_t kCertificates = 0xa0, kCrls = 0xa1;

/// Labels whose content must be one of the three; with any other it may be anything.
bool says_ours(std::string_view label) {
  return label.empty() || label.ends_with("CERTIFICATE") || label == "X509 CRL" ||
         label == "PKCS7" || label == "CMS";
}

class Collector {
 public:
  void add(const ForeignItem& item) {
    where_ = item.where;
    if (item.kind == Kind::kSignedData)
      add_signed_data(item.content);
    else if (item.kind != Kind::kUnknown || says_ours(item.label))
      add_thing(item.kind, item.content);
  }

  Bundle take() { return std::move(out_); }

 private:
  /// False where it was there before.
  bool is_new(ByteView der) { return seen_.emplace(der.begin(), der.end()).second; }

  void add_thing(Kind kind, ByteView der) {
    if (kind == Kind::kCertificate) add_certificate(der);
    if (kind == Kind::kCrl) add_crl(der);
    if (kind == Kind::kUnknown)
      throw Error(Errc::kCorrupt, "what stands in the file" + where_ +
                                      " is neither a certificate nor a CRL nor PKCS#7");
  }

  void add_certificate(ByteView der) {
    if (!is_new(der)) return;
    if (out_.certificates.size() == kMaxBundle)
      throw Error(Errc::kInvalidArgument, "the file has more than " + std::to_string(kMaxBundle) +
                                              " certificates; take out what is not asked for");
    try {
      out_.certificates.push_back(Certificate::from_der(der));
    } catch (const Error& error) {
      throw Error(error.code(), "certificate " + std::to_string(out_.certificates.size() + 1) +
                                    " of the file" + where_ + ": " + error.what());
    }
  }

  void add_crl(ByteView der) {
    if (!is_new(der)) return;
    check_der(der, "the certificate revocation list" + where_);
    out_.crls.emplace_back(der.begin(), der.end());
  }

  /// ContentInfo { OID, [0] { SignedData { version, digests, content, [0] certificates OPTIONAL,
  /// [1] crls OPTIONAL, signers } } } (RFC 5652 3 and 5.1; the same in PKCS#7).
  void add_signed_data(ByteView content_info) {
    Element part, wrapper, signed_data;
    ByteView rest = content_info;
    next_element(rest, part);
    rest = part.content;
    next_element(rest, part);
    if (!next_element(rest, wrapper) || (rest = wrapper.content, !next_element(rest, signed_data)))
      throw Error(Errc::kCorrupt, "the PKCS#7 document" + where_ + " is empty; get it again");
    for (ByteView parts = signed_data.content; next_element(parts, part);) {
      const bool holds_ours = part.identifier == kCertificates || part.identifier == kCrls;
      ByteView members = part.content;
      // What is no SEQUENCE is an attribute certificate or such.
      for (Element e; holds_ours && next_element(members, e);)
        if (e.identifier == kSequence) add_thing(recognise(e.whole), e.whole);
    }
  }

  Bundle out_;
  std::set<Bytes> seen_;
  std::string where_;
};

}  // namespace

Bundle read_bundle(ByteView file) {
  const std::vector<ForeignItem> items = read_foreign(file, "a certificate");
  Collector collector;
  for (const ForeignItem& item : items) collector.add(item);
  Bundle out = collector.take();
  if (out.certificates.empty() && out.crls.empty())
    throw Error(Errc::kCorrupt, "the file holds no certificate and no CRL, but " +
                                    what_instead(items) + "; import what the CA sent back");
  return out;
}

}  // namespace poolkey::crypto
