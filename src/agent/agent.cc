#include "agent/agent.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "agent/enrol.h"
#include "agent/open.h"
#include "base/log.h"
#include "hsm/uri.h"
#include "keys/possession.h"

namespace poolkey::agent {
namespace {

using namespace std::chrono_literals;

constexpr auto kLongestWait = 5min;  // between tries
constexpr auto kWorkAgain = 60s;     // after work that could not be done
constexpr auto kCleanupAgain = 6h;   // of versions that a policy keeps for a while
constexpr auto kReportAgain = 24h;
constexpr auto kSkewWarning = 60s;
constexpr auto kSkewNews = 30s;  // a change by less is none
constexpr auto kNap = 100ms;
constexpr std::size_t kLongestNote = 2000;

app::Options without_keep(app::Options options) {
  options.keep = {};  // the agent opens and closes in turn
  return options;
}

pool::Hook hook_of(const app::Config& config) {
  return {config.reload, config.reload_timeout.value_or(home::kReloadTimeout)};
}

/// When the next version of a key comes into force, by the statement held.
std::optional<Time> next_change(pool::MemberSide& side) {
  const Time now = side.context.clock.now();
  std::optional<Time> out;
  if (!std::filesystem::exists(home::statement_file(side.state_folder, side.pool))) return out;
  for (const pool::Statement::Version& v : pool::held_statement(side).versions)
    if (v.effective && *v.effective > now && v.retired.empty() && (!out || *v.effective < *out))
      out = v.effective;
  return out;
}

/// Whether the challenge was about every version that this member should hold by now.
bool covers_all(pool::MemberSide& side, const std::vector<pool::Receipt>& receipts) {
  return std::ranges::all_of(pool::held_statement(side).versions, [&](const auto& version) {
    return !version.retired.empty() ||
           std::ranges::find(receipts, version.key, &pool::Receipt::key) != receipts.end();
  });
}

bool is_due(const crypto::Certificate& leaf, Time now) {
  return now > leaf.not_after() - (leaf.not_after() - leaf.not_before()) / 3;
}

}  // namespace

Agent::Open::Open(const app::Options& options, std::optional<Pin>& pin)
    : app(without_keep(options)), side([&]() -> pool::MemberSide {
        if (app.config().side != app::Side::kStandby) app.require(app::Side::kMember);
        app.open_token();
        // A prompt or a descriptor gives it once.
        if (!pin) pin = app.ask_pin(hsm::Role::kUser);
        app.log_in(hsm::Role::kUser, *pin);
        return app.member();
      }()) {}

Agent::Agent(app::Options options, std::string version, Orders& orders, ServiceManager manager)
    : options_(std::move(options)),
      version_(std::move(version)),
      orders_(orders),
      manager_(std::move(manager)),
      random_(std::random_device{}()),
      settings_(read_settings(options_.home)),
      service_backoff_(settings_.retry, kLongestWait),
      own_backoff_(settings_.retry, kLongestWait) {
  open();  // what is wrong with the home is told at once
}

Agent::~Agent() = default;

double Agent::chance() { return std::uniform_real_distribution<double>(0, 1)(random_); }

void Agent::nap(std::chrono::milliseconds time) {
  const auto until = Clock::now() + time;
  while (go_on() && Clock::now() < until)
    std::this_thread::sleep_for(std::min<std::chrono::milliseconds>(
        kNap, std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now())));
}

bool Agent::go_on() {
  const auto period = manager_.watchdog();
  if (period && Clock::now() >= next_feeding_) {
    manager_.feed_watchdog();
    next_feeding_ = Clock::now() + *period / 2;
  }
  return !orders_.stop && !orders_.reload;
}

void Agent::open() {
  open_ = std::make_unique<Open>(options_, pin_);
  connect();
}

void Agent::connect() {
  Open& o = *open_;
  o.link.reset();
  o.certificate = read_certificate(options_.home);
  const pool::OwnKey identity = pool::own_key(o.side, pool::OwnRole::kIdentity);
  keys::Context& context = o.side.context;
  crypto::TlsClientSpec tls{.chain = o.certificate,
                            .key = crypto::shared_key(context.load_key(
                                hsm::private_key_uri(context.token->name(), identity.id))),
                            .roots = {pool::pinned_root(o.side)}};
  o.link = std::make_unique<Link>(
      settings_.servers, Subject{o.side.pool, o.side.name},
      http::Options{.tls = std::make_shared<crypto::TlsClient>(std::move(tls)),
                    .go_on = [this] { return go_on(); }},
      context.clock);
}

