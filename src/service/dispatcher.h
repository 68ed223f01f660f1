// Between the server and the handlers: workers, each with its own view of the origin, and what is
// the same for every call: who asks, whether it is allowed, what is recorded, what waits.
// May touch: app and below. Called by: service.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "service/admission.h"
#include "service/http_server.h"
#include "service/identity.h"
#include "service/router.h"
#include "service/shared.h"

namespace poolkey::service {

class Dispatcher {
 public:
  /// `make_side` opens a worker's App, on the thread that uses it.
  using MakeSide = std::function<std::unique_ptr<app::App>()>;

  Dispatcher(Shared& shared, MakeSide make_side, unsigned workers);
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;
  ~Dispatcher();

  /// For HttpServer: never block.
  void handle(Request request, HttpServer::Reply reply);
  /// Throws HttpError 404, 405, 415.
  std::size_t body_limit(const Request& head) const;

  std::size_t queued() const;
  std::size_t parked() const;

  /// Whoever waits is answered now, and nobody waits any more.
  void stop_waiting();

 private:
  struct Job {
    Request request;
    HttpServer::Reply reply;
    Match match;
    std::chrono::steady_clock::time_point until{};  ///< of a long poll; zero: none
    bool counted = false;  ///< against the caller's rate, before it began to wait
  };
  /// An answer that waits for news.
  struct Parked {
    Job job;
    Response answer;
    bool news = false;
  };
  void work();
  std::vector<Job> take();
  std::vector<Job> gather(std::unique_lock<std::mutex>& lock, const Route* route);
  std::size_t count(const Route* route) const;
  std::vector<Job> all_of(const Route* route);
  void release(const Route* route);
  void run(app::App& side, Job job);
  void run_together(app::App& side, std::vector<Job>& jobs);
  std::vector<Response> together(const Job& first, std::vector<Call>& calls);
  Response respond(app::App& side, Job& job);
  Call call_of(app::App& side, const Job& job, const Admitted& admitted);
  void answer(Job job, Response response);
  void park(Job job, Response response, std::uint64_t news);
  std::vector<Parked> due(bool all_news);
  void watch();

  Shared& shared_;
  MakeSide make_side_;

  mutable std::mutex mutex_;  // of the queue
  std::condition_variable ready_;
  std::deque<Job> queue_;
  std::map<const Route*, unsigned> busy_;  ///< workers in routes that are answered together
  bool stopping_ = false;

  mutable std::mutex parked_mutex_;
  std::condition_variable parked_changed_;
  std::list<Parked> parked_;
  bool waiting_allowed_ = true;
  std::atomic<std::uint64_t> news_ = 0;  ///< counts changes of the database by others

  std::jthread watcher_;
  std::vector<std::jthread> workers_;  // ends first
};

}  // namespace poolkey::service
