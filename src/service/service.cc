#include "service/service.h"

#include <csignal>
#include <ctime>

#include "app/service_token.h"
#include "base/file.h"
#include "base/log.h"
#include "crypto/tls_server.h"
#include "keys/issued.h"
#include "service/chores.h"
#include "service/dispatcher.h"

namespace poolkey::service {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kGrace{30};
constexpr std::chrono::hours kLookAtCertificate{1};
constexpr std::chrono::seconds kTokenAway{30};
constexpr unsigned kFewestWorkers = 8;
constexpr unsigned kIoThreads = 2;

std::shared_ptr<const policy::Access> read_access(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file))
    throw Error(Errc::kNotFound, "there is no access policy at '" + file.string() +
                                     "', so nobody may do anything; begin with a copy of "
                                     "policies/access.toml");
  return std::make_shared<const policy::Access>(
      policy::parse_access(read_file(file), file.string()));
}

unsigned worker_count(unsigned wanted) {
  if (wanted > 0) return wanted;
  return std::max(kFewestWorkers, 2 * std::max(1U, std::thread::hardware_concurrency()));
}

/// Signals come to whoever asks for them, not to a thread in the middle of something.
class Signals {
 public:
  Signals() {
    ::sigemptyset(&set_);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set_, signal);
    ::pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  /// The next signal; 0 where none came in this time.
  int wait(std::chrono::milliseconds time) const {
    const timespec limit{time.count() / 1000, (time.count() % 1000) * 1'000'000};
    const int got = ::sigtimedwait(&set_, nullptr, &limit);
    return got > 0 ? got : 0;
  }

 private:
  sigset_t set_{}, before_{};
};

class Service {
 public:
  explicit Service(ServeOptions options)
      : options_(std::move(options)),
        manager_(ServiceManager::from_environment()),
        access_file_(options_.access.empty() ? access_file(options_.app.home) : options_.access),
        side_(options_.app),
        shared_({.home = options_.app.home,
                 .access = access_file_,
                 .workers = worker_count(options_.workers)},
                read_access(access_file_)) {
    side_.require(app::Side::kOrigin);
    if (!side_.config().service)
      throw Error(Errc::kNotFound, "this origin has no service yet; run 'poolkey service init'");
    shared_.run_command = options_.run_command;
  }

  void run() {
    side_.use_token();
    shared_.use_token(side_.share());
    service_token_.emplace(side_.context(), *side_.config().service);
    dispatcher_.emplace(
        shared_, [this] { return worker_side(); }, shared_.settings().workers);
    server_.emplace(
        ServerLimits{},
        [this](Request request, HttpServer::Reply reply) {
          dispatcher_->handle(std::move(request), std::move(reply));
        },
        [this](const Request& head) { return dispatcher_->body_limit(head); });
    shared_.levels = [this] {
      const ServerCounts counts = server_->counts();
      return Shared::Levels{dispatcher_->queued(), dispatcher_->parked(), counts.open,
                            counts.handshakes, counts.failed_handshakes};
    };
    look_at_certificate();
    listen();
    server_->start(kIoThreads);
    manager_.ready("serving");
    if (options_.started) options_.started(server_->addresses());
    std::exception_ptr failure;
    try {
      loop();
    } catch (const Error&) {
      failure = std::current_exception();
    }
    manager_.stopping();
    log("service").info("stopping: what was begun is answered first");
    dispatcher_->stop_waiting();
    server_->stop(kGrace);
    dispatcher_.reset();
    server_.reset();
    if (failure) std::rethrow_exception(failure);
  }

 private:
  std::unique_ptr<app::App> worker_side() const {
    app::Options options = options_.app;
    options.shared = shared_.token();
    options.keep = {};
    auto side = std::make_unique<app::App>(std::move(options));
    side->use_token();
    return side;
  }

