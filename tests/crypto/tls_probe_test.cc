// The probe against a TLS server in a process of its own, on loopback.
#include "crypto/tls_probe.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>

#include "tests/base/process.h"
#include "tests/crypto/software.h"
#include "tests/support/matchers.h"

namespace poolkey::crypto {
namespace {

using namespace test;
using namespace std::chrono_literals;
using testing::HasSubstr;

using SslContext = std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, Free<SSL_free>>;

/// Lines that the server says, and for how many lines it waits before the next.
struct Line {
  const char* say;
  int then_hear;
};

void hear(int fd, int lines) {
  for (char c = 0; lines > 0 && ::recv(fd, &c, 1, 0) == 1;)
    if (c == '\n') --lines;
}

/// A server on a free port. The first connections of `others` get another certificate than the
/// rest.
class Server {
 public:
  Server(const Identity& identity, const std::vector<Line>& talk = {},
         const Identity* other = nullptr, int others = 0) {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    if (::bind(listener, reinterpret_cast<sockaddr*>(&at), size) != 0 ||
        ::listen(listener, 8) != 0 ||
        ::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size) != 0)
      throw Error(Errc::kUnavailable, "no port for a test");
    port_ = std::to_string(ntohs(at.sin_port));
    child_ = start_child([&] {
      ::signal(SIGPIPE, SIG_IGN);
      for (int i = 0; i < 100; ++i) {
        const int fd = ::accept(listener, nullptr, nullptr);
        serve(fd, talk, i < others ? *other : identity);
        ::close(fd);
      }
    });
    ::close(listener);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    ::kill(child_, SIGKILL);
    (void)end_of(child_);
  }
  Endpoint endpoint(const std::string& starttls = "") const {
    Endpoint out = parse_endpoint("127.0.0.1:" + port_, starttls);
    out.server_name = "sip.contoso.com";
    return out;
  }

 private:
  static void serve(int fd, const std::vector<Line>& talk, const Identity& identity) {
    for (const Line& line : talk) {
      (void)::send(fd, line.say, std::strlen(line.say), MSG_NOSIGNAL);
      hear(fd, line.then_hear);
    }
    const SslContext context(SSL_CTX_new(TLS_server_method()));
    SSL_CTX_use_certificate(context.get(), identity.certificate.x509());
    SSL_CTX_use_PrivateKey(context.get(), identity.key.get());
    const Ssl ssl(SSL_new(context.get()));
    SSL_set_fd(ssl.get(), fd);
    if (SSL_accept(ssl.get()) == 1) SSL_shutdown(ssl.get());
  }
  std::string port_;
  pid_t child_;
};

class TlsProbeTest : public testing::Test {
 protected:
  Identity ours = make_root("sip.contoso.com");
  Identity old = make_root("sip.contoso.com");
};

TEST_F(TlsProbeTest, GivesTheCertificateThatIsServed) {
  const Server server(ours);
  EXPECT_EQ(served_certificate(server.endpoint(), 5s), ours.certificate);
}

TEST_F(TlsProbeTest, BeginsTlsWithinOtherProtocols) {
  const std::pair<const char*, std::vector<Line>> rows[] = {
      {"smtp",
       {{"220-hello\r\n220 mail\r\n", 1}, {"250-mail\r\n250 STARTTLS\r\n", 1}, {"220 go\r\n", 0}}},
      {"imap", {{"* OK ready\r\n", 1}, {"* note\r\na OK go\r\n", 0}}},
      {"pop3", {{"+OK ready\r\n", 1}, {"+OK go\r\n", 0}}},
  };
  for (const auto& [protocol, talk] : rows) {
    const Server server(ours, talk);
    EXPECT_EQ(served_certificate(server.endpoint(protocol), 5s), ours.certificate) << protocol;
  }
}

TEST_F(TlsProbeTest, AsksAgainUntilTheProgramHasReloaded) {
  const Server server(ours, {}, &old, 3);
  const Probe found = await_certificate(server.endpoint(), {ours.certificate}, 20s);
  EXPECT_TRUE(found.as_wanted) << found.trouble;
}

TEST_F(TlsProbeTest, TellsWhatIsServedInstead) {
  const Server server(old);
  const Probe found = await_certificate(server.endpoint(), {ours.certificate}, 1s);
  EXPECT_FALSE(found.as_wanted);
  EXPECT_EQ(found.served, old.certificate);
}

TEST_F(TlsProbeTest, TellsWhyNothingIsServed) {
  const Server server(ours, {{"HTTP/1.0 400 what?\r\n\r\n", 0}});
  const Probe found = await_certificate(server.endpoint(), {ours.certificate}, 1s);
  EXPECT_THAT(found.trouble, HasSubstr("no TLS handshake"));
  const Server silent(ours, {{"", 1}});
  EXPECT_THAT([&] { served_certificate(silent.endpoint("smtp"), 1s); },
              ThrowsErrc(Errc::kUnavailable));
  EXPECT_THAT([] { served_certificate(parse_endpoint("127.0.0.1:1", ""), 1s); },
              ThrowsErrc(Errc::kUnavailable));
}

TEST(EndpointTest, IsHostAndPort) {
  EXPECT_EQ(parse_endpoint("[::1]:5061", "").host, "::1");
  EXPECT_EQ(parse_endpoint("sip.contoso.com:443", "imap").port, "443");
  for (const char* bad : {"", ":443", "sip.contoso.com", "sip.contoso.com:", "a:https"})
    EXPECT_THAT([&] { parse_endpoint(bad, ""); }, ThrowsErrc(Errc::kInvalidArgument)) << bad;
  EXPECT_THAT([] { parse_endpoint("a:1", "gopher"); }, ThrowsErrc(Errc::kInvalidArgument));
}

}  // namespace
}  // namespace poolkey::crypto
