#include "service/dispatcher.h"

#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "service/problem.h"

namespace poolkey::service {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kQueue = 4096;
/// Calls that are answered in one go, and how many workers do so for one route: while one waits for
/// the disk the other signs.
constexpr std::size_t kTogether = 64;
/// How long the first of a group waits for the others: while they keep coming, and not for ever.
constexpr std::chrono::microseconds kPause{300};
constexpr std::chrono::milliseconds kGather{3};
constexpr unsigned kGroups = 2;
constexpr std::chrono::milliseconds kWatchEvery{200};
constexpr std::chrono::seconds kLongestWait{60};

/// The seconds of `Prefer: wait=N` (RFC 7240 4.3); nothing where it does not stand there.
std::optional<std::chrono::seconds> preferred_wait(const Request& request) {
  constexpr std::string_view kWait = "wait=";
  const std::string_view prefer = request.header("prefer");
  const std::size_t at = prefer.find(kWait);
  if (at == prefer.npos) return std::nullopt;
  unsigned seconds = 0;
  const char* begin = prefer.data() + at + kWait.size();
  if (std::from_chars(begin, prefer.data() + prefer.size(), seconds).ec != std::errc{})
    return std::nullopt;
  return std::min(std::chrono::seconds(seconds), kLongestWait);
}

}  // namespace

Dispatcher::Dispatcher(Shared& shared, MakeSide make_side, unsigned workers)
    : shared_(shared), make_side_(std::move(make_side)) {
  for (unsigned i = 0; i < workers; ++i) workers_.emplace_back([this] { work(); });
  watcher_ = std::jthread([this] { watch(); });
}

Dispatcher::~Dispatcher() {
  stop_waiting();
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_all();
}

std::size_t Dispatcher::body_limit(const Request& head) const {
  const Target target = parse_target(head.target);
  const Match found = match(all_routes(), head.method, target.path);
  if (found.route != nullptr) {
    const Body& body = found.route->body;
    const std::string_view type = head.header("content-type");
    const std::string_view length = head.header("content-length");
    const bool has_body =
        (!length.empty() && length != "0") || !head.header("transfer-encoding").empty();
    if (has_body && !body.type.empty() && body.type != "*/*" &&
        type.substr(0, type.find(';')) != body.type)
      throw HttpError(415, "this call takes '" + std::string(body.type) + "'");
    return body.limit;
  }
  if (found.methods.empty())
    throw HttpError(404, "there is nothing at '" + target.path + "'; see /v1/openapi.json", {},
                    Errc::kNotFound);
  std::string allowed;
  for (const std::string& method : found.methods) allowed += (allowed.empty() ? "" : ", ") + method;
  throw HttpError(405, "'" + target.path + "' takes " + allowed, {{"allow", allowed}});
}

void Dispatcher::handle(Request request, HttpServer::Reply reply) {
  Job job{std::move(request), std::move(reply), {}};
  Target target = parse_target(job.request.target);
  job.request.path = std::move(target.path);
  job.request.query = std::move(target.query);
  job.match = match(all_routes(), job.request.method, job.request.path);
  if (const auto wait = preferred_wait(job.request)) job.until = Clock::now() + *wait;
  {
    const std::scoped_lock lock(mutex_);
    if (queue_.size() < kQueue && !stopping_) {
      const auto busy = busy_.find(job.match.route);
      queue_.push_back(std::move(job));
      // Where as many as may are at this route already, the next of them takes it along.
      if (busy == busy_.end() || busy->second < kGroups) ready_.notify_one();
      return;
    }
  }
  job.reply(problem(job.request.id, 503, "the service has more work than it can do; come again"));
}

std::vector<Dispatcher::Job> Dispatcher::take() {
  std::unique_lock lock(mutex_);
  const auto can_run = [&](const Job& job) {
    const auto busy = busy_.find(job.match.route);
    return busy == busy_.end() || busy->second < kGroups;
  };
  std::vector<Job> out;
  while (out.empty()) {
    const auto first = std::ranges::find_if(queue_, can_run);
    if (first == queue_.end()) {
      if (stopping_) return out;
      ready_.wait(lock);
    } else if (first->match.route->together == nullptr) {
      out.push_back(std::move(*first));
      queue_.erase(first);
    } else {
      out = gather(lock, first->match.route);  // another worker may have them meanwhile
    }
  }
  return out;
}