  void listen() {
    const home::Service& configured = *side_.config().service;
    if (!manager_.sockets().empty()) {
      for (const PassedSocket& socket : manager_.sockets())
        server_->listen(
            {socket.name == "local" ? configured.socket.string() : socket.name, socket.fd});
      return;
    }
    for (const std::string& address : options_.listen.empty() ? configured.listen : options_.listen)
      server_->listen({address});
    if (!configured.socket.empty()) server_->listen({configured.socket.string()});
  }

  /// New connections get the newest certificate; the old ones live on.
  void look_at_certificate() {
    app::ServiceIdentity identity =
        service_token_->identity(side_.context(), *side_.config().service);
    if (identity.chain == chain_) return;
    const auto chain = crypto::Certificate::list_from_pem(identity.chain);
    std::vector<crypto::Certificate> roots, issuers;
    for (const keys::OriginSigner& root :
         keys::origin_versions(side_.database(), keys::OriginRole::kRoot))
      roots.push_back(root.certificate);
    for (const keys::OriginSigner& ca :
         keys::origin_versions(side_.database(), keys::OriginRole::kIssuingCa))
      issuers.push_back(ca.certificate);
    const crypto::TlsContext context = crypto::tls_server_context(
        service_token_->library(), identity.key.get(), chain, roots, issuers);
    server_->use_tls(context.get());
    chain_ = identity.chain;
    log("service").info("serving with a certificate until {}", rfc3339(identity.not_after));
  }

  void reload() {
    manager_.reloading();
    try {
      shared_.use_access(read_access(access_file_));
      chain_.clear();
      look_at_certificate();
      log("service").info("'{}' was read again", access_file_.string());
    } catch (const Error& error) {
      log("service").error("nothing was changed: {}", error.what());
    }
    manager_.ready("serving");
  }

  /// The provider finds its way back to a token that was away for a moment, key by key. One that
  /// stays away needs a fresh module, which is a fresh process: whoever started this one starts the
  /// next, and what was begun is completed then.
  void watch_token() {
    if (!shared_.take_token_trouble() && !troubled_since_) return;
    if (!troubled_since_) troubled_since_ = Clock::now();
    try {
      sign_and_verify(side_.context());
      troubled_since_.reset();
    } catch (const Error& error) {
      log("service").error("the origin's token does not sign: {}", error.what());
      if (Clock::now() - *troubled_since_ > kTokenAway)
        throw Error(Errc::kUnavailable, "the origin's token has not signed for 30 s (" +
                                            std::string(error.what()) +
                                            "); start the service again when it is back");
    }
  }

  void chore(std::string_view name, const std::function<void()>& act) {
    try {
      act();
    } catch (const Error& error) {
      log("service").error("could not {}: {}", name, error.what());
    }
  }

  void loop() {
    std::vector<Clock::time_point> due(chores().size(), Clock::now());
    Clock::time_point certificate = Clock::now() + kLookAtCertificate;
    const auto pause = std::chrono::milliseconds(500);
    while (true) {
      const int signal = signals_.wait(pause);
      if (signal == SIGTERM || signal == SIGINT) return;
      if (signal == SIGHUP) reload();
      manager_.feed_watchdog();
      for (std::size_t i = 0; i < due.size(); ++i) {
        const Chore& one = chores()[i];
        if (Clock::now() < due[i]) continue;
        due[i] = Clock::now() + one.every;
        chore(one.name, [&] { one.run(side_, shared_); });
      }
      if (Clock::now() >= certificate) {
        certificate = Clock::now() + kLookAtCertificate;
        chore("renew the service's certificate", [&] { look_at_certificate(); });
      }
      watch_token();
    }
  }

  Signals signals_;
  ServeOptions options_;
  ServiceManager manager_;
  std::filesystem::path access_file_;
  app::App side_;
  Shared shared_;
  std::optional<app::ServiceToken> service_token_;
  std::string chain_;
  std::optional<Clock::time_point> troubled_since_;
  std::optional<HttpServer> server_;
  std::optional<Dispatcher> dispatcher_;
};

}  // namespace

std::filesystem::path access_file(const std::filesystem::path& home) {
  return home / "access.toml";
}

void serve(ServeOptions options) { Service(std::move(options)).run(); }

}  // namespace poolkey::service
