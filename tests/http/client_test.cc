// The client against real servers: nginx and openssl s_server, with keys in software and in a
// token.
#include "http/client.h"

#include <openssl/pem.h>

#include <atomic>
#include <thread>

#include "crypto/software.h"
#include "e2e/background.h"
#include "e2e/command.h"
#include "hsm/key_pair.h"
#include "provider/builtin.h"
#include "support/matchers.h"
#include "support/soft_token.h"

namespace poolkey::http {
namespace {

using namespace test;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

CertificateSpec fresh(CertificateSpec out) {
  out.not_before = SystemClock().now() - 1h;
  out.not_after = SystemClock().now() + 24h;
  return out;
}

Identity fresh_root(const std::string& name) {
  EvpPkey key = ec_key();
  Certificate certificate =
      Certificate::from_der(issue_self_signed(fresh(ca_spec(name)), key.get()));
  return {std::move(key), std::move(certificate)};
}

Identity server_of(const Identity& ca, const std::string& host) {
  CertificateSpec what = fresh(spec(host));
  what.dns_sans = {host};
  return make_under(ca, what);
}

std::string key_pem(EVP_PKEY* key) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  const Bytes text = bio_bytes(out.get());
  return {text.begin(), text.end()};
}

constexpr const char* kNginx = R"(
user root;
worker_processes 1;
error_log error.log info;
pid nginx.pid;
daemon off;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  keepalive_requests 1000;
  server {
    listen 127.0.0.1:@PORT@ ssl;
    listen unix:@SOCKET@;
    ssl_certificate server.pem;
    ssl_certificate_key server.key;
    ssl_protocols @PROTOCOL@;
    ssl_client_certificate root.pem;
    ssl_verify_client optional;
    ssl_verify_depth 3;
    location /who { return 200 "$ssl_client_verify $ssl_client_s_dn"; }
    location /connection { return 200 "$connection"; }
    location /method { return 200 "$request_method $content_length $http_prefer"; }
    location /large { root .; }
    location /slow { limit_rate 1; root .; }
    location /back { return 302 /who; }
    location /busy { add_header Retry-After 7 always; return 503; }
    location /problem {
      default_type application/problem+json;
      return 409 '{"title":"Conflict","detail":"It is there already.","type":"urn:poolkey:problem:already-exists"}';
    }
    location /plain { return 403 "no"; }
    location /nothing { return 304; }
  }
})";

class ClientTest : public testing::Test {
 protected:
  ClientTest()
      : root(fresh_root("our root")),
        issuing(make_under(root, fresh(ca_spec("our issuing CA")))),
        server(server_of(issuing, "localhost")),
        client(make_under(issuing, fresh(spec("edge/edge1")))) {
    folder.file("root.pem", root.certificate.pem());
    folder.file("server.pem",
                server.certificate.pem() + issuing.certificate.pem() + root.certificate.pem());
    folder.file("server.key", key_pem(server.key.get()));
  }

  Background nginx(const std::string& protocol = "TLSv1.2 TLSv1.3") {
    std::string text = kNginx;
    for (const auto& [from, to] :
         {std::pair<std::string, std::string>{"@PORT@", std::to_string(port)},
          {"@SOCKET@", folder.path("http.sock")},
          {"@PROTOCOL@", protocol}})
      text.replace(text.find(from), from.size(), to);
    folder.file("nginx.conf", text);
    remove_file(folder.path("http.sock"));
    return start({"nginx", "-p", folder.path(""), "-c", "nginx.conf"});
  }
  Background start(std::vector<std::string> words) {
    Background out(std::move(words), folder.path("server.log"), folder.path(""));
    out.await_port(port);
    return out;
  }
  std::string url(const std::string& path, const std::string& host = "localhost") const {
    return "https://" + host + ":" + std::to_string(port) + path;
  }

