// Requests that go to their CA by EST: to another origin's service, and to a stand-in that keeps
// them waiting, since Debian 12 has no EST server.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "base/file.h"
#include "e2e/authority.h"
#include "e2e/public_ca.h"
#include "e2e/running_service.h"

namespace poolkey::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kRequest = "edge.edge-external.av@1.partner";
const Words kSubmit{"request", "submit", kRequest};

std::string quoted(const std::filesystem::path& file) { return "\"" + file.string() + "\""; }

/// The topology sends the external certificate to the CA 'partner', and the request is made.
void ask_by_est(const Deployment& d, const std::string& root_sha256, const std::string& server) {
  change_topology(d, "[pool.edge]",
                  "[ca.partner]\nkind = \"internal\"\nroute = \"est\"\nroots = [\"" + root_sha256 +
                      "\"]\n[ca.partner.est]\n" + server + "\n[pool.edge]");
  change_topology(d, "edge-external = \"internal\"", "edge-external = \"partner\"");
  d.must("origin",
         {"request", "create", "--pool", "edge", "--role", "edge-external", "--key", "av@1"});
}

/// The origin of somebody else, which certifies by EST for its client 'ra'.
class EstRouteTest : public testing::Test {
 protected:
  EstRouteTest() {
    ca.must("origin", configure_ca(ca));
    write_file(ca.path("ca.toml"), replaced(read_file(ca.path("ca.toml")), "\"contoso.net\"]",
                                            "\"contoso.net\", \"fabrikam.com\"]"));
    ca.must("origin", {"ca", "configure", ca.path("ca.toml").string()});
    ca.must("origin", {"ca", "crl"});
    service.emplace(ca,
                    "version = 1\n[[bind]]\nrole = \"requester\"\nclients = [\"ra\"]\n"
                    "profiles = [\"web-server\"]\n");
    run(ca,
        "openssl x509 -inform DER -in pki/root-1.cer -out root.pem; openssl req -new -newkey "
        "ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ra -keyout ra.key -out ra.csr");
    ca.must("origin", {"access", "certify", "ra", "--csr", ca.path("ra.csr").string(), "--out",
                       ca.path("ra.pem").string()});
  }
  static void run(const Deployment& d, const std::string& line) {
    ASSERT_TRUE(succeeded(in_folder(d, line)));
  }
  std::string root_sha256() const {
    return in_folder(ca, "sha256sum pki/root-1.cer | cut -c 1-64 | tr -d '\\n'").out;
  }
  std::string server(const std::string& trust = "root.pem",
                     const std::string& label = "web-server") const {
    return "url = \"" + service->url() + "\"\nlabel = \"" + label +
           "\"\ntrust = " + quoted(ca.path(trust)) +
           "\ncertificate = " + quoted(ca.path("ra.pem")) + "\nkey = " + quoted(ca.path("ra.key")) +
           "\n";
  }

  const Deployment ca = Deployment::at(Stage::kSetUp);
  const Deployment d = Deployment::at(Stage::kGenerated);
  std::optional<RunningService> service;
};

TEST_F(EstRouteTest, AnotherOriginsServiceIssuesAndTheAnswerIsAccepted) {
  ask_by_est(d, root_sha256(), server());
  EXPECT_THAT(d.must("origin", {"request", "list"}), HasSubstr("request submit"));
  const json::object done = d.json_on("origin", kSubmit);
  write_file(d.path("leaf.pem"), json::text(done, "certificate", "submit"));
  write_file(d.path("chain.pem"), json::text(done, "chain", "submit"));
  run(d, "openssl verify -x509_strict -CAfile " + ca.path("root.pem").string() +
             " -untrusted chain.pem -purpose sslserver leaf.pem");
  EXPECT_EQ(state_of(d, kRequest), "accepted");
  EXPECT_EQ(ca.count("origin", "ca_certificate WHERE profile = 'web-server'"), 1);
  // Again it changes nothing, and asks nobody.
  service.reset();
  EXPECT_EQ(d.json_on("origin", kSubmit).at("serial"), done.at("serial"));
  EXPECT_TRUE(d.audit_is_whole());
  EXPECT_TRUE(refused(d.on("origin", {"request", "export", kRequest}), 2, {"request submit"}));
}

