// Debian's TLS servers with the site's key, asked by a TLS client in software.
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/file.h"
#include "clients/client.h"
#include "clients/server.h"
#include "clients/tls.h"

namespace poolkey::clients {
namespace {

void expect(bool right, const std::string& what) {
  if (!right) throw std::runtime_error(what);
}

/// One connection with each version, answered by a text with `words`.
void ask_with_each_version(const Site& site, int port, const std::string& words,
                           const std::string& page = "/") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const Answer answer =
        TlsClient(site, {.version = version}).ask(port, "GET " + page + " HTTP/1.0\r\n\r\n");
    expect(answer.text.find(words) != std::string::npos, "another answer: " + answer.text);
  }
}

/// Writes servers/`name`.conf into the site's folder, with a free port, which is returned. Root's
/// servers become a user who can read the token but not the PIN: lines after @ROOT@ are for them,
/// those after @USER@ for everybody else's.
int configure(const Site& site, const std::string& name) {
  const int port = free_port();
  const bool root = ::geteuid() == 0;
  std::string text = read_file(POOLKEY_SOURCE_DIR "/tests/clients/servers/" + name + ".conf");
  for (const auto& [mark, value] :
       std::map<std::string, std::string>{{"@PORT@", std::to_string(port)},
                                          {"@FOLDER@", site.path("")},
                                          {"@KEY@", site.key()},
                                          {"@ROOT@", root ? "" : "#"},
                                          {"@USER@", root ? "#" : ""}})
    for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos;)
      text.replace(at, mark.size(), value);
  site.write(name + ".conf", text);
  if (root) site.open_to_others();
  return port;
}

/// What the thousand connections to nginx were answered by.
class Crowd {
 public:
  Crowd(const Site& site, int port) : site_(site), port_(port) {}

  /// Runs `half` in the middle.
  void ask(int count, const std::function<void()>& half) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i)
      threads.emplace_back([&, version = i % 2 == 0 ? TLS1_3_VERSION : TLS1_2_VERSION] {
        const TlsClient client(site_, {.version = version});
        for (int n; (n = asked_++) < count && fault().empty();) {
          if (n == count / 2) half();
          ask_once(client);
        }
      });
  }
  std::string fault() const {
    const std::lock_guard lock(mutex_);
    return fault_;
  }
  const std::set<std::string>& answers() const { return answers_; }

 private:
  static constexpr int kThreads = 4;

  void ask_once(const TlsClient& client) {
    std::string text, fault;
    try {
      const std::string all = client.ask(port_).text;
      text = all.substr(all.rfind('\n') + 1);
    } catch (const std::exception& error) {
      fault = error.what();
    }
    const std::lock_guard lock(mutex_);
    if (fault_.empty()) fault_ = fault;
    if (fault.empty()) answers_.insert(text);
  }

  const Site& site_;
  int port_;
  std::atomic<int> asked_ = 0;
  mutable std::mutex mutex_;
  std::string fault_;
  std::set<std::string> answers_;
};

void check_haproxy(const Site& site, const std::string& options, bool reload) {
  site.must("cat key.pem cert.pem > both.pem");
  const int port = configure(site, "haproxy");
  const Server server(site, "haproxy " + options + " -db -f haproxy.conf", port);
  for (int i = 0; i < 10; ++i) ask_with_each_version(site, port, "served");
  if (!reload) return;
  server.signal(SIGUSR2);  // the master starts itself anew
  server.until_said("New worker", 2);
  for (int i = 0; i < 50; ++i) ask_with_each_version(site, port, "served");
}

std::string s_server(int port) {
  return "openssl s_server -www -cert cert.pem -key \"$KEY\" -accept 127.0.0.1:" +
         std::to_string(port);
}

}  // namespace

void show_s_server(const Site& site) {
  const int port = free_port();
  const Server server(site, s_server(port), port);
  for (int i = 0; i < 5; ++i) ask_with_each_version(site, port, "s_server");
  site.must_run("mutual_tls");
  if (site.kind() != Kind::kRsa2048) return;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION})
    for (const std::string digest : {"256", "384", "512"}) {
      const TlsClient client(site, {.version = version, .signatures = "rsa_pss_rsae_sha" + digest});
      expect(client.ask(port).signature == EVP_PKEY_RSA_PSS, "another signature than RSA-PSS");
    }
  for (const char* signatures : {"RSA+SHA256", "RSA+SHA512"})
    expect(TlsClient(site, {.version = TLS1_2_VERSION, .signatures = signatures})
                   .ask(port)
                   .signature == EVP_PKEY_RSA,
           std::string("another signature than ") + signatures);
}

void show_rsa_key_exchange(const Site& site) {
  const int port = free_port();
  const Server server(site, s_server(port), port);
  const TlsClient client(site, {.version = TLS1_2_VERSION, .ciphers = "kRSA"});
  for (int i = 0; i < 5; ++i)
    expect(client.ask(port).text.find("s_server") != std::string::npos, "another answer");
}

void show_nginx(const Site& site) {
  const int port = configure(site, "nginx");
  const Server server(site, "nginx -p . -c nginx.conf -e stderr -g 'daemon off;'", port);
  Crowd crowd(site, port);
  crowd.ask(1000, [&] { server.signal(SIGHUP); });
  expect(crowd.fault().empty(), crowd.fault());
  // Two workers before, two others after.
  expect(crowd.answers().size() == 4,
         std::to_string(crowd.answers().size()) + " workers have served");
  for (const char* level : {"[error]", "[crit]", "[alert]", "[emerg]"})
    expect(server.log().find(level) == std::string::npos, std::string("nginx logged ") + level);
}

void show_haproxy(const Site& site) { check_haproxy(site, "", /*reload=*/false); }
void show_haproxy_master(const Site& site) { check_haproxy(site, "-W", /*reload=*/true); }

void show_apache(const Site& site) {
  site.must("mkdir www && echo served > www/index");
  const int port = configure(site, "apache");
  const Server server(site, "apache2 -DFOREGROUND -f " + site.path("apache.conf"), port);
  const auto ask = [&] {
    for (int i = 0; i < 10; ++i) ask_with_each_version(site, port, "served", "/index");
  };
  ask();
  server.signal(SIGUSR1);  // configuration and key are read anew
  server.until_said("resuming normal operations", 2);
  ask();
}

void show_stunnel(const Site& site) {
  const int port = configure(site, "stunnel");
  const Server server(site, "stunnel stunnel.conf", port);
  for (int i = 0; i < 5; ++i) ask_with_each_version(site, port, "GET / HTTP/1.0");
}

void show_unbound(const Site& site) {
  const int port = configure(site, "unbound");
  const Server server(site, "unbound -d -p -c unbound.conf", port);
  // Over TCP the length goes before; asked is served.test, type A.
  const std::string question("\0\x1d\x12\x34\1\0\0\1\0\0\0\0\0\0\6served\4test\0\0\1\0\1", 31);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const Answer answer = TlsClient(site, {.version = version}).ask(port, question);
    expect(answer.text.find(std::string("\xc0\0\x02\x4d", 4)) != std::string::npos,
           "another answer");
  }
}

}  // namespace poolkey::clients