  Options trusting(const Certificate& anchor) const {
    return {.tls = std::make_shared<TlsClient>(TlsClientSpec{.roots = {anchor}})};
  }
  Options ours() const { return trusting(root.certificate); }
  /// With a client certificate.
  Options shown(std::shared_ptr<EVP_PKEY> key, const Certificate& leaf) const {
    return {.tls = std::make_shared<TlsClient>(TlsClientSpec{.chain = {leaf, issuing.certificate},
                                                             .key = std::move(key),
                                                             .roots = {root.certificate}})};
  }
  Options pinned(Bytes sha256) const {
    return {.tls = std::make_shared<TlsClient>(TlsClientSpec{.pinned_root = std::move(sha256)})};
  }
  Response get(Options options, const std::string& path) const {
    return Client(std::move(options)).send({.url = url(path)});
  }

  TemporaryFolder folder;
  Identity root, issuing, server, client;
  int port = free_port();
};

TEST_F(ClientTest, KeepsOneConnectionForAllRequests) {
  const Background running = nginx();
  Client one(ours());
  const std::string first = one.must({.url = url("/connection")}).body;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(one.must({.url = url("/connection")}).body, first);
  EXPECT_NE(Client(ours()).must({.url = url("/connection")}).body, first);
}

TEST_F(ClientTest, SendsMethodsBodiesAndHeaders) {
  const Background running = nginx();
  Client one(ours());
  EXPECT_EQ(one.must({.method = "PUT", .url = url("/method"), .body = "12345"}).body, "PUT 5 ");
  EXPECT_EQ(one.must({.method = "POST", .url = url("/method")}).body, "POST 0 ");
  EXPECT_EQ(one.must({.method = "DELETE", .url = url("/method")}).body, "DELETE  ");
  EXPECT_EQ(one.must({.url = url("/method"), .headers = {{"Prefer", "wait=3"}}}).body,
            "GET  wait=3");
  EXPECT_EQ(one.must({.method = "HEAD", .url = url("/method")}).body, "");
  EXPECT_EQ(one.must({.url = url("/nothing")}).status, 304);
  EXPECT_EQ(one.must({.url = url("/method")}).body, "GET  ") << "nothing is left of those before";
  EXPECT_EQ(one.send({.url = url("/back")}).header("location"), url("/who"));
  EXPECT_THAT(
      [&] {
        one.send({.url = url("/"), .headers = {{"A", "b\r\nC: d"}}});
      },
      ThrowsErrc(Errc::kInvalidArgument));
}

TEST_F(ClientTest, ShowsACertificateByASoftwareKeyOfTls12And13) {
  for (const char* protocol : {"TLSv1.2", "TLSv1.3"}) {
    const Background running = nginx(protocol);
    EXPECT_THAT(get(ours(), "/who").body, HasSubstr("NONE"));
    EvpPkey key;
    key.reset(EVP_PKEY_dup(client.key.get()));
    EXPECT_THAT(get(shown(shared_key(std::move(key)), client.certificate), "/who").body,
                HasSubstr("SUCCESS CN=edge/edge1"))
        << protocol;
  }
}

TEST_F(ClientTest, ShowsACertificateByAKeyInATokenOfAnotherLibraryContext) {
  const SoftToken soft;
  const auto token = soft.login();
  for (const char* algorithm : {"EC-P-256", "RSA-2048"}) {
    const crypto::PublicKey made =
        hsm::generate_key_pair(*token, {.algorithm = algorithm,
                                        .private_attributes = {{"CKA_SENSITIVE", true},
                                                               {"CKA_EXTRACTABLE", false},
                                                               {"CKA_SIGN", true},
                                                               {"CKA_COPYABLE", false}},
                                        .public_attributes = {{"CKA_VERIFY", true}},
                                        .private_extra = {},
                                        .label = algorithm,
                                        .id = to_bytes(algorithm)});
    const Certificate leaf = Certificate::from_der(
        issue(fresh(spec("edge/edge1")), made, issuing.certificate, issuing.key.get()));
    const provider::Builtin builtin(token);
    for (const char* protocol : {"TLSv1.2", "TLSv1.3"}) {
      const Background running = nginx(protocol);
      auto key = shared_key(builtin.load_private_key(
          std::string("pkcs11:token=test;type=private;object=") + algorithm));
      Client one(shown(key, leaf));
      EXPECT_THAT(one.must({.url = url("/who")}).body, HasSubstr("SUCCESS CN=edge/edge1"))
          << algorithm << " " << protocol;
    }
  }
}

