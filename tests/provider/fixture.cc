#include "fixture.h"

#include <openssl/provider.h>
#include <openssl/store.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>

#include "base/file.h"
#include "hsm/object.h"

namespace poolkey::provider {

crypto::PublicKey Fixture::make_free_key(const std::string& algorithm, const std::string& label,
                                         const std::vector<std::string>& mechanisms) const {
  AttributeSet attributes{{"CKA_SENSITIVE", true}, {"CKA_EXTRACTABLE", false}, {"CKA_SIGN", true}};
  attributes.push_back({algorithm.starts_with("RSA") ? "CKA_DECRYPT" : "CKA_DERIVE", true});
  if (!mechanisms.empty()) attributes.push_back({"CKA_ALLOWED_MECHANISMS", mechanisms});
  return hsm::generate_key_pair(*token, {.algorithm = algorithm,
                                         .private_attributes = attributes,
                                         .public_attributes = {{"CKA_VERIFY", true}},
                                         .private_extra = {},
                                         .label = label,
                                         .id = to_bytes(label)});
}

std::vector<CK_OBJECT_HANDLE> Fixture::session_copies() const {
  const hsm::Lease lease = token->lease();
  hsm::Template wanted;
  wanted.set(CKA_CLASS, CK_ULONG{CKO_PRIVATE_KEY}).set(CKA_TOKEN, false);
  return hsm::find_objects(*lease, std::move(wanted));
}

void CommandFixture::configure(const std::string& extra, const std::string& pin,
                               const std::string& module) {
  const std::string folder = soft.folder().string();
  std::string section = "identity = poolkey\nmodule = " POOLKEY_BINARY_DIR
                        "/ossl-modules/poolkey.so\n"
                        "poolkey-module = " +
                        module + "\npoolkey-softhsm2-conf = " + soft.configuration().string() +
                        "\n";
  if (!pin.empty()) {
    write_file(soft.folder() / "pin", pin + "\n", 0600);
    section += "poolkey-pin-source = file:" + folder + "/pin\n";
  }
  const std::string requests = "[req]\ndistinguished_name = dn\n[dn]\n";
  write_file(soft.folder() / "plain.cnf", requests);
  write_file(soft.folder() / "openssl.cnf",
             "openssl_conf = init\n[init]\nproviders = providers\n[providers]\n"
             "default = default_section\npoolkey = poolkey_section\n"
             "[default_section]\nactivate = 1\n[poolkey_section]\n" +
                 section + extra + "activate = 1\n" + requests);
}

ForeignContext::ForeignContext(const CommandFixture& fixture) : context_(OSSL_LIB_CTX_new()) {
  const std::string file = (fixture.soft.folder() / "openssl.cnf").string();
  if (OSSL_LIB_CTX_load_config(context_.get(), file.c_str()) != 1)
    throw Error(Errc::kInternal, crypto::drain_errors());
}

crypto::EvpPkey ForeignContext::load(const std::string& uri) const {
  const std::unique_ptr<OSSL_STORE_CTX, crypto::Free<OSSL_STORE_close>> store(OSSL_STORE_open_ex(
      uri.c_str(), get(), "provider=poolkey", nullptr, nullptr, nullptr, nullptr, nullptr));
  const std::unique_ptr<OSSL_STORE_INFO, crypto::Free<OSSL_STORE_INFO_free>> info(
      store ? OSSL_STORE_load(store.get()) : nullptr);
  crypto::EvpPkey key(info ? OSSL_STORE_INFO_get1_PKEY(info.get()) : nullptr);
  if (!key) throw Error(Errc::kInternal, crypto::drain_errors());
  return key;
}

Outcome CommandFixture::run(const std::string& line) const {
  const std::string folder = soft.folder().string();
  write_file(soft.folder() / "command.sh",
             "cd " + folder + "\nunset SOFTHSM2_CONF\nexport PLAIN=" + folder +
                 "/plain.cnf OPENSSL_CONF=" + folder + "/openssl.cnf\n" + line + "\n");
  std::FILE* pipe = ::popen(("bash " + folder + "/command.sh 2>&1 </dev/null").c_str(), "r");
  if (pipe == nullptr) throw Error(Errc::kUnavailable, "cannot run bash");
  Outcome out{};
  std::array<char, 4096> buffer;
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe))
    out.text.append(buffer.data(), n);
  const int status = ::pclose(pipe);
  out.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return out;
}

std::string CommandFixture::must(const std::string& line) const {
  const Outcome outcome = run(line);
  EXPECT_EQ(outcome.status, 0) << line << "\n" << outcome.text;
  return outcome.text;
}

std::string CommandFixture::connect(const std::string& options) const {
  // The server takes a free port and says which. `read` takes whole lines only: the server writes
  // that one in parts. The log of the server before it has another port in it.
  return must(
      "rm -f server.log; : >server.log\n"
      "openssl s_server -accept 127.0.0.1:0 -naccept 1 -www -cert c.pem -key '" +
      uri("k") + "' " + options +
      " >>server.log 2>&1 &\n"
      "for i in $(seq 200); do\n"
      "  address=$(while read -r word rest; do [ \"$word\" != ACCEPT ] || echo $rest; done "
      "<server.log)\n"
      "  [ -z \"$address\" ] || break\n"
      "  sleep 0.05\n"
      "done\n"
      "OPENSSL_CONF=$PLAIN timeout 20 openssl s_client -connect $address -CAfile c.pem "
      "-verify_return_error " +
      options + " </dev/null || { cat server.log; kill $!; exit 1; }");
}

}  // namespace poolkey::provider
