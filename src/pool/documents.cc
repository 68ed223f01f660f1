#include "pool/documents.h"

#include "base/error.h"

namespace poolkey::pool {
namespace {

/// The first member of every document: its kind and version. It also keeps what members sign apart
/// from anything else that their keys sign.
constexpr std::string_view kContext = "context";
constexpr std::string_view kEnrolment = "poolkey enrolment request v1";
constexpr std::string_view kConfirmation = "poolkey enrolment confirmation v1";
constexpr std::string_view kEnvelope = "poolkey envelope v1";
constexpr std::string_view kStatement = "poolkey member state v1";
constexpr std::string_view kChallenge = "poolkey challenge v1";
constexpr std::string_view kReceipt = "poolkey receipt v1";
constexpr std::string_view kDelivery = "poolkey certificate delivery v1";

boost::json::string_view key_view(std::string_view s) { return {s.data(), s.size()}; }

json::object begin(std::string_view context) { return {{key_view(kContext), key_view(context)}}; }

/// Reads the members of one document; values from outside that are malformed are kCorrupt, with
/// the document named.
class Members {
 public:
  Members(std::string_view text, std::string_view context)
      : what_(context), root_(json::parse(text, context)), object_(&json::as_object(root_, what_)) {
    if (this->text(kContext) != context)
      throw Error(Errc::kCorrupt,
                  "a document that should be '" + what_ + "' is '" + this->text(kContext) + "'");
  }
  Members(const json::object& object, std::string what)
      : what_(std::move(what)), object_(&object) {}

  bool has(std::string_view k) const { return object_->contains(key_view(k)); }
  std::string text(std::string_view k) const { return json::text(*object_, k, what_); }
  std::int64_t integer(std::string_view k) const { return json::integer(*object_, k, what_); }
  bool boolean(std::string_view k) const { return json::boolean(*object_, k, what_); }
  const json::object& object(std::string_view k) const {
    return json::as_object(*object_, k, what_);
  }
  const std::string& what() const { return what_; }

  template <class F>
  auto read(std::string_view k, F&& f) const {
    try {
      return f(text(k));
    } catch (const Error& error) {
      throw Error(Errc::kCorrupt, what_ + ": '" + std::string(k) + "': " + error.what());
    }
  }
  Bytes hex_bytes(std::string_view k) const {
    return read(k, [](const std::string& s) { return from_hex(s); });
  }
  Bytes base64_bytes(std::string_view k) const {
    return read(k, [](const std::string& s) { return from_base64(s); });
  }
  crypto::PublicKey public_key(std::string_view k) const {
    return read(
        k, [](const std::string& s) { return crypto::PublicKey::from_spki_der(from_base64(s)); });
  }
  KeyVersion key_version(std::string_view k) const {
    return read(k, [](const std::string& s) { return parse_key_version(s); });
  }
  Address address() const {
    return {read("pool", [](const std::string& s) { return PoolName(s); }),
            read("member", [](const std::string& s) { return MemberName(s); }),
            text("token_serial")};
  }
  std::vector<Members> list(std::string_view k) const {
    std::vector<Members> out;
    for (const json::value& v : json::as_array(*object_, k, what_))
      out.emplace_back(json::as_object(v, what_), what_);
    return out;
  }
  std::vector<std::string> texts(std::string_view k) const {
    std::vector<std::string> out;
    for (const json::value& v : json::as_array(*object_, k, what_)) {
      if (!v.is_string())
        throw Error(Errc::kCorrupt, what_ + ": '" + std::string(k) + "' is not a list of strings");
      out.emplace_back(v.get_string().c_str());
    }
    return out;
  }

