#include "clients/site.h"

#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

#include "base/file.h"
#include "clients/server.h"
#include "crypto/key_reference.h"
#include "crypto/public_key.h"
#include "e2e/command.h"
#include "hsm/key_pair.h"
#include "hsm/token.h"

namespace poolkey::clients {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSoftHsm = "/usr/lib/softhsm/libsofthsm2.so";
constexpr const char* kNss = "/usr/lib/x86_64-linux-gnu/libsoftokn3.so";
constexpr const char* kMemory = "/dev/shm";
constexpr const char* kCommands = POOLKEY_SOURCE_DIR "/tests/clients/commands";
constexpr const char* kPin = "1234-clients";

struct KindNames {
  Kind kind;
  const char* shown;
  const char* for_pkcs11_tool;
  const char* for_us;
};
constexpr KindNames kNames[] = {
    {Kind::kRsa2048, "RSA-2048", "rsa:2048 --usage-sign --usage-decrypt", "RSA-2048"},
    {Kind::kP256, "P-256", "EC:prime256v1 --usage-sign --usage-derive", "EC-P-256"},
    {Kind::kP384, "P-384", "EC:secp384r1 --usage-sign --usage-derive", "EC-P-384"},
    {Kind::kEd25519, "Ed25519", "EC:edwards25519 --usage-sign", nullptr},
};

const KindNames& names(Kind kind) {
  for (const KindNames& row : kNames)
    if (row.kind == kind) return row;
  throw std::logic_error("a kind without a name");
}

/// Memory, where there is some: every act of a token is synced to the disk.
void prefer_memory() {
  if (fs::is_directory(kMemory) && ::access(kMemory, W_OK) == 0)
    ::setenv("TMPDIR", kMemory, /*overwrite=*/0);
}

std::string nss_arguments(const fs::path& folder) {
  return "configdir='sql:" + folder.string() +
         "' certPrefix='' keyPrefix='' secmod='secmod.db' flags= ";
}

}  // namespace

std::string name_of(Kind kind) { return names(kind).shown; }

Site::Site(Kind kind, Form form, Module module, const std::string& settings)
    : kind_(kind), form_(form), module_(module), folder_((prefer_memory(), test::Scratch())) {
  configure(settings);
  module_ == Module::kNss ? make_nss_token() : make_soft_token();
  must(
      "openssl req -x509 -new -key \"$URI\" -subj /CN=localhost -days 3 -out cert.pem"
      " -addext subjectAltName=DNS:localhost,IP:127.0.0.1\n"
      "plain x509 -in cert.pem -pubkey -noout > pub.pem");
  const auto key = crypto::PublicKey::from_pem(poolkey::read_file(folder_ / "pub.pem"));
  write("key.pem", crypto::reference_pem({.uri = uri(), .fingerprint = key.spki_sha256()}));
}

std::string Site::uri() const {
  const std::string token = module_ == Module::kNss ? "NSS%20Certificate%20DB" : "clients";
  return "pkcs11:token=" + token + ";object=the-key;type=private";
}

void Site::write(const std::string& name, const std::string& text) const {
  poolkey::write_file(folder_ / name, text);
}

void Site::configure(const std::string& settings) const {
  poolkey::write_file(folder_ / "pin", std::string(kPin) + "\n", 0600);
  write("softhsm2.conf", "directories.tokendir = " + path("tokens") +
                             "\nobjectstore.backend = file\nlog.level = ERROR\n");
  const std::string plain =
      "[req]\ndistinguished_name = dn\nx509_extensions = v3_ca\n[dn]\n"
      "[v3_ca]\nbasicConstraints = CA:TRUE\nsubjectKeyIdentifier = hash\n";
  write("plain.cnf", plain);
  const std::string token = module_ == Module::kNss
                                ? "poolkey-module = " + std::string(kNss) +
                                      "\npoolkey-module-arguments = \"" +
                                      nss_arguments(folder_ / "tokens") + "\"\n"
                                : "poolkey-module = " + std::string(kSoftHsm) +
                                      "\npoolkey-softhsm2-conf = " + path("softhsm2.conf") + "\n";
  write("openssl.cnf",
        "openssl_conf = init\n[init]\nproviders = providers\n[providers]\n"
        "default = default_section\npoolkey = poolkey_section\n"
        "[default_section]\nactivate = 1\n[poolkey_section]\nidentity = poolkey\n"
        "module = " POOLKEY_BINARY_DIR "/ossl-modules/poolkey.so\n" +
            token + settings + "poolkey-pin-source = file:" + path("pin") + "\nactivate = 1\n" +
            plain);
}

