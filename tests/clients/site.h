// A token with one key, its certificate, an openssl.cnf and a PEM reference, in a folder that goes
// with the object: what a client of the provider is given. Called by: the tests of tests/clients.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/process.h"

namespace poolkey::clients {

enum class Kind { kRsa2048, kP256, kP384, kEd25519 };
inline constexpr Kind kKinds[] = {Kind::kRsa2048, Kind::kP256, Kind::kP384, Kind::kEd25519};
/// As the table's heading has it ("RSA-2048").
std::string name_of(Kind kind);

/// How the client is told of its key: `pkcs11:...`, or the file that stands for it.
enum class Form { kUri, kReference };

enum class Module { kSoftHsm, kNss };

class Site {
 public:
  /// Makes the token, a key that cannot leave it, and "cert.pem" for it: self-signed, made through
  /// the provider, for localhost and 127.0.0.1. `settings` are lines for the provider's section.
  /// Throws std::runtime_error with what was said.
  Site(Kind kind, Form form, Module module, const std::string& settings = "");

  Kind kind() const { return kind_; }
  Form form() const { return form_; }
  std::filesystem::path operator/(const std::string& name) const { return folder_ / name; }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  /// What the client is given as its key.
  std::string key() const { return form_ == Form::kUri ? uri() : path("key.pem"); }
  std::string uri() const;

  /// Puts `text` into the file `name` of the folder.
  void write(const std::string& name, const std::string& text) const;
  /// Runs lines of bash in the folder, after commands/prelude.sh and with environment(); throws
  /// std::runtime_error with all that was said unless they end with 0. Returns what they said.
  std::string must(const std::string& lines) const;
  /// The same for the file commands/`name`.sh.
  void must_run(const std::string& name) const;

  /// What commands/prelude.sh names; not what finds the token, which is in
  /// OPENSSL_CONF alone.
  std::map<std::string, std::string> environment() const;
  /// Lets processes of other users use the token's files, but not read its PIN.
  void open_to_others() const;

 private:
  void configure(const std::string& settings) const;
  void make_soft_token() const;
  void make_nss_token() const;

  Kind kind_;
  Form form_;
  Module module_;
  test::Scratch folder_;
};

}  // namespace poolkey::clients
