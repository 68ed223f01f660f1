#include "pool/documents.h"

#include "base/error.h"

namespace poolkey::pool {
namespace {

using home::add_address;
using home::list_json;
using home::Members;

constexpr std::string_view kEnrolment = "poolkey enrolment request v1";
constexpr std::string_view kConfirmation = "poolkey enrolment confirmation v1";
constexpr std::string_view kEnvelope = "poolkey envelope v1";
constexpr std::string_view kChallenge = "poolkey challenge v1";
constexpr std::string_view kReceipt = "poolkey receipt v1";
constexpr std::string_view kDelivery = "poolkey certificate delivery v1";

crypto::PublicKey public_key(const Members& m, std::string_view k) {
  return m.read(
      k, [](const std::string& s) { return crypto::PublicKey::from_spki_der(from_base64(s)); });
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
  json::object out = home::begin_document(kEnrolment);
  add_address(out, d.member);
  out["token_label"] = d.token_label;
  out["transport_spki"] = spki(d.transport);
  out["identity_spki"] = spki(d.identity);
  out["nonce"] = hex(d.nonce);
  out["suites"] = list_json(d.token.suites);
  out["attributes_not_told"] = list_json(d.token.not_kept);
  out["protections_not_enforced"] = list_json(d.token.not_enforced);
  if (d.token.software) out["keys_in_software"] = true;
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
      public_key(m, "transport_spki"),
      public_key(m, "identity_spki"),
      m.hex_bytes("nonce"),
      {m.texts("suites"), m.texts("attributes_not_told"), m.texts("protections_not_enforced"),
       m.has("keys_in_software") && m.boolean("keys_in_software")}};
  if (m.has("signers"))
    for (const Members& s : m.list("signers"))
      out.signers.push_back({s.text("role"), public_key(s, "spki")});
  return out;
}

json::object to_json(const Confirmation& d) {
  json::object out = home::begin_document(kConfirmation);
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
  json::object out = home::begin_document(kEnvelope);
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
          public_key(m, "spki"),
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
  home::Statement out{d.member, d.token_label, d.sequence, {}};
  for (const Statement::Version& v : d.versions)
    out.versions.push_back({v.key, v.release, v.public_key.spki_der(), v.id, v.policy_sha256,
                            v.usages, v.in_force, v.policy_file, v.effective, v.retired});
  return home::to_json(out);
}

Statement statement(std::string_view text) {
  home::Statement in = home::parse_statement(text);
  Statement out{in.member, in.token_label, in.sequence, {}};
  for (home::Statement::Version& v : in.versions)
    out.versions.push_back({v.key, v.release, crypto::PublicKey::from_spki_der(v.spki),
                            std::move(v.id), v.policy_sha256, std::move(v.usages), v.in_force,
                            v.policy_file, v.effective, v.retired});
  return out;
}

json::object to_json(const Challenge& d) {
  json::object out = home::begin_document(kChallenge);
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
  json::object out = home::begin_document(kReceipt);
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
  if (d.made) out["made_at"] = rfc3339(*d.made);
  out["in_force"] = d.in_force;
  if (d.effective) out["effective"] = rfc3339(*d.effective);
  out["in_use"] = list_json(d.in_use);
  return out;
}

Receipt receipt(std::string_view text) {
  const auto time = [](const Members& m, const char* member) {
    return m.has(member) ? std::optional(parse_rfc3339(m.text(member))) : std::nullopt;
  };
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
          m.texts("strays"),
          time(m, "made_at"),
          m.has("in_force") && m.boolean("in_force"),
          time(m, "effective"),
          m.has("in_use") ? m.texts("in_use") : std::vector<std::string>{}};
}

json::object to_json(const CertificateDelivery& d) {
  json::object out = home::begin_document(kDelivery);
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
