// A running `poolkey serve` beside a test, clients of it, and connections that send what no client
// would. Called by: tests/service.
#pragma once

#include <openssl/ssl.h>

#include "app/app.h"
#include "e2e/background.h"
#include "e2e/deployment.h"
#include "http/client.h"

namespace poolkey::test {

using namespace std::chrono_literals;

/// Who is somebody: a key, its certificate and what stands above it.
struct Shown {
  std::shared_ptr<evp_pkey_st> key{};
  std::vector<crypto::Certificate> chain{};  ///< empty: anonymous
};

/// Bindings of 'officer', 'operator', 'requester', 'auditor' (clients), root and the members.
/// `limits` stands in each of them.
std::string access_text(
    const std::string& limits = "requests_per_second = 100000\nburst = 100000\n");

class LiveService {
 public:
  /// Sets up the service of a deployment's origin, on a port of its own. Not started yet.
  explicit LiveService(const Deployment& deployment, const std::string& access = access_text());

  /// Starts it, and waits until it listens. `environment` is for this run.
  void start(const std::map<std::string, std::string>& environment = {});
  Background& process() { return *process_; }
  int port() const { return port_; }
  std::string url(const std::string& path) const {
    return "https://localhost:" + std::to_string(port_) + path;
  }

  /// A key in software with a certificate for this client name; only while the service is down.
  /// With `at` ("-200d") as if it were then.
  Shown certify(const std::string& name, const std::string& at = "") const;
  /// What `openssl` made as NAME.key and NAME.pem in the deployment's folder.
  Shown load(const std::string& name) const;
  crypto::TlsClientSpec spec(const Shown& who) const;
  http::Client client(const Shown& who = {}) const;
  /// Of /proc: resident memory, in KiB.
  std::size_t resident() const;
  /// It answers, quickly.
  testing::AssertionResult lives(const Shown& who = {}) const;
  /// Entries of the audit log with this result.
  std::int64_t audited(const std::string& result) const;

  const Deployment& deployment() const { return d_; }

 private:
  const Deployment& d_;
  int port_;
  std::vector<crypto::Certificate> roots_;
  std::unique_ptr<Background> process_;
};

/// The certificate of an enrolled member's identity key, as its enrolment over the network would
/// give it, in the deployment's folder as NAME.pem. Only while the service is down.
void certify_member(const Deployment& deployment, const std::string& name);

/// A member, with the key in its token: at most one in a process.
class LiveMember {
 public:
  LiveMember(const Deployment& deployment, const std::string& name);
  const Shown& shown() const { return shown_; }

 private:
  app::App app_;
  Shown shown_;
};

/// One TLS connection on which anything can be sent.
class RawConnection {
 public:
  struct Tls {
    int least = TLS1_2_VERSION, most = TLS1_3_VERSION;
  };
  /// Does the handshake; `works()` says whether it was done.
  RawConnection(const LiveService& service, const Shown& who);
  RawConnection(const LiveService& service, const Shown& who, Tls versions);
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;
  ~RawConnection();

  bool works() const { return works_; }
  /// False once the other side has closed.
  bool send(std::string_view octets);
  /// What comes until the other side closes, or the time is over.
  std::string receive(std::chrono::milliseconds limit = 5s);
  /// What comes until there is one whole answer; its status. 0: closed without an answer, -1: none
  /// in time.
  int status(std::chrono::milliseconds limit = 5s);
  /// True if the other side closes within the time.
  bool closes(std::chrono::milliseconds limit);
  /// Asks for a new handshake (TLS 1.2): true if it was granted.
  bool renegotiates();

 private:
  int read_some(std::string& into, std::chrono::steady_clock::time_point deadline);

  crypto::TlsClient tls_;
  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
  int fd_ = -1;
  bool works_ = false;
  std::string buffer_;
};

/// How many answers with which statuses stand in what a connection received.
std::vector<int> statuses_in(const std::string& received);

}  // namespace poolkey::test