 private:
  std::string what_;
  json::value root_;
  const json::object* object_;
};

void add_address(json::object& out, const Address& a) {
  out["pool"] = a.pool.str();
  out["member"] = a.member.str();
  out["token_serial"] = a.token_serial;
}

std::string spki(const crypto::PublicKey& key) { return base64(key.spki_der()); }

AttributeSet attributes(const json::object& object, const std::string& what) {
  AttributeSet out;
  for (const auto& member : object) {
    const std::string name(member.key());
    if (member.value().is_bool()) {
      out.push_back({name, member.value().get_bool()});
      continue;
    }
    std::vector<std::string> mechanisms;
    for (const json::value& m : json::as_array(object, name, what)) {
      if (!m.is_string())
        throw Error(Errc::kCorrupt, what + ": '" + name + "' is not a list of mechanisms");
      mechanisms.emplace_back(m.get_string().c_str());
    }
    out.push_back({name, std::move(mechanisms)});
  }
  return out;
}

template <class T>
json::array list_json(const std::vector<T>& items) {
  json::array out;
  for (const T& item : items) out.emplace_back(item);
  return out;
}

SignedStatement read_signed(const Members& m) {
  return {to_text(m.base64_bytes("statement")), m.base64_bytes("identity_signature")};
}

}  // namespace

json::object to_json(const AttributeSet& set) {
  json::object out;
  for (const NamedAttribute& a : set) {
    if (const bool* truth = std::get_if<bool>(&a.value))
      out[a.name] = *truth;
    else
      out[a.name] = list_json(std::get<std::vector<std::string>>(a.value));
  }
  return out;
}

json::object to_json(const EnrolmentRequest& d) {
  json::object out = begin(kEnrolment);
  add_address(out, d.member);
  out["token_label"] = d.token_label;
  out["transport_spki"] = spki(d.transport);
  out["identity_spki"] = spki(d.identity);
  out["nonce"] = hex(d.nonce);
  out["suites"] = list_json(d.token.suites);
  out["attributes_not_told"] = list_json(d.token.not_kept);
  out["protections_not_enforced"] = list_json(d.token.not_enforced);
  json::array signers;
  for (const SignerKey& s : d.signers)
    signers.emplace_back(json::object{{"role", s.role}, {"spki", spki(s.public_key)}});
  if (!signers.empty()) out["signers"] = std::move(signers);
  return out;
}

EnrolmentRequest enrolment_request(std::string_view text) {
  const Members m(text, kEnrolment);
  EnrolmentRequest out{
      m.address(),
      m.text("token_label"),
      m.public_key("transport_spki"),
      m.public_key("identity_spki"),
      m.hex_bytes("nonce"),
      {m.texts("suites"), m.texts("attributes_not_told"), m.texts("protections_not_enforced")}};
  if (m.has("signers"))
    for (const Members& s : m.list("signers"))
      out.signers.push_back({s.text("role"), s.public_key("spki")});
  return out;
}

json::object to_json(const Confirmation& d) {
  json::object out = begin(kConfirmation);
  add_address(out, d.member);
  out["request_sha256"] = d.fingerprint;
  json::array certificates;
  for (const SignerCertificate& c : d.certificates)
    certificates.emplace_back(
        json::object{{"role", c.role}, {"certificate", base64(c.certificate.der())}});
  if (!certificates.empty()) out["certificates"] = std::move(certificates);
  return out;
}

Confirmation confirmation(std::string_view text) {
  const Members m(text, kConfirmation);
  Confirmation out{m.address(), m.text("request_sha256")};
  if (m.has("certificates"))
    for (const Members& c : m.list("certificates"))
      out.certificates.push_back(
          {c.text("role"), crypto::Certificate::from_der(c.base64_bytes("certificate"))});
  return out;
}

json::object to_json(const Envelope& d) {
  json::object out = begin(kEnvelope);
  add_address(out, d.member);
  out["key"] = d.key.str();
  out["release"] = d.release;
  out["spki"] = spki(d.public_key);
  out["cka_id"] = hex(d.id);
  out["private_attributes"] = to_json(d.private_attributes);
  out["public_attributes"] = to_json(d.public_attributes);
  out["policy_file"] = d.policy_file;
  out["policy_sha256"] = d.policy_sha256;
  out["policy_text"] = d.policy_text;
  out["suite"] = d.suite;
  out["blob"] = base64(d.blob);
  return out;
}

Envelope envelope(std::string_view text) {
  const Members m(text, kEnvelope);
  return {m.address(),
          m.key_version("key"),
          m.integer("release"),
          m.public_key("spki"),
          m.hex_bytes("cka_id"),
          attributes(m.object("private_attributes"), m.what()),
          attributes(m.object("public_attributes"), m.what()),
          m.text("policy_file"),
          m.text("policy_sha256"),
          m.text("policy_text"),
          m.text("suite"),
          m.base64_bytes("blob")};
}

json::object to_json(const Statement& d) {
  json::object out = begin(kStatement);
  add_address(out, d.member);
  out["token_label"] = d.token_label;
  out["sequence"] = d.sequence;
  json::array versions;
  for (const Statement::Version& v : d.versions)
    versions.emplace_back(json::object{{"key", v.key.str()},
                                       {"release", v.release},
                                       {"spki", spki(v.public_key)},
                                       {"cka_id", hex(v.id)},
                                       {"policy_sha256", v.policy_sha256},
                                       {"usages", list_json(v.usages)},
                                       {"in_force", v.in_force}});
  out["versions"] = std::move(versions);
  return out;
}

Statement statement(std::string_view text) {
  const Members m(text, kStatement);
  Statement out{m.address(), m.text("token_label"), m.integer("sequence"), {}};
  for (const Members& v : m.list("versions"))
    out.versions.push_back({v.key_version("key"), v.integer("release"), v.public_key("spki"),
                            v.hex_bytes("cka_id"), v.text("policy_sha256"), v.texts("usages"),
                            v.boolean("in_force")});
  return out;
}

json::object to_json(const Challenge& d) {
  json::object out = begin(kChallenge);
  add_address(out, d.member);
  out["nonce"] = hex(d.nonce);
  json::array keys;
  for (const auto& [key, spki_sha256] : d.keys)
    keys.emplace_back(json::object{{"key", key.str()}, {"spki_sha256", spki_sha256}});
  out["keys"] = std::move(keys);
  return out;
}

Challenge challenge(std::string_view text) {
  const Members m(text, kChallenge);
  Challenge out{m.address(), m.hex_bytes("nonce"), {}};
  for (const Members& k : m.list("keys"))
    out.keys.emplace_back(k.key_version("key"), k.text("spki_sha256"));
  return out;
}

json::object to_json(const Receipt& d) {
  json::object out = begin(kReceipt);
  out["challenge"] = hex(d.nonce);
  add_address(out, d.member);
  out["identity_spki_sha256"] = d.identity_spki_sha256;
  out["key"] = d.key.str();
  out["spki_sha256"] = d.spki_sha256;
  out["state"] = d.present ? "present" : "absent";
  out["attributes"] = to_json(d.attributes);
  out["attributes_not_told"] = list_json(d.not_told);
  out["certificate_sha256"] = d.certificate_sha256;
  out["strays"] = list_json(d.strays);
  return out;
}

Receipt receipt(std::string_view text) {
  const Members m(text, kReceipt);
  const std::string state = m.text("state");
  if (state != "present" && state != "absent")
    throw Error(Errc::kCorrupt, m.what() + ": the state '" + state + "' is not known");
  return {m.address(),
          m.hex_bytes("challenge"),
          m.key_version("key"),
          m.text("spki_sha256"),
          state == "present",
          attributes(m.object("attributes"), m.what()),
          m.texts("attributes_not_told"),
          m.text("identity_spki_sha256"),
          m.text("certificate_sha256"),
          m.texts("strays")};
}

json::object to_json(const CertificateDelivery& d) {
  json::object out = begin(kDelivery);
  add_address(out, d.member);
  out["key"] = d.key.str();
  out["role"] = d.role;
  out["ca"] = d.ca;
  json::array certificates;
  for (const crypto::Certificate& c : d.certificates) certificates.emplace_back(base64(c.der()));
  out["certificates"] = std::move(certificates);
  return out;
}

CertificateDelivery certificate_delivery(std::string_view text) {
  const Members m(text, kDelivery);
  CertificateDelivery out{m.address(), m.key_version("key"), m.text("role"), m.text("ca"), {}};
  for (const std::string& der : m.texts("certificates"))
    out.certificates.push_back(crypto::Certificate::from_der(from_base64(der)));
  if (out.certificates.empty()) throw Error(Errc::kCorrupt, m.what() + ": it has no certificate");
  return out;
}

json::object to_json(const SignedStatement& d) {
  return {{"statement", base64(view(d.statement))},
          {"identity_signature", base64(d.identity_signature)}};
}

json::object to_json(const SignedReceipt& d) {
  json::object out = to_json(d.statement);
  out["replica_signature"] = base64(d.replica_signature);
  return out;
}

SignedStatement signed_statement(std::string_view text) {
  const json::value root = json::parse(text, "enrolment request");
  return read_signed(Members(json::as_object(root, "enrolment request"), "enrolment request"));
}

std::vector<SignedReceipt> signed_receipts(std::string_view text) {
  const json::value root = json::parse(text, "receipts");
  std::vector<SignedReceipt> out;
  for (const Members& m : Members(json::as_object(root, "receipts"), "receipts").list("receipts"))
    out.push_back({read_signed(m), m.base64_bytes("replica_signature")});
  return out;
}

}  // namespace poolkey::pool
