#include "e2e/timeline.h"

namespace poolkey::test {

void Timeline::wait_until(Time time) {
  if (const Duration left = time - now() + Duration(1); left > Duration::zero()) wait(left);
}

Timeline Timeline::copy() const {
  Timeline out(d.copy());
  out.later_ = later_;
  return out;
}

Outcome Timeline::on(const std::string& side, const Words& verb, Duration ahead,
                     const std::string& fail_point) const {
  const std::string offset = "+" + std::to_string((later_ + ahead).count());
  return d.on(side, verb, [&](Command& c) {
    c.words = at_time(offset, std::move(c.words));
    if (!fail_point.empty()) c.environment["POOLKEY_FAILPOINT"] = fail_point;
  });
}

std::string Timeline::must(const std::string& side, const Words& verb) const {
  const Outcome outcome = on(side, verb);
  if (outcome.status != 0) throw std::runtime_error(outcome.text());
  return outcome.out;
}

void Timeline::sync(const std::vector<std::string>& members) const {
  for (const std::string& m : members.empty() ? d.members() : members) {
    const Outcome outcome = on(m, {"member", "sync"});
    if (outcome.status != 0 && outcome.status != 6) throw std::runtime_error(outcome.text());
  }
}

json::object Timeline::first_roll(const Outcome& outcome) const {
  if (outcome.status != 0 && outcome.status != 20) throw std::runtime_error(outcome.text());
  const json::value parsed = json::parse(outcome.out, "what it printed");
  const auto* rolls = parsed.as_object().if_contains("rollovers");
  return rolls == nullptr || rolls->as_array().empty() ? json::object{}
                                                       : rolls->as_array().at(0).as_object();
}

json::object Timeline::advance(const Words& more) const {
  Words verb{"--format", "json", "rollover", "advance"};
  verb.insert(verb.end(), more.begin(), more.end());
  return first_roll(on("origin", verb));
}

json::object Timeline::settle(const std::vector<std::string>& members) const {
  json::object now;
  for (int i = 0; i < 8; ++i) {
    now = advance();
    if (now.empty() || (now.at("done").as_array().empty() && i > 0)) break;
    sync(members);
  }
  return now;
}

json::object Timeline::status(const std::string& id) const {
  return first_roll(on("origin", {"--format", "json", "rollover", "status", id}));
}

std::string state_of(const json::object& roll) {
  std::string out(roll.at("state").as_string());
  if (roll.at("members").as_int64() > 0)
    out += " " + std::to_string(roll.at("members_done").as_int64()) + "/" +
           std::to_string(roll.at("members").as_int64());
  return out;
}

std::string waits_of(const json::object& roll) {
  std::string out;
  for (const json::value& wait : roll.at("waits").as_array())
    out += std::string(wait.as_string()) + "\n";
  return out + std::string(roll.at("fault").as_string());
}

}  // namespace poolkey::test
