#include "bench/rows.h"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <stdexcept>
#include <thread>

namespace poolkey::bench {
namespace {

std::map<std::string, Row>& rows() {
  static std::map<std::string, Row> all;
  return all;
}

bool smoke_wanted = false;

double since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

bool smoke() { return smoke_wanted; }
void set_smoke() { smoke_wanted = true; }
int operations(int full) { return smoke_wanted ? 1 : full; }

int signatures(const std::string& algorithm) { return operations(algorithm == "P-256" ? 600 : 60); }

Aim signing_aim(const std::string& algorithm) {
  return at_least(algorithm == "P-256" ? 1.35 : 1.0);
}

std::string threads_text(int threads) {
  return std::to_string(threads) + (threads == 1 ? " thread" : " threads");
}

void make_folders_in(Place place) {
  static const std::string disk = [] {
    const char* named = std::getenv("TMPDIR");
    return std::string(named != nullptr ? named : "/var/tmp");
  }();
  ::setenv("TMPDIR", place == Place::kDisk ? disk.c_str() : "/dev/shm", /*overwrite=*/1);
}

double CpuSince::now() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double seconds_of(const std::function<void()>& act) {
  const auto start = std::chrono::steady_clock::now();
  act();
  return since(start);
}

double timed(int threads, int each, const std::function<void(int thread)>& one) {
  if (threads == 1)
    return seconds_of([&] {
             for (int i = 0; i < each; ++i) one(0);
           }) /
           each;
  std::barrier start(threads + 1);
  std::vector<std::exception_ptr> failed(static_cast<std::size_t>(threads));
  std::vector<std::thread> running;
  for (int t = 0; t < threads; ++t)
    running.emplace_back([&, t] {
      start.arrive_and_wait();
      try {
        for (int i = 0; i < each; ++i) one(t);
      } catch (...) {
        failed[static_cast<std::size_t>(t)] = std::current_exception();
      }
    });
  start.arrive_and_wait();
  const auto began = std::chrono::steady_clock::now();
  for (std::thread& thread : running) thread.join();
  const double all = since(began);
  for (const std::exception_ptr& failure : failed)
    if (failure) std::rethrow_exception(failure);
  return all / (threads * each);
}

void Pairs::run(const Slice& ours, const Slice& raw) {
  std::vector<double> our_times, raw_times, ratios, more;
  if (!smoke()) {  // both are warm before anything counts
    (void)ours();
    (void)raw();
    remarks_.clear();
  }
  bool ours_first = true;
  for (auto _ : state_) {
    const double before = ours_first ? 0 : raw();
    our_times.push_back(ours());
    raw_times.push_back(ours_first ? raw() : before);
    ours_first = !ours_first;
    state_.SetIterationTime(our_times.back());
    const double times = our_times.back() / raw_times.back();
    more.push_back(1000 * (our_times.back() - raw_times.back()));
    ratios.push_back(row_.unit == Unit::kPerSecond ? 1 / times : times);
  }
  const auto figure = [&](const std::vector<double>& times) {
    return row_.unit == Unit::kPerSecond      ? 1 / median(times)
           : row_.unit == Unit::kMilliseconds ? 1000 * median(times)
                                              : 1e6 * median(times);
  };
  state_.counters["measured"] = figure(our_times);
  state_.counters["raw"] = figure(raw_times);
  state_.counters["ratio"] = median(ratios);
  if (row_.unit == Unit::kMilliseconds) state_.counters["more"] = median(more);
  if (row_.aim.kind != Aim::Kind::kNone) state_.counters["aim"] = row_.aim.figure;
  for (const auto& [name, values] : remarks_) state_.counters["beside: " + name] = median(values);
  state_.SetLabel("raw: " + row_.beside);
}

void add_row(const Row& row, const std::function<void(Pairs&)>& act) {
  rows()[row.name] = row;
  benchmark::RegisterBenchmark(row.name.c_str(),
                               [name = row.name, act](benchmark::State& state) {
                                 try {
                                   Pairs pairs(state, row_named(name));
                                   act(pairs);
                                 } catch (const std::exception& error) {
                                   state.SkipWithError(error.what());
                                 }
                               })
      ->UseManualTime()
      ->Iterations(smoke() ? 1 : row.slices)
      ->Unit(benchmark::kMicrosecond);
}

const Row& row_named(const std::string& name) { return rows().at(name); }

std::unique_ptr<Fixture>& current_fixture() {
  static std::unique_ptr<Fixture> current;
  return current;
}

}  // namespace poolkey::bench
