#include "clients/client.h"

#include <algorithm>
#include <cctype>

namespace poolkey::clients {
namespace {

/// Shown by the file commands/`name`.sh.
std::function<void(const Site&)> script(const std::string& name) {
  return [name](const Site& site) { site.must_run(name); };
}

const std::string kConf = "`OPENSSL_CONF`";
const std::string kPkcs1Line = "poolkey-pkcs1-decryption = yes\n";
const std::string kPkcs1Setting = "`poolkey-pkcs1-decryption = yes`";

const Reason kSignsOnly{"Ed25519 is for signatures only."};
const Reason kRsaOnly{"Decryption by `pkeyutl` is for RSA; with P-256 and P-384 it derives."};
const Reason kEcOnly{"Derivation is for P-256 and P-384; with RSA `pkeyutl` decrypts."};
const Reason kPkcs7ToRsa{"S/MIME of `openssl smime` (PKCS #7) is encrypted to RSA keys only.",
                         "openssl smime -encrypt -aes256 -in message -out e.eml software.pem"};
const Reason kNoCmsDigest{
    "OpenSSL 3.0 has no default digest for Ed25519 in CMS and PKCS #7, also in software.",
    "openssl cms -sign -signer software.pem -inkey $SOFTWARE_KEY -in message -out m.cms"};
const Reason kNoDgst{"`openssl dgst` cannot sign in one piece, which Ed25519 asks for.",
                     "openssl dgst -sign $SOFTWARE_KEY -out s message"};
const Reason kSpkacDigest{"`openssl spkac` always names a digest, which Ed25519 refuses.",
                          "openssl spkac -key $SOFTWARE_KEY -challenge hello -out s"};
const Reason kOnlyRequest{
    "It is given the request, not the key; `openssl req` makes it in both ways."};
const Reason kKeyExchange{"RSA key exchange is for RSA keys."};
const Reason kOnlyFiles{"It reads keys from PEM files only (Debian 12's version)."};

std::vector<Client> make_clients() {
  const std::map<Form, Reason> files_only{{Form::kUri, kOnlyFiles}};
  const std::map<Kind, Reason> no_cms{{Kind::kEd25519, kNoCmsDigest}};
  return {
      {.name = "openssl req", .show = script("req"), .needs = kConf},
      {.name = "openssl x509", .show = script("x509"), .needs = kConf},
      {.name = "openssl ca, ca -gencrl",
       .show = script("ca"),
       .needs = "`OPENSSL_CONF` naming the file with the CA's section and ours"},
      {.name = "openssl cms -sign", .show = script("cms_sign"), .needs = kConf, .not_with = no_cms},
      {.name = "openssl cms -decrypt",
       .show = script("cms_decrypt"),
       .needs =
           "`OPENSSL_CONF`; a key that may decrypt or derive; for PKCS#1 v1.5 " + kPkcs1Setting,
       .not_with = {{Kind::kEd25519, kSignsOnly}},
       .settings = kPkcs1Line},
      {.name = "openssl smime -sign", .show = script("smime"), .needs = kConf, .not_with = no_cms},
      {.name = "openssl smime -decrypt",
       .show = script("smime_decrypt"),
       .needs = "`OPENSSL_CONF`; a key that may decrypt; " + kPkcs1Setting,
       .not_with = {{Kind::kP256, kPkcs7ToRsa},
                    {Kind::kP384, kPkcs7ToRsa},
                    {Kind::kEd25519, kSignsOnly}},
       .settings = kPkcs1Line},
      {.name = "openssl dgst",
       .show = script("dgst"),
       .needs = kConf,
       .not_with = {{Kind::kEd25519, kNoDgst}}},
      {.name = "openssl pkeyutl -sign", .show = script("pkeyutl_sign"), .needs = kConf},
      {.name = "openssl pkeyutl -decrypt",
       .show = script("pkeyutl_decrypt"),
       .needs = "`OPENSSL_CONF`; a key that may decrypt; for PKCS#1 v1.5 " + kPkcs1Setting,
       .not_with = {{Kind::kP256, kRsaOnly}, {Kind::kP384, kRsaOnly}, {Kind::kEd25519, kSignsOnly}},
       .settings = kPkcs1Line},
      {.name = "openssl pkeyutl -derive",
       .show = script("pkeyutl_derive"),
       .needs = "`OPENSSL_CONF`; a key that may derive",
       .not_with = {{Kind::kRsa2048, kEcOnly}, {Kind::kEd25519, kSignsOnly}}},
      {.name = "openssl spkac",
       .show = script("spkac"),
       .needs = kConf,
       .not_with = {{Kind::kEd25519, kSpkacDigest}}},
      {.name = "openssl ocsp", .show = script("ocsp"), .needs = kConf},
      {.name = "openssl ts",
       .show = script("ts"),
       .needs = kConf,
       .not_by = {{Form::kUri, kOnlyFiles}},
       .not_with = no_cms},
      {.name = "openssl cmp",
       .show = script("cmp"),
       .needs = "`OPENSSL_CONF`; with Ed25519 a shared secret, since OpenSSL 3.0 signs no CMP "
                "message with it"},
      {.name = "openssl storeutl", .show = script("storeutl"), .needs = kConf},
      {.name = "openssl pkey -pubout", .show = script("pkey"), .needs = kConf},
      {.name = "openssl s_server", .show = show_s_server, .needs = kConf},
      {.name = "openssl s_server, TLS 1.2 with RSA key exchange",
       .show = show_rsa_key_exchange,
       .needs = "`OPENSSL_CONF`; a key that may decrypt; " + kPkcs1Setting,
       .not_with = {{Kind::kP256, kKeyExchange},
                    {Kind::kP384, kKeyExchange},
                    {Kind::kEd25519, kKeyExchange}},
       .settings = kPkcs1Line},
      {.name = "openssl s_client", .show = script("s_client"), .needs = kConf},
      {.name = "nginx",
       .show = show_nginx,
       .needs = "`OPENSSL_CONF` for the master; all settings in the file, since it clears the "
                "workers' environment",
       .not_by = files_only},
      {.name = "haproxy",
       .show = show_haproxy,
       .needs = "`OPENSSL_CONF`; reference and certificate in one PEM file (`crt`)",
       .not_by = files_only},
      {.name = "haproxy -W",
       .show = show_haproxy_master,
       .needs = "as haproxy",
       .not_by = files_only},
      {.name = "Apache",
       .show = show_apache,
       .needs = "`OPENSSL_CONF`; a URI must begin with `pkcs11:`; where a PKCS#11 ENGINE is "
                "installed, which it would try first, `OPENSSL_ENGINES` naming another folder"},
      {.name = "stunnel", .show = show_stunnel, .needs = kConf, .not_by = files_only},
      {.name = "unbound (DNS over TLS)",
       .show = show_unbound,
       .needs = "`OPENSSL_CONF`; `chroot: \"\"`, or module and token inside of it",
       .not_by = files_only},
      {.name = "curl (client certificate)",
       .show = script("curl"),
       .needs = kConf,
       .not_by = files_only},
      {.name = "own C++ program (OSSL_STORE)", .show = script("own_program"), .needs = kConf},
      {.name = "Python's ssl", .show = script("python"), .needs = kConf, .not_by = files_only},
      {.name = "openvpn", .show = script("openvpn"), .needs = kConf, .not_by = files_only},
      {.name = "PostgreSQL, psql",
       .show = script("postgresql"),
       .needs =
           "`OPENSSL_CONF`; the key file with mode 0600; the server starts as its own user, who "
           "must be able to read the PIN; for clients with P-384 `ssl_ecdh_curve = secp384r1`",
       .not_by = files_only},
      {.name = "lego (ACME)",
       .show = script("lego"),
       .needs = "a request made by `openssl req` (`--csr`)",
       .not_by = {{Form::kReference, kOnlyRequest}}},
  };
}

std::string only_letters(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') out += c;
    if (c == ' ' && !out.ends_with('_')) out += '_';
  }
  return out;
}

void add_cases(const Client& client, Kind kind, std::vector<Case>& out) {
  for (const Form form : {Form::kUri, Form::kReference})
    if (!client.not_by.contains(form)) out.push_back({&client, kind, form, Module::kSoftHsm});
  const Form form = client.not_by.contains(Form::kUri) ? Form::kReference : Form::kUri;
  if (kind == Kind::kRsa2048 || kind == Kind::kP256)
    out.push_back({&client, kind, form, Module::kNss});
}

}  // namespace

const std::vector<Client>& all_clients() {
  static const std::vector<Client> clients = make_clients();
  return clients;
}

const std::vector<Case>& all_cases() {
  static const std::vector<Case> cases = [] {
    std::vector<Case> out;
    for (const Client& client : all_clients())
      for (const Kind kind : kKinds)
        if (!client.not_with.contains(kind)) add_cases(client, kind, out);
    return out;
  }();
  return cases;
}

std::string Case::name() const {
  std::string out = only_letters(client->name + " ") + only_letters(name_of(kind));
  out += form == Form::kUri ? "_uri" : "_reference";
  if (module == Module::kNss) out += "_nss";
  return out;
}

}  // namespace poolkey::clients
