#include "world.h"

#include <algorithm>

#include "rollover/schedule.h"

namespace poolkey::rollover {
namespace {

/// In which a member that lost its key is given it again.
constexpr Duration kRepair = std::chrono::hours(2);
constexpr Duration kClockError = std::chrono::hours(3);

/// A roll as people do it by hand: once the certificate was sent out, the date decides.
Verdict by_the_date(const Facts& f) {
  if (!f.published || f.now >= f.effective.value_or(f.now + Duration(1))) return judge(f);
  if (!f.effective) return {.act = Act::kArm, .at = *f.old_not_after - f.token_lifetime};
  return {};
}

}  // namespace

World::World(Settings settings, std::uint32_t seed) : settings_(settings), random_(seed) {
  for (int i = 1; i <= settings_.members; ++i)
    members_.emplace_back(MemberName("edge" + std::to_string(i)));
  not_after_[1] = now_ + settings_.validity;
}

bool World::one_in(int n) {
  return n > 0 && std::uniform_int_distribution<int>(1, n)(random_) == 1;
}

/// By the member's own clock and what it was told last.
std::uint32_t World::current(const Member& m) const {
  const Posted& known = m.known;
  return known.effective && now_ + m.ahead >= *known.effective ? *known.next : known.version;
}

bool World::accepts(const Member& m, std::uint32_t version) const {
  const std::uint32_t mine = current(m);
  return (version == mine || version + 1 == mine) && m.held.contains(version) &&
         not_after_.at(version) >= now_;
}

void World::trouble() {
  const bool armed = roll_ && roll_->effective;
  for (Member& m : members_) {
    if (!m.up) {
      if (now_ >= *m.back) {
        m.up = true;
        sync(m);  // before it serves
      }
      continue;
    }
    const Troubles& t = settings_.troubles;
    if (one_in(t.down)) {
      m.up = false;
      m.back = now_ + Duration(std::uniform_int_distribution<std::int64_t>(
                          60, t.longest.count())(random_));
    }
    if (roll_ && roll_->to.version != current(m) && one_in(t.lost)) {
      m.held.erase(roll_->to.version);
      m.lost_until = now_ + kRepair;
    }
    if (!armed && one_in(t.clock)) m.ahead = one_in(2) ? kClockError : -kClockError;
  }
}

/// What a member does on its own, again and again.
void World::sync(Member& m) {
  if (m.known.next && current(m) == *m.known.next) m.known.version = *m.known.next;
  m.known = origin_;
  for (const std::uint32_t version : origin_.retired) {
    m.held.erase(version);
    m.certificates.erase(version);
  }
  if (!roll_) return;
  const std::uint32_t to = roll_->to.version;
  if (queued_[m.name.str()]) {
    m.held.insert(to);
    queued_[m.name.str()] = false;
  }
  if (roll_->published && m.held.contains(to)) m.certificates.insert(to);
  if (!m.facts.asked) return;
  m.facts.answered = m.facts.told = true;
  m.facts.holds_new = m.held.contains(to);
  m.facts.holds_old = m.held.contains(roll_->from.version);
  m.facts.certificate = m.facts.holds_new && m.certificates.contains(to);
  m.facts.clock = ClockOffset{m.ahead - settings_.tick, m.ahead + settings_.tick};
  m.facts.confirmed = roll_->effective && m.known.effective == roll_->effective;
  m.facts.switched = current(m) == to;
}

void World::begin_if_due() {
  if (roll_) return;
  const std::uint32_t from = origin_.version;
  const bool ceremony = released_ <= from;
  const Lead lead{settings_.token_lifetime, settings_.turnaround, settings_.roll_out};
  if (now_ < start_of("edge.av", not_after_.at(from), settings_.validity, lead, ceremony)) return;
  const KeyName key("av");
  roll_ = Facts{.now = now_,
                .pool = PoolName("edge"),
                .from = {key, from},
                .to = {key, from + 1},
                .generated = !ceremony,
                .released = !ceremony,
                .requests = {{.id = "edge.av"}},
                .old_not_after = not_after_.at(from),
                .token_lifetime = settings_.token_lifetime};
  for (Member& m : members_) {
    m.facts = {.name = m.name, .enrolled = true};
    queued_[m.name.str()] = false;
  }
  ceremony_at_.reset();
  answer_at_.reset();
}

void World::act(const Verdict& v) {
  Facts& f = *roll_;
  switch (*v.act) {
    case Act::kGenerate:
      f.generated = true;
      break;
    case Act::kRequest:
      f.requests.front().submitted = true;
      answer_at_ = now_ + settings_.turnaround;
      break;
    case Act::kAccept:
      f.requests.front().answered = false;
      if (one_in(settings_.troubles.wrong_answer)) {
        f.requests.front().refused = "the certificate is for another key";
        answer_at_ = now_ + std::chrono::hours(6);
        ++refused;
        break;
      }
      f.requests.front().accepted = true;
      not_after_[f.to.version] = now_ + settings_.validity;
      break;
    case Act::kPublish:
      f.published = now_;
      break;
    case Act::kNoteInstalled:
      f.installed = now_;
      break;
    case Act::kRedeliver:
    case Act::kAsk:
      for (Member& m : members_)
        if (std::ranges::find(v.whom, m.name) != v.whom.end()) {
          queued_[m.name.str()] = queued_[m.name.str()] || *v.act == Act::kRedeliver;
          m.facts.asked = now_;
          m.facts.answered = false;
        }
      break;
    case Act::kArm:
      f.armed = now_;
      for (Member& m : members_) m.facts.confirmed = false;
      f.effective = origin_.effective = v.at;
      origin_.next = f.to.version;
      break;
    case Act::kDisarm:
      f.armed.reset();
      f.effective.reset();
      origin_.effective.reset();
      origin_.next.reset();
      ++disarmed;
      break;
    case Act::kSwitch:
      f.switched = now_;
      origin_.version = f.to.version;
      origin_.effective.reset();
      origin_.next.reset();
      break;
    case Act::kRetire:
      f.retired = now_;
      origin_.retired.insert(f.from.version);
      break;
    case Act::kErase:
      f.erased = true;
      break;
  }
}

void World::origin_acts() {
  begin_if_due();
  if (!roll_) return;
  Facts& f = *roll_;
  f.now = now_;
  if (answer_at_ && now_ >= *answer_at_) {
    f.requests.front().answered = true;
    f.requests.front().refused.clear();
    answer_at_.reset();
  }
  for (int i = 0; i < 40; ++i) {  // more would be a defect
    f.members.clear();
    for (const Member& m : members_) f.members.push_back(m.facts);
    const Verdict v = settings_.barrier ? judge(f) : by_the_date(f);
    if (!v.fault.empty()) ++faults;
    if (v.over) {
      ++rolls;
      roll_.reset();
      return;
    }
    if (v.state == State::kAwaitingCeremony) {
      if (!ceremony_at_)
        ceremony_at_ =
            now_ + Duration(std::uniform_int_distribution<std::int64_t>(3600, 2 * 86400)(random_));
      if (now_ >= *ceremony_at_) {
        ++ceremonies;
        released_ = f.to.version + settings_.ahead;
        f.released = true;
        for (auto& [name, queued] : queued_) queued = true;
        continue;
      }
    }
    // Somebody reads what it waits for.
    for (const Wait& wait : v.waits)
      if (wait.for_what.find("clock") != std::string::npos)
        for (Member& m : members_)
          if (m.name == *wait.member) m.ahead = Duration::zero();
    if (!v.act) return;
    act(v);
    if (*v.act == Act::kAsk || *v.act == Act::kRedeliver) return;
  }
  broken = "the origin does not come to rest at " + rfc3339(now_);
}

/// Every member that is up signs a token; every other one accepts it now and as long as it lives.
void World::serve() {
  std::erase_if(tokens_, [&](const Token& t) { return now_ - t.made > settings_.token_lifetime; });
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const Member& m = members_[i];
    const std::uint32_t version = current(m);
    const bool works = m.up && m.held.contains(version) && now_ < not_after_.at(version);
    if (m.up && !works && now_ >= m.lost_until && broken.empty())
      broken = m.name.str() + " cannot sign with version " + std::to_string(version) + " at " +
               rfc3339(now_);
    if (works) tokens_.push_back({now_, version, i});
  }
  for (const Token& t : tokens_)
    for (const Member& m : members_)
      if (m.up && now_ >= m.lost_until && !accepts(m, t.version) && broken.empty())
        broken = m.name.str() + " (version " + std::to_string(current(m)) +
                 ") refuses a token that " + members_[t.by].name.str() + " made with version " +
                 std::to_string(t.version) + " at " + rfc3339(t.made) + ", at " + rfc3339(now_);
}

void World::run(Duration duration) {
  for (const Time end = now_ + duration; now_ < end && broken.empty(); now_ += settings_.tick) {
    trouble();
    origin_acts();
    for (Member& m : members_)
      if (m.up) sync(m);
    serve();
  }
}

}  // namespace poolkey::rollover
