#include "live.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

#include "base/file.h"
#include "hsm/uri.h"
#include "pool/member_side.h"

namespace poolkey::test {

std::string access_text(const std::string& limits) {
  std::string out = "version = 1\n";
  const auto bind = [&](const std::string& role, const std::string& rest) {
    out += "\n[[bind]]\nrole = \"" + role + "\"\n" + rest + limits;
  };
  const std::string all = "pools = [\"*\"]\n";
  const std::string profiles = "profiles = [\"*\"]\n";
  bind("security-officer", "clients = [\"officer\"]\n" + all + profiles);
  bind("operator", "clients = [\"operator\"]\naccounts = [\"root\"]\n" + all + profiles +
                       "signatures_per_day = 1000000\n");
  bind("requester", "clients = [\"requester\"]\npools = [\"edge\"]\n" + profiles +
                        "signatures_per_day = 1000000\n");
  bind("auditor", "clients = [\"auditor\"]\n" + all);
  bind("member", "members = [\"*\"]\n");
  return out;
}

LiveService::LiveService(const Deployment& deployment, const std::string& access)
    : d_(deployment), port_(free_port()) {
  write_file(d_.path("service.pin"), std::string_view("31415926"), 0600);
  d_.must("origin", {"service", "init", "--name", "localhost", "--address", "127.0.0.1", "--listen",
                     "127.0.0.1:" + std::to_string(port_), "--service-pin",
                     "file:" + d_.path("service.pin").string()});
  write_file(d_.home("origin") / "access.toml", access);
  d_.must("origin", {"origin", "root", "--out", d_.path("service-root.pem").string()});
  roots_ = {crypto::Certificate::from_pem(read_file(d_.path("service-root.pem")))};
}

void LiveService::start(const std::map<std::string, std::string>& environment) {
  process_ = std::make_unique<Background>(
      Words{POOLKEY_PROGRAM, "--home", d_.home("origin").string(), "--log-level", "info", "serve"},
      d_.path("service.log"), d_.path(""), environment);
  process_->await_port(port_);
}

Shown LiveService::certify(const std::string& name, const std::string& at) const {
  const std::string base = d_.path(name).string();
  const Outcome made = shell(
      "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
      "-subj /CN=" +
      name + " -keyout " + base + ".key -out " + base + ".csr");
  EXPECT_TRUE(succeeded(made));
  const Outcome certified =
      d_.on("origin", {"access", "certify", name, "--csr", base + ".csr", "--out", base + ".pem"},
            [&](Command& command) {
              if (!at.empty()) command.words = at_time(at, std::move(command.words));
            });
  EXPECT_TRUE(succeeded(certified));
  return load(name);
}

Shown LiveService::load(const std::string& name) const {
  const std::string pem = read_file(d_.path(name + ".key"));
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  return {crypto::shared_key(crypto::EvpPkey(key)),
          crypto::Certificate::list_from_pem(read_file(d_.path(name + ".pem")))};
}

crypto::TlsClientSpec LiveService::spec(const Shown& who) const {
  return {.chain = who.chain, .key = who.key, .roots = roots_};
}

http::Client LiveService::client(const Shown& who) const {
  return http::Client({.tls = std::make_shared<crypto::TlsClient>(spec(who))});
}

std::size_t LiveService::resident() const {
  const std::string text =
      read_file("/proc/" + std::to_string(process_->pid()) + "/status", kMaxFileBytes);
  return std::stoul(text.substr(text.find("VmRSS:") + 6));
}

testing::AssertionResult LiveService::lives(const Shown& who) const {
  try {
    const auto begin = std::chrono::steady_clock::now();
    const http::Response answer = client(who).send({.url = url("/v1/health/ready")});
    const auto took = std::chrono::steady_clock::now() - begin;
    if (answer.status == 200 && took < 5s) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "status " << answer.status << ": " << answer.body;
  } catch (const Error& error) {
    return testing::AssertionFailure() << error.what() << "\n" << process_->log();
  }
}

std::int64_t LiveService::audited(const std::string& result) const {
  return d_.count("origin", "audit_entry WHERE entry LIKE '%\"result\":\"" + result + "\"%'");
}

void certify_member(const Deployment& deployment, const std::string& name) {
  const Outcome made = run({.words = {POOLKEY_CERTIFY_MEMBER, deployment.home("origin").string(),
                                      name, deployment.path(name + ".pem").string()}});
  if (made.status != 0) throw std::runtime_error(made.text());
}

LiveMember::LiveMember(const Deployment& deployment, const std::string& name)
    : app_({.home = deployment.home(name)}) {
  app_.use_token();
  pool::MemberSide side = app_.member();
  const pool::OwnKey identity = pool::own_key(side, pool::OwnRole::kIdentity);
  shown_ = {crypto::shared_key(side.context.load_key(
                hsm::private_key_uri(side.context.token->name(), identity.id))),
            crypto::Certificate::list_from_pem(read_file(deployment.path(name + ".pem")))};
}

RawConnection::RawConnection(const LiveService& service, const Shown& who)
    : RawConnection(service, who, Tls{}) {}

RawConnection::RawConnection(const LiveService& service, const Shown& who, Tls versions)
    : tls_(service.spec(who)), context_(SSL_CTX_new(TLS_client_method())) {
  std::signal(SIGPIPE, SIG_IGN);  // the other side may close at any time
  tls_.configure(context_);
  SSL_CTX_set_security_level(context_, 0);  // also what is too old, to see that it is refused
  SSL_CTX_set_min_proto_version(context_, versions.least);
  SSL_CTX_set_max_proto_version(context_, versions.most);
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(service.port()));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval patience{10, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return;
  ssl_ = SSL_new(context_);
  SSL_set_fd(ssl_, fd_);
  SSL_ctrl(ssl_, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
           const_cast<char*>("localhost"));
  works_ = SSL_connect(ssl_) == 1;
  // In TLS 1.3 the server looks at the certificate after the client is done.
  ERR_clear_error();
}

RawConnection::~RawConnection() {
  SSL_free(ssl_);
  SSL_CTX_free(context_);
  ::close(fd_);
}

bool RawConnection::send(std::string_view octets) {
  while (!octets.empty()) {
    const int sent = SSL_write(ssl_, octets.data(),
                               static_cast<int>(std::min<std::size_t>(octets.size(), 8192)));
    if (sent <= 0) return false;
    octets.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

/// Octets read; 0: closed, -1: nothing in time.
int RawConnection::read_some(std::string& into, std::chrono::steady_clock::time_point deadline) {
  if (SSL_pending(ssl_) == 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd wait{fd_, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&wait, 1, static_cast<int>(left.count())) <= 0) return -1;
  }
  char text[16384];
  const int size = SSL_read(ssl_, text, sizeof text);
  if (size <= 0) return 0;
  into.append(text, static_cast<std::size_t>(size));
  return size;
}

std::string RawConnection::receive(std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (read_some(buffer_, deadline) > 0) continue;
  return std::exchange(buffer_, "");
}

int RawConnection::status(std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (true) {
    const std::size_t head = buffer_.find("\r\n\r\n");
    if (head != buffer_.npos) {
      const std::size_t at = buffer_.find("Content-Length: ");
      const std::size_t body = at < head ? std::stoul(buffer_.substr(at + 16)) : 0;
      if (buffer_.size() >= head + 4 + body) {
        const int out = std::stoi(buffer_.substr(9, 3));
        buffer_.erase(0, head + 4 + body);
        return out;
      }
    }
    const int got = read_some(buffer_, deadline);
    if (got <= 0) return got;
  }
}

bool RawConnection::closes(std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  int got = 1;
  while (got > 0) got = read_some(buffer_, deadline);
  return got == 0;
}

bool RawConnection::renegotiates() {
  if (SSL_renegotiate(ssl_) != 1) return false;
  return SSL_do_handshake(ssl_) == 1;
}

std::vector<int> statuses_in(const std::string& received) {
  std::vector<int> out;
  for (std::size_t at = received.find("HTTP/1.1 "); at != received.npos;
       at = received.find("HTTP/1.1 ", at + 1))
    out.push_back(std::stoi(received.substr(at + 9, 3)));
  return out;
}

}  // namespace poolkey::test