TEST_F(ClientTest, BelievesOnlyTheRootsItWasGiven) {
  const Background running = nginx();
  const Identity other = fresh_root("our root");
  EXPECT_THAT([&] { get(trusting(other.certificate), "/who"); },
              ThrowsErrc(Errc::kDenied, "not believed"));
  EXPECT_EQ(get(pinned(root.certificate.sha256()), "/who").status, 200);
  EXPECT_THAT([&] { get(pinned(other.certificate.sha256()), "/who"); },
              ThrowsErrc(Errc::kDenied, "does not show the root"));
  EXPECT_THAT([&] { get(pinned(issuing.certificate.sha256()), "/who"); },
              ThrowsErrc(Errc::kDenied, "not believed"))
      << "an issuing CA is no root";
  EXPECT_THAT([&] { get(pinned(server.certificate.sha256()), "/who"); },
              ThrowsErrc(Errc::kDenied, "not believed"));
}

TEST_F(ClientTest, ChecksTheHostNameWhicheverRootItBelieves) {
  const Background running = nginx();
  for (Options options : {ours(), pinned(root.certificate.sha256())})
    EXPECT_THAT([&] { Client(std::move(options)).send({.url = url("/who", "127.0.0.1")}); },
                ThrowsErrc(Errc::kDenied));
}

TEST_F(ClientTest, RefusesAServerWhoseCertificateHasEnded) {
  CertificateSpec ended = spec("localhost");
  ended.dns_sans = {"localhost"};
  ended.not_before = SystemClock().now() - 48h;
  ended.not_after = SystemClock().now() - 1h;
  server = make_under(issuing, ended);
  folder.file("server.pem",
              server.certificate.pem() + issuing.certificate.pem() + root.certificate.pem());
  folder.file("server.key", key_pem(server.key.get()));
  const Background running = nginx();
  for (Options options : {ours(), pinned(root.certificate.sha256())})
    EXPECT_THAT([&] { get(std::move(options), "/who"); },
                ThrowsErrc(Errc::kDenied, "certificate has expired"));
}

TEST_F(ClientTest, TellsThatTheServerDoesNotTakeItsCertificate) {
  for (const char* protocol : {"-tls1_2", "-tls1_3"}) {
    port = free_port();
    const Background running =
        start({"openssl", "s_server", "-accept", "127.0.0.1:" + std::to_string(port), "-cert",
               "server.pem", "-cert_chain", "server.pem", "-key", "server.key", "-Verify", "3",
               "-verify_return_error", "-CAfile", "root.pem", protocol, "-www"});
    EXPECT_THAT([&] { get(ours(), "/"); }, ThrowsErrc(Errc::kDenied)) << protocol;
    EvpPkey key;
    key.reset(EVP_PKEY_dup(client.key.get()));
    EXPECT_EQ(get(shown(shared_key(std::move(key)), client.certificate), "/").status, 200);
  }
}

TEST_F(ClientTest, GoesThroughAUnixSocketWithoutTls) {
  const Background running = nginx();
  Client one({.unix_socket = folder.path("http.sock")});
  EXPECT_EQ(one.must({.url = "http://poolkey/method"}).body, "GET  ");
  EXPECT_THAT([] { Client with_nothing({}); }, ThrowsErrc(Errc::kInvalidArgument));
  EXPECT_THAT([&] { Client(ours()).send({.url = "http://localhost/"}); },
              ThrowsErrc(Errc::kInvalidArgument));
  EXPECT_THAT([&] { Client(ours()).send({.url = "file:///etc/passwd"}); },
              ThrowsErrc(Errc::kInvalidArgument));
}

