#include "support/soft_token.h"

#include <cstdlib>
#include <system_error>

#include "base/error.h"
#include "base/file.h"

namespace poolkey::test {
namespace {

namespace fs = std::filesystem;

/// What poolkey itself writes into a member's softhsm2.conf: only what is needed, so that a
/// mechanism that is missed shows here first.
constexpr const char* kMechanisms =
    "CKM_RSA_PKCS_KEY_PAIR_GEN,CKM_EC_KEY_PAIR_GEN,CKM_AES_KEY_GEN,CKM_RSA_PKCS,CKM_RSA_PKCS_PSS,"
    "CKM_RSA_PKCS_OAEP,CKM_ECDSA,CKM_AES_KEY_WRAP_PAD,CKM_SHA256";

fs::path make_folder(const std::string& more) {
  std::string name = (fs::temp_directory_path() / "poolkey-softhsm-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr)
    throw Error(Errc::kUnavailable, "cannot make a temporary folder");
  fs::create_directory(fs::path(name) / "tokens");
  write_file(fs::path(name) / "softhsm2.conf", "directories.tokendir = " + name + "/tokens\n" +
                                                   "objectstore.backend = file\n"
                                                   "log.level = ERROR\n"
                                                   "slots.removable = false\n"
                                                   "slots.mechanisms = " +
                                                   kMechanisms + more + "\n");
  ::setenv("SOFTHSM2_CONF", (name + "/softhsm2.conf").c_str(), 1);
  return name;
}

}  // namespace

SoftToken::SoftToken(std::string label, const fs::path& module, const std::string& more)
    : label_(std::move(label)),
      folder_(make_folder(more)),
      module_(hsm::Module::load(module)),
      serial_(add(label_)) {}

SoftToken::~SoftToken() {
  module_.reset();
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::string SoftToken::add(const std::string& label) {
  return hsm::init_token(module_, label, Pin(so_pin()), Pin(user_pin())).serial;
}

std::shared_ptr<hsm::Token> SoftToken::open() const {
  return hsm::Token::open(module_, {label_, serial_});
}

std::shared_ptr<hsm::Token> SoftToken::login() const { return login(label_); }

std::shared_ptr<hsm::Token> SoftToken::login(const std::string& label) const {
  auto token = hsm::Token::open(module_, {label, ""});
  token->login(hsm::Role::kUser, Pin(user_pin()));
  return token;
}

std::shared_ptr<hsm::Token> SoftToken::login_as_security_officer() const {
  auto token = open();
  token->login(hsm::Role::kSecurityOfficer, Pin(so_pin()));
  return token;
}

}  // namespace poolkey::test