std::vector<Dispatcher::Job> Dispatcher::gather(std::unique_lock<std::mutex>& lock,
                                                const Route* route) {
  unsigned& busy = busy_[route];
  ++busy;
  // Whoever was answered together asks again at nearly the same time: the first of them is not
  // worth a group of his own.
  const auto end = Clock::now() + kGather;
  for (std::size_t seen = 0; seen < count(route) && !stopping_ && Clock::now() < end;) {
    seen = count(route);
    lock.unlock();
    std::this_thread::sleep_for(kPause);  // nobody is to be woken for each that comes
    lock.lock();
  }
  std::vector<Job> out = all_of(route);
  if (out.empty()) --busy;
  return out;
}

std::size_t Dispatcher::count(const Route* route) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(queue_, [&](const Job& job) { return job.match.route == route; }));
}

std::vector<Dispatcher::Job> Dispatcher::all_of(const Route* route) {
  std::vector<Job> out;
  for (auto at = queue_.begin(); at != queue_.end() && out.size() < kTogether;)
    if (at->match.route == route) {
      out.push_back(std::move(*at));
      at = queue_.erase(at);
    } else {
      ++at;
    }
  return out;
}

void Dispatcher::release(const Route* route) {
  {
    const std::scoped_lock lock(mutex_);
    --busy_[route];
  }
  ready_.notify_one();
}

void Dispatcher::work() {
  std::unique_ptr<app::App> side;
  while (true) {
    std::vector<Job> jobs = take();
    if (jobs.empty()) return;
    const Route* route = jobs.front().match.route;
    try {
      if (!side) side = make_side_();
      if (route->together != nullptr)
        run_together(*side, jobs);
      else
        run(*side, std::move(jobs.front()));
    } catch (const Error& error) {  // no App: database or token are out of reach
      log("service").error("{}", error.what());
      side.reset();
      for (Job& job : jobs) {
        if (!job.reply) continue;
        Response refused = problem(job.request, error);
        answer(std::move(job), std::move(refused));
      }
    }
    if (route->together != nullptr) release(route);
  }
}

void Dispatcher::run(app::App& side, Job job) {
  const std::uint64_t news = news_;
  Response response = respond(side, job);
  const bool waits = response.status == 304 && job.until > Clock::now();
  if (waits)
    park(std::move(job), std::move(response), news);
  else
    answer(std::move(job), std::move(response));
}

Response Dispatcher::respond(app::App& side, Job& job) {
  try {
    const Admitted admitted =
        admit(side, shared_, job.request, job.match, std::exchange(job.counted, true));
    const Route& route = *job.match.route;
    Call call = call_of(side, job, admitted);
    if (route.repeat == Repeat::kSafe) return route.handle(call);
    const auto act = [&] {
      if (route.together != nullptr) return std::move(route.together({&call, 1}).front());
      return recorded(call, route, [&] { return route.handle(call); });
    };
    const auto keyed =
        admitted.rule.empty() ? std::nullopt : keyed_call(call.principal, job.request);
    if (!keyed) return act();
    return shared_.idempotency().once(side.database(), *keyed, call.context().clock.now(), act,
                                      [&] { note_replay(call, route); });
  } catch (const Error& error) {
    return refusal(shared_, job.request, error);
  } catch (const std::exception& error) {
    return refusal(shared_, job.request, Error(Errc::kInternal, error.what()));
  }
}

Call Dispatcher::call_of(app::App& side, const Job& job, const Admitted& admitted) {
  return {job.request,
          job.match.parameters,
          admitted.identity.principal,
          side,
          shared_,
          admitted.identity.actor,
          admitted.rule,
          job.match.route->body.schema};
}

