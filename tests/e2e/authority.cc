#include "e2e/authority.h"

#include <filesystem>
#include <stdexcept>

#include "base/file.h"

namespace poolkey::test {

Words configure_ca(const Deployment& d) {
  std::string text = read_file(POOLKEY_SOURCE_DIR "/docs/ca.toml");
  text = replaced(text, "/var/lib/poolkey/pki", d.path("pki").string());
  text +=
      "\n[profile.public]\nmax_days = 398\nkey_usage = [\"digitalSignature\"]\n"
      "extended_key_usage = [\"serverAuth\"]\nlint = \"public-br\"\n"
      "allowed_suffixes = [\"contoso.com\"]\nkey_algorithms = [\"EC-P-256\"]\n";
  write_file(d.path("ca.toml"), text);
  return {"ca", "configure", d.path("ca.toml").string()};
}

std::string foreign_request(const Deployment& d, const std::string& name, const std::string& names,
                            const std::string& more) {
  const std::string file = d.path(name + ".csr").string();
  if (std::filesystem::exists(file)) return file;
  const Outcome made = in_folder(
      d, "openssl req -new " + more + " -nodes -subj /CN=a.contoso.com -addext " +
             "subjectAltName=" + names + " -keyout " + name + ".key -out " + name + ".csr");
  if (made.status != 0) throw std::runtime_error(made.text());
  return file;
}

Words sign_foreign(const Deployment& d, const std::string& name) {
  return {"ca",
          "sign",
          foreign_request(d, name),
          "--profile",
          "web-server",
          "--out",
          d.path(name + ".pem").string(),
          "--chain-out",
          d.path(name + ".chain").string()};
}

Outcome in_folder(const Deployment& d, const std::string& line) {
  return shell("cd " + d.path("").string() + " && " + line);
}

}  // namespace poolkey::test
