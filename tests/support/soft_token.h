// A SoftHSM of a test's own: a temporary folder, a softhsm2.conf, and tokens in it.
// Called by: every test that needs a real token.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "hsm/token.h"

namespace poolkey::test {

/// The PKCS#11 module of Debian's libsofthsm2.
inline constexpr const char* kSoftHsm = "/usr/lib/softhsm/libsofthsm2.so";

/// A SoftHSM with one token, in a folder that goes with the object. SOFTHSM2_CONF points to it, so
/// one process has one of these at a time.
class SoftToken {
 public:
  /// `more` are mechanisms besides those of poolkey's own tokens: ",CKM_X,CKM_Y".
  explicit SoftToken(std::string label = "test", const std::filesystem::path& module = kSoftHsm,
                     const std::string& more = "");
  SoftToken(const SoftToken&) = delete;
  SoftToken& operator=(const SoftToken&) = delete;
  ~SoftToken();

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path configuration() const { return folder_ / "softhsm2.conf"; }
  const std::shared_ptr<hsm::Module>& module() const { return module_; }
  const std::string& label() const { return label_; }
  const std::string& serial() const { return serial_; }
  std::string user_pin() const { return "1234"; }
  std::string so_pin() const { return "12345678"; }

  /// One more token in the same SoftHSM, with the same PINs; returns its serial.
  std::string add(const std::string& label);

  /// The token without a login, as a Token of its own.
  std::shared_ptr<hsm::Token> open() const;
  /// The token with the user logged in.
  std::shared_ptr<hsm::Token> login() const;
  /// The same for another token of this SoftHSM.
  std::shared_ptr<hsm::Token> login(const std::string& label) const;
  /// The token with its security officer logged in; no other session may be open.
  std::shared_ptr<hsm::Token> login_as_security_officer() const;

 private:
  std::string label_;
  std::filesystem::path folder_;
  std::shared_ptr<hsm::Module> module_;
  std::string serial_;
};

}  // namespace poolkey::test