TEST_F(EstRouteTest, SaysWhyTheCaOrTheConnectionRefuses) {
  ask_by_est(d, root_sha256(), server("root.pem", "device"));
  EXPECT_TRUE(refused(d.on("origin", kSubmit), 3, {"the CA refuses the request", "403"}));
  change_topology(d, "label = \"device\"", "label = \"no-such\"");
  EXPECT_TRUE(refused(d.on("origin", kSubmit), 3, {"the CA refuses"}));
  change_topology(d, "label = \"no-such\"", "label = \"web-server\"");
  run(d, "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=stranger -keyout x.key -out x.pem");
  change_topology(d, "trust = " + quoted(ca.path("root.pem")),
                  "trust = " + quoted(d.path("x.pem")));
  EXPECT_EQ(d.on("origin", kSubmit).status, 3) << "a server that is not believed gets nothing";
  change_topology(d, "trust = " + quoted(d.path("x.pem")),
                  "trust = " + quoted(ca.path("root.pem")));
  EXPECT_EQ(state_of(d, kRequest), "signed");
  EXPECT_THAT(d.unfinished("origin"), testing::IsEmpty());
  d.must("origin", kSubmit);
}

TEST_F(EstRouteTest, GoesOnAfterTheServerWasAway) {
  ask_by_est(d, root_sha256(), server());
  const std::string url = service->url();
  service.reset();
  EXPECT_TRUE(refused(d.on("origin", kSubmit), 8));
  service.emplace(ca, read_file(ca.path("access.toml")));
  change_topology(d, url, service->url());
  d.must("origin", kSubmit);
  EXPECT_EQ(state_of(d, kRequest), "accepted");
}

TEST_F(EstRouteTest, KilledInBetweenItGoesOnAndNothingIsIssuedTwice) {
  ask_by_est(d, root_sha256(), server());
  for (const char* point : {"before", "after", "recorded"}) {
    const Deployment copy = d.copy();
    copy.crash("origin", kSubmit, std::string("request submit/submit:") + point);
    copy.must("origin", kSubmit);
    EXPECT_EQ(state_of(copy, kRequest), "accepted");
    EXPECT_THAT(copy.unfinished("origin"), testing::IsEmpty());
  }
  EXPECT_EQ(ca.count("origin", "ca_certificate WHERE profile = 'web-server'"), 1);
}

TEST_F(EstRouteTest, TheClientsKeyMayBeInTheOriginsToken) {
  // As an operator would make one beside poolkey's own.
  ASSERT_TRUE(succeeded(d.pkcs11_tool(
      "origin", "--keypairgen --key-type EC:prime256v1 --label est-client --id 77 --usage-sign")));
  write_file(d.path("openssl.cnf"),
             "openssl_conf = init\n[init]\nproviders = list\n[list]\ndefault = plain\n"
             "poolkey = ours\n[plain]\nactivate = 1\n[ours]\nidentity = poolkey\n"
             "module = " POOLKEY_BINARY_DIR
             "/ossl-modules/poolkey.so\n"
             "poolkey-module = /usr/lib/softhsm/libsofthsm2.so\npoolkey-softhsm2-conf = " +
                 (d.home("origin") / "softhsm2.conf").string() +
                 "\npoolkey-token = poolkey-origin\npoolkey-pin-source = file:" +
                 d.path("pins/origin.user").string() +
                 "\nactivate = 1\n[req]\ndistinguished_name = dn\n[dn]\n");
  const std::string uri = "pkcs11:token=poolkey-origin;id=%77;type=private";
  run(d, "OPENSSL_CONF=openssl.cnf openssl req -new -subj /CN=hsm -key '" + uri + "' -out hsm.csr");
  ca.must("origin", {"access", "certify", "hsm", "--csr", d.path("hsm.csr").string(), "--out",
                     d.path("hsm.pem").string()});
  service.reset();
  service.emplace(ca, replaced(read_file(ca.path("access.toml")), "\"ra\"", "\"hsm\""));
  ask_by_est(d, root_sha256(),
             "url = \"" + service->url() +
                 "\"\nlabel = \"web-server\"\ntrust = " + quoted(ca.path("root.pem")) +
                 "\ncertificate = " + quoted(d.path("hsm.pem")) + "\nkey = \"" + uri + "\"\n");
  d.must("origin", kSubmit);
  EXPECT_EQ(state_of(d, kRequest), "accepted");
}