void Site::make_soft_token() const {
  fs::create_directory(folder_ / "tokens");
  const std::string tool = "pkcs11-tool --module " + std::string(kSoftHsm) + " ";
  const std::string user = tool + "--token-label clients --login --pin env:PIN ";
  must("export SOFTHSM2_CONF=softhsm2.conf PIN=$(cat pin) SO_PIN=12345678\n" + tool +
       "--init-token --slot-index 0 --label clients --so-pin env:SO_PIN\n" + tool +
       "--init-pin --token-label clients --login --login-type so --so-pin env:SO_PIN --pin env:PIN"
       "\n" +
       user + "--keypairgen --label the-key --id 01 --key-type " + names(kind_).for_pkcs11_tool);
}

void Site::make_nss_token() const {
  fs::create_directory(folder_ / "tokens");
  must("certutil -N -d sql:tokens -f pin");
  const auto module =
      hsm::Module::load(kNss, hsm::Module::Process::kOurs, nss_arguments(folder_ / "tokens"));
  const auto token = hsm::Token::open(module, {"NSS Certificate DB", ""});
  token->login(hsm::Role::kUser, Pin(kPin));
  const bool rsa = kind_ == Kind::kRsa2048;
  hsm::generate_key_pair(*token, {.algorithm = names(kind_).for_us,
                                  .private_attributes = {{"CKA_SENSITIVE", true},
                                                         {"CKA_EXTRACTABLE", false},
                                                         {"CKA_SIGN", true},
                                                         {"CKA_DECRYPT", rsa},
                                                         {"CKA_DERIVE", !rsa},
                                                         {"CKA_UNWRAP", false}},
                                  .public_attributes = {{"CKA_VERIFY", true}},
                                  .private_extra = {},
                                  .label = "the-key",
                                  .id = to_bytes("the-key")});
}

std::string Site::must(const std::string& lines) const {
  write("command.sh", ". " + std::string(kCommands) + "/prelude.sh\n" + lines);
  const test::Outcome outcome =
      test::run({.words = {"env", "-u", "SOFTHSM2_CONF", "-C", folder_.path().string(), "bash",
                           "-euo", "pipefail", "command.sh"},
                 .environment = environment()});
  if (outcome.status != 0) throw std::runtime_error(outcome.text());
  return outcome.out + outcome.err;
}

void Site::must_run(const std::string& name) const {
  must(poolkey::read_file(std::string(kCommands) + "/" + name + ".sh"));
}

std::map<std::string, std::string> Site::environment() const {
  // Where Apache finds a pkcs11 engine it tries that first, and fails by it.
  return {{"OPENSSL_CONF", path("openssl.cnf")},
          {"OPENSSL_ENGINES", folder_.path().string()},
          {"PLAIN", path("plain.cnf")},
          {"KEY", key()},
          {"URI", uri()},
          {"KIND", name_of(kind_)},
          {"MODULE", module_ == Module::kNss ? "NSS" : "SoftHSM"},
          {"PORT", std::to_string(free_port())},
          {"COMMANDS", kCommands},
          {"STORE_CLIENT", POOLKEY_STORE_CLIENT}};
}

void Site::open_to_others() const { must("chmod -R a+rwX . && chmod 600 pin"); }

}  // namespace poolkey::clients