void Agent::run() {
  manager_.ready("looks after " + open_->side.pool.str() + "/" + open_->side.name.str());
  // After a power failure not all begin at once.
  nap(service_backoff_.next(chance()));
  service_backoff_.reset();
  while (!orders_.stop) {
    try {
      if (orders_.reload.exchange(false)) reload();
      if (!open_) open();
      if (const auto why = std::exchange(lost_, std::nullopt))
        wait_out(*why, open_->link->retry_after());
      round();
      own_backoff_.reset();
    } catch (const Error& error) {
      if (error.code() == Errc::kAuthFailed) throw;
      if (!go_on()) continue;
      if (lost_) continue;  // the service went away in the middle of something
      log("agent").error("{}; token and state are opened again", error.what());
      open_.reset();
      etag_.clear();
      dirty_ = true;
      nap(own_backoff_.next(chance()));
    }
  }
  manager_.stopping();
  open_.reset();
}

void Agent::reload() {
  manager_.reloading();
  settings_ = read_settings(options_.home);
  open_.reset();
  etag_.clear();
  dirty_ = true;
  open();
  manager_.ready("read its settings again");
}

void Agent::round() {
  if (dirty_ && Clock::now() >= next_work_) work();
  duties();
  if (!go_on()) return;
  auto until = next_check_;
  if (dirty_) until = std::min(until, next_work_);
  auto wait = std::chrono::duration_cast<std::chrono::seconds>(until - Clock::now());
  if (next_change_) wait = std::min(wait, *next_change_ - open_->side.context.clock.now());
  // Not all at the same moment.
  const auto most =
      std::chrono::duration_cast<std::chrono::seconds>(settings_.wait * (0.8 + 0.2 * chance()));
  wait = std::clamp(wait, 1s, std::max(most, 1s));
  http::Request ask{.url = "/documents?content",
                    .headers = {{"Prefer", "wait=" + std::to_string(wait.count())}},
                    .wait = wait};
  if (!etag_.empty()) ask.headers.emplace_back("If-None-Match", etag_);
  const auto answer = open_->link->ask(ask);
  if (!answer) return wait_out(open_->link->trouble()->what(), open_->link->retry_after());
  heed_clock();
  if (answer->status != 200 && answer->status != 304) {
    wait_out(open_->link->refusal(ask, *answer).what(), std::nullopt);
    return connect();  // with the certificate that 'agent enrol' may have brought meanwhile
  }
  if (!told_trouble_.empty()) log("agent").info("the service answers again");
  told_trouble_.clear();
  service_backoff_.reset();
  send_receipts();
  if (answer->status == 304) return;
  take_listing(answer->body);
  if (dirty_) work();
  etag_ = answer->header("etag");
}

void Agent::wait_out(const std::string& why, std::optional<std::chrono::seconds> retry_after) {
  if (!go_on()) return;
  if (why != told_trouble_) log("agent").warn("{}", why);
  told_trouble_ = why;
  etag_.clear();
  // A connection also fails where our own token does not sign.
  require_token();
  renew();
  const auto until = Clock::now() + service_backoff_.next(chance(), retry_after);
  while (go_on() && Clock::now() < until) {
    nap(std::min<std::chrono::milliseconds>(
        1s, std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now())));
    duties();
  }
}

void Agent::require_token() {
  const pool::OwnKey identity = pool::own_key(open_->side, pool::OwnRole::kIdentity);
  const hsm::Lease lease = open_->side.context.token->lease();
  const hsm::KeyObject object = pool::own_object(open_->side, *lease, identity, "identity");
  if (!keys::possesses(*lease, object.handle, identity.public_key))
    throw Error(Errc::kConflict, "the member's identity key does not sign");
}

void Agent::work() {
  next_work_ = Clock::now() + kWorkAgain;
  const app::Config& config = open_->app.config();
  pool::MemberSide& side = open_->side;
  const std::string challenge = pending_challenge();
  pool::Synced done;
  try {
    done = pool::synchronize(side, hook_of(config), !challenge.empty());
  } catch (const Error& error) {
    if (error.code() == Errc::kNotFound) {  // nothing was released to this member yet
      dirty_ = false;
      return;
    }
    if (error.code() != Errc::kCorrupt && error.code() != Errc::kConflict &&
        error.code() != Errc::kDenied)
      throw;
    done.troubles.push_back(error);  // a bad statement: the origin has to know
  }
  open_->app.checkpoint();
  note_taken();
  say(done);
  if (done.stopped) throw Error(*done.stopped);
  if (!done.receipts.empty()) {
    prepared_ = {challenge, covers_all(side, done.receipts) ? pool::look(side) : ""};
    send_receipts();
  }
  dirty_ = !challenge.empty() && done.receipts.empty();
  next_change_ = next_change(side);
  next_cleanup_.reset();
  for (const pool::Retired& r : done.retired)
    if (!r.kept.empty() || !r.in_use.empty()) next_cleanup_ = Clock::now() + kCleanupAgain;
}