/// Python as an EST server with a password, which answers 202 while there is a file 'hold', else
/// with the file 'answer'.
constexpr const char* kStandIn = R"(
import base64, http.server, os, ssl, sys
os.chdir(sys.argv[1])
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *words): pass
    def say(self, status, headers, body=b''):
        self.send_response(status)
        for name, value in headers.items(): self.send_header(name, value)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.say(200, {'Content-Type': 'application/pkcs7-mime'}, open('cacerts', 'rb').read())
    def do_POST(self):
        self.rfile.read(int(self.headers['Content-Length']))
        open('asked', 'a').write(self.path + '\n')
        if self.headers.get('Authorization') != 'Basic ' + base64.b64encode(b'origin:secret').decode():
            return self.say(401, {'WWW-Authenticate': 'Basic realm="x"'}, b'who are you?')
        if os.path.exists('hold'):
            return self.say(202, {'Retry-After': open('hold').read().strip()})
        self.say(200, {'Content-Type': 'application/pkcs7-mime'}, open('answer', 'rb').read())
server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('tls.pem', 'tls.key')
server.socket = context.wrap_socket(server.socket, server_side=True)
open('port.new', 'w').write(str(server.server_address[1]))
os.rename('port.new', 'port')
server.serve_forever()
)";

class EstWaitTest : public testing::Test {
 protected:
  EstWaitTest() {
    make_public_ca(d);
    write_file(d.path("standin.py"), std::string_view(kStandIn));
    const Outcome made = in_folder(
        d,
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost "
        "-addext subjectAltName=DNS:localhost -keyout tls.key -out tls.pem -days 365; printf "
        "secret "
        "> "
        "password; chmod 600 password; openssl crl2pkcs7 -nocrl -certfile ca/issuing.pem -certfile "
        "ca/root.pem -outform DER | openssl base64 > cacerts");
    if (made.status != 0) throw std::runtime_error(made.text());
    process_ = ::fork();
    if (process_ == 0) {
      ::setsid();
      ::execlp("python3", "python3", d.path("standin.py").c_str(), d.path("").c_str(), nullptr);
      ::_exit(127);
    }
    for (int i = 0; i < 500 && !std::filesystem::exists(d.path("port")); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    std::string root = read_file(d.path("ca/root.sha256"));
    root.pop_back();
    ask_by_est(d, root,
               "url = \"https://localhost:" + read_file(d.path("port")) +
                   "/\"\ntrust = " + quoted(d.path("tls.pem")) +
                   "\nuser = \"origin\"\npassword = \"file:" + d.path("password").string() +
                   "\"\n");
  }
  ~EstWaitTest() override {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  /// What the CA answers with: a certificate of this request.
  void answer_with(const std::string& csr) const {
    certify(d, csr, "leaf.pem");
    ASSERT_TRUE(succeeded(in_folder(
        d, "openssl crl2pkcs7 -nocrl -certfile leaf.pem -outform DER | openssl base64 > answer")));
  }
  void export_request() const {
    write_file(d.path("av.csr"),
               json::text(d.json_on("origin", {"request", "show", kRequest}), "csr", "show"));
  }
  std::int64_t asked() const { return std::ranges::count(read_file(d.path("asked")), '\n'); }

  const Deployment d = Deployment::at(Stage::kGenerated);
  pid_t process_ = -1;
};

TEST_F(EstWaitTest, WaitsAsTheCaSaysAndPicksTheAnswerUp) {
  write_file(d.path("hold"), std::string_view("3600"));
  const std::string waiting = d.must("origin", kSubmit);
  EXPECT_THAT(waiting, AllOf(HasSubstr("has not decided"), HasSubstr("after 20")));
  EXPECT_EQ(state_of(d, kRequest), "submitted");
  EXPECT_THAT(d.must("origin", kSubmit), HasSubstr("has not decided"));
  EXPECT_EQ(asked(), 1) << "not before the hour is over";
  EXPECT_THAT(read_file(d.path("asked")), HasSubstr("/.well-known/est/simpleenroll"));
  const auto later = [](Command& command) {
    command.words = at_time("+61m", std::move(command.words));
  };
  EXPECT_THAT(d.on("origin", kSubmit, later).out, HasSubstr("has not decided"));
  EXPECT_EQ(asked(), 2);
  std::filesystem::remove(d.path("hold"));
  export_request();
  answer_with("av.csr");
  const Outcome done = d.on("origin", kSubmit, [](Command& command) {
    command.words = at_time("+3h", std::move(command.words));
  });
  EXPECT_THAT(done.text(), HasSubstr("Accepted for av@1"));
  EXPECT_EQ(state_of(d, kRequest), "accepted");
  EXPECT_EQ(asked(), 3);

  // In the last third of the certificate's life the same verb renews it.
  answer_with("av.csr");
  const auto serial_in = [&](const std::string& days) {
    const Outcome out = d.on("origin", kSubmit, [&](Command& command) {
      command.words = at_time("+" + days + "d", std::move(command.words));
      command.words.insert(command.words.end(), {"--format", "json"});
    });
    EXPECT_TRUE(succeeded(out));
    return json::text(json::parse(out.out, "submit").as_object(), "serial", "submit");
  };
  const std::string first = serial_in("59");
  EXPECT_EQ(asked(), 3);
  EXPECT_NE(serial_in("61"), first);
  EXPECT_EQ(asked(), 4);
}

TEST_F(EstWaitTest, ACertificateForAnotherKeyIsNoAnswer) {
  ASSERT_TRUE(succeeded(in_folder(d,
                                  "openssl req -new -newkey rsa:2048 -nodes -keyout x.key -subj "
                                  "/CN=sip.contoso.com -addext subjectAltName=DNS:sip.contoso.com "
                                  "-out other.csr")));
  answer_with("other.csr");
  EXPECT_TRUE(refused(d.on("origin", kSubmit), 11, {"is no answer to"}));
  export_request();
  certify(d, "av.csr", "leaf.pem", {.names = "DNS:sip.contoso.com"});
  ASSERT_TRUE(succeeded(in_folder(
      d, "openssl crl2pkcs7 -nocrl -certfile leaf.pem -outform DER | openssl base64 > answer")));
  EXPECT_TRUE(refused(d.on("origin", kSubmit), 11, {"webcon.contoso.com"}));
  EXPECT_EQ(state_of(d, kRequest), "issued");
  answer_with("av.csr");
  d.must("origin", kSubmit);
  EXPECT_EQ(state_of(d, kRequest), "accepted");
}

TEST_F(EstWaitTest, AWrongPasswordIsARefusal) {
  write_file(d.path("password"), std::string_view("wrong"), 0600);
  EXPECT_TRUE(refused(d.on("origin", kSubmit), 3, {"the CA refuses", "401"}));
  EXPECT_EQ(state_of(d, kRequest), "signed");
}

}  // namespace
}  // namespace poolkey::test