TEST_F(ClientTest, EndsInTimeAndSize) {
  folder.file("slow", std::string(100, 'x'));
  folder.file("large", std::string(100'000, 'x'));
  const Background running = nginx();
  Options options = ours();
  options.largest = 50'000;
  EXPECT_THAT([&] { get(options, "/large"); }, ThrowsErrc(Errc::kCorrupt, "larger than 50000"));
  options.largest = 100'000;
  EXPECT_EQ(get(options, "/large").body.size(), 100'000U);
  options.total = 500ms;
  EXPECT_THAT([&] { get(options, "/slow"); }, ThrowsErrc(Errc::kTimeout));
  std::atomic<bool> stop = false;
  options = ours();
  options.go_on = [&] { return !stop; };
  std::thread later([&] {
    std::this_thread::sleep_for(200ms);
    stop = true;
  });
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_THAT([&] { get(options, "/slow"); }, ThrowsErrc(Errc::kUnavailable, "told to stop"));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 3s);
  later.join();
}

TEST_F(ClientTest, UnreachableIsNotRefused) {
  EXPECT_THAT([&] { get(ours(), "/"); }, ThrowsErrc(Errc::kUnavailable));
  EXPECT_THAT([&] { Client(ours()).send({.url = "https://nowhere.invalid/"}); },
              ThrowsErrc(Errc::kUnavailable));
  Client one(ours());
  {
    const Background running = nginx();
    EXPECT_EQ(one.must({.url = url("/who")}).status, 200);
  }
  EXPECT_THAT([&] { one.send({.url = url("/who")}); }, ThrowsErrc(Errc::kUnavailable));
  const Background again = nginx();
  EXPECT_EQ(one.must({.url = url("/who")}).status, 200);
}

TEST_F(ClientTest, TurnsProblemsIntoErrors) {
  const Background running = nginx();
  Client one(ours());
  EXPECT_THAT([&] { one.must({.url = url("/problem")}); },
              ThrowsErrc(Errc::kAlreadyExists, "It is there already. (HTTP status 409)"));
  EXPECT_THAT([&] { one.must({.url = url("/plain")}); }, ThrowsErrc(Errc::kDenied, "status 403"));
  EXPECT_THAT([&] { one.must({.url = url("/absent")}); }, ThrowsErrc(Errc::kNotFound, "404"));
  const Response busy = one.send({.url = url("/busy")});
  EXPECT_EQ(retry_after(busy, {}), 7s);
  EXPECT_EQ(problem_of({}, busy).code(), Errc::kUnavailable);
  EXPECT_TRUE(http_date(busy.header("date")));
}

TEST(HttpDateTest, ReadsRetryAfterInBothForms) {
  const Time now = parse_rfc3339("2026-11-23T12:00:00Z");
  EXPECT_EQ(http_date("Mon, 23 Nov 2026 12:00:00 GMT"), now);
  EXPECT_FALSE(http_date("soon"));
  const auto after = [&](const std::string& text) {
    return retry_after({.headers = {{"retry-after", text}}}, now);
  };
  EXPECT_EQ(after("30"), 30s);
  EXPECT_EQ(after("-5"), 0s);
  EXPECT_EQ(after("999999999"), 24h);
  EXPECT_EQ(after("Mon, 23 Nov 2026 12:01:00 GMT"), 60s);
  EXPECT_EQ(after("Mon, 23 Nov 2026 11:01:00 GMT"), 0s);
  EXPECT_FALSE(after("soon"));
  EXPECT_FALSE(retry_after({}, now));
}

}  // namespace
}  // namespace poolkey::http