void Agent::say(const pool::Synced& done) {
  note_.clear();
  const auto trouble = [&](const std::string& what) {
    log("agent").warn("{}", what);
    note_ += (note_.empty() ? "" : "; ") + what;
  };
  for (const pool::Delivery& d : done.deliveries)
    if (d.reason.empty())
      log("agent").info("{}: {}", d.key, d.outcome);
    else
      trouble((d.key.empty() ? d.file : d.key) + ": " + d.outcome + ": " + d.reason);
  for (const pool::Retired& r : done.retired) {
    if (r.destroyed) log("agent").info("{}: retired, and destroyed in the token", r.key.str());
    if (!r.in_use.empty())
      trouble(r.key.str() + " is retired, and still used by " + pool::joined(r.in_use));
  }
  for (const pool::Installed& i : done.installed)
    if (i.written) log("agent").info("{}: certificate {}", i.key.str(), i.certificate.serial());
  if (done.reloaded && !done.reloaded->sentence.empty()) trouble(done.reloaded->sentence);
  for (const pool::Receipt& r : done.receipts)
    log("agent").info("{}: {}", r.key.str(),
                      r.present ? "present, signed by the replica" : "absent");
  for (const Error& error : done.troubles) trouble(error.what());
  // A hook may have said anything.
  if (note_.size() > kLongestNote) note_.resize(kLongestNote);
  std::ranges::replace_if(
      note_, [](char c) { return c < ' ' || c > '~'; }, '?');
}

void Agent::duties() {
  pool::MemberSide& side = open_->side;
  if (next_change_ && side.context.clock.now() >= *next_change_) {
    log("agent").info("a version comes into force");
    next_change_.reset();
    work();
  }
  if (next_cleanup_ && Clock::now() >= *next_cleanup_) work();
  if (Clock::now() >= next_check_) {
    next_check_ = Clock::now() + settings_.check;
    look();
    delete_taken();
    renew();
  }
  report();
}

void Agent::look() {
  pool::MemberSide& side = open_->side;
  const app::Config& config = open_->app.config();
  // A hook that failed, or was killed.
  const pool::Hook hook = hook_of(config);
  const pool::Reloaded reloaded = pool::reload_programs(side, hook.words, hook.limit);
  if (!reloaded.sentence.empty()) log("agent").warn("{}", reloaded.sentence);
  const std::string now = pool::look(side);
  if (now.empty() || now == keys::setting(side.context.database, kLooked).value_or("")) return;
  if (!pending_challenge().empty() || !prepared_.challenge.empty()) return;  // that will tell
  const http::Request ask{.method = "POST", .url = "/challenge"};
  const auto answer = open_->link->ask(ask);
  if (!answer) return;
  if (answer->status / 100 == 2)
    log("agent").info("{}, which is not what was proven; asked the origin for a challenge", now);
  else
    log("agent").warn("{}", open_->link->refusal(ask, *answer).what());
  // Nothing was released to this member yet, so there is nothing to prove.
  if (answer->status == 404) keys::set_setting(side.context.database, kLooked, now);
}

void Agent::heed_clock() {
  const auto skew = open_->link->skew();
  if (!skew) return;
  const auto size = [](Duration d) { return d < 0s ? -d : d; };
  if (told_skew_ && size(*skew - *told_skew_) < kSkewNews) return;
  if (size(*skew) >= kSkewWarning)
    log("agent").warn(
        "this host's clock is {} s {} the origin's; set it right, or versions come "
        "into force at the wrong time",
        size(*skew).count(), *skew > 0s ? "behind" : "before");
  told_skew_ = skew;
}

void Agent::report() {
  if (!told_skew_) return;  // the service was never reached
  const bool skewed = *told_skew_ >= kSkewWarning || -*told_skew_ >= kSkewWarning;
  const std::string news = note_ + (skewed ? std::to_string(told_skew_->count()) : "");
  if (news == told_report_ && Clock::now() < next_report_) return;
  told_report_ = news;
  http::Request put{
      .method = "PUT",
      .url = "/report",
      .headers = {{"Content-Type", "application/json"}},
      .body = json::compact(json::object{{"clock", rfc3339(open_->side.context.clock.now())},
                                         {"agent", version_},
                                         {"note", note_}})};
  const auto answer = open_->link->ask(put);
  const bool taken = answer && answer->status / 100 == 2;
  next_report_ = Clock::now() + (taken ? std::chrono::seconds(kReportAgain) : settings_.check);
}

void Agent::renew() {
  if (!is_due(open_->certificate.front(), open_->side.context.clock.now())) return;
  const http::Request post{.method = "POST", .url = "/certificate"};
  const auto answer = open_->link->ask(post);
  if (!answer) return;
  if (answer->status / 100 != 2) {
    log("agent").warn("the client certificate was not renewed: {}",
                      open_->link->refusal(post, *answer).what());
    return;
  }
  constexpr std::string_view kAnswer = "the service's answer";
  const json::value document = json::parse(answer->body, kAnswer);
  const auto chain = checked_certificate(
      open_->side, json::text(json::as_object(document, kAnswer), "certificate", kAnswer),
      pool::pinned_root(open_->side));
  if (chain.front() == open_->certificate.front()) return;
  keep_certificate(options_.home, chain);
  log("agent").info("the client certificate was renewed until {}",
                    rfc3339(chain.front().not_after()));
  connect();
}

}  // namespace poolkey::agent