void Dispatcher::run_together(app::App& side, std::vector<Job>& jobs) {
  std::vector<Admitted> admitted;
  std::vector<Call> calls;
  std::vector<std::size_t> which;
  admitted.reserve(jobs.size());  // calls refer into it
  calls.reserve(jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (!jobs[i].request.header("idempotency-key").empty()) {  // has more to do
      run(side, std::move(jobs[i]));
      continue;
    }
    try {
      admitted.push_back(admit(side, shared_, jobs[i].request, jobs[i].match, false));
      calls.push_back(call_of(side, jobs[i], admitted.back()));
      which.push_back(i);
    } catch (const Error& error) {
      Response refused = refusal(shared_, jobs[i].request, error);
      answer(std::move(jobs[i]), std::move(refused));
    }
  }
  if (calls.empty()) return;
  std::vector<Response> answers = together(jobs[which.front()], calls);
  for (std::size_t k = 0; k < which.size(); ++k)
    answer(std::move(jobs[which[k]]), std::move(answers[k]));
}

std::vector<Response> Dispatcher::together(const Job& first, std::vector<Call>& calls) {
  const auto all_failed = [&](const Error& error) {
    std::vector<Response> out;
    for (const Call& call : calls) out.push_back(refusal(shared_, call.request, error));
    return out;
  };
  try {
    return first.match.route->together(calls);
  } catch (const Error& error) {
    return all_failed(error);
  } catch (const std::exception& error) {
    return all_failed(Error(Errc::kInternal, error.what()));
  }
}

void Dispatcher::answer(Job job, Response response) {
  const std::chrono::duration<double> took = Clock::now() - job.request.arrived;
  shared_.metrics().count_call(job.match.route->method, job.match.route->path, response.status,
                               took);
  // As it was sent: no blank in it can make two fields of one.
  const std::string_view path =
      std::string_view(job.request.target).substr(0, job.request.target.find('?'));
  log("service").info("request={} method={} path={} status={} ms={:.1f} from={}", job.request.id,
                      job.request.method, path, response.status, took.count() * 1e3,
                      job.request.peer.address);
  job.reply(std::move(response));
}

void Dispatcher::park(Job job, Response response, std::uint64_t news) {
  const bool changed =
      response.watch.empty() ? news != news_ : folder_time(response.watch) != response.watch_time;
  if (changed) {  // meanwhile
    const std::scoped_lock lock(mutex_);
    queue_.push_back(std::move(job));
    ready_.notify_one();
    return;
  }
  const std::scoped_lock lock(parked_mutex_);
  if (waiting_allowed_)
    parked_.push_back({std::move(job), std::move(response)});
  else
    answer(std::move(job), std::move(response));
}

std::size_t Dispatcher::queued() const {
  const std::scoped_lock lock(mutex_);
  return queue_.size();
}

std::size_t Dispatcher::parked() const {
  const std::scoped_lock lock(parked_mutex_);
  return parked_.size();
}

void Dispatcher::stop_waiting() {
  {
    const std::scoped_lock lock(parked_mutex_);
    waiting_allowed_ = false;
  }
  parked_changed_.notify_all();
}

std::vector<Dispatcher::Parked> Dispatcher::due(bool all_news) {
  const auto now = Clock::now();
  std::vector<Parked> out;
  for (auto at = parked_.begin(); at != parked_.end();) {
    const Response& waiting = at->answer;
    const bool news =
        waiting.watch.empty() ? all_news : folder_time(waiting.watch) != waiting.watch_time;
    if (!waiting_allowed_ || news || at->job.until <= now) {
      at->news = news && waiting_allowed_;
      out.push_back(std::move(*at));
      at = parked_.erase(at);
    } else {
      ++at;
    }
  }
  return out;
}

void Dispatcher::watch() {
  std::optional<store::Database> database;
  std::int64_t version = 0;
  bool more = true;
  while (more) {
    std::vector<Parked> ready;
    {
      std::unique_lock lock(parked_mutex_);
      parked_changed_.wait_for(lock, kWatchEvery, [&] { return !waiting_allowed_; });
      more = waiting_allowed_;
      bool news = false;
      try {
        if (!database)
          database = store::Database::open(shared_.settings().home / app::kDatabaseFile);
        const std::int64_t now = database->version();
        news = now != std::exchange(version, now);
      } catch (const Error& error) {
        log("service").error("no news can be watched for: {}", error.what());
      }
      if (news) ++news_;
      ready = due(news);
    }
    for (Parked& parked : ready)
      if (parked.news) {
        const std::scoped_lock lock(mutex_);
        queue_.push_back(std::move(parked.job));
        ready_.notify_one();
      } else {
        answer(std::move(parked.job), std::move(parked.answer));
      }
  }
}

}  // namespace poolkey::service
