// One row of the bench: what poolkey does and the raw calls beside it, in turns.
// May touch: Google Benchmark. Called by: the files of rows in this folder.
#pragma once

#include <benchmark/benchmark.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace poolkey::bench {

/// What a row is to reach: a ratio of poolkey's speed to the raw calls' (kAtLeast), or of its time
/// to theirs (kAtMost), or so many milliseconds more than theirs (kAtMostMore), or a time in
/// microseconds, whatever stands beside it (kUnder).
struct Aim {
  enum class Kind { kNone, kAtLeast, kAtMost, kAtMostMore, kUnder };
  Kind kind = Kind::kNone;
  double figure = 0;
};
inline Aim at_least(double ratio) { return {Aim::Kind::kAtLeast, ratio}; }
inline Aim at_most(double ratio) { return {Aim::Kind::kAtMost, ratio}; }

inline Aim at_most_more(double milliseconds) { return {Aim::Kind::kAtMostMore, milliseconds}; }

inline Aim under_microseconds(double time) { return {Aim::Kind::kUnder, time}; }

/// Rates are compared as rates (ours / raw), times as times (ours / raw).
enum class Unit { kPerSecond, kMilliseconds, kMicroseconds };

struct Row {
  std::string name;
  std::string beside;  ///< what the second column of figures is
  Unit unit;
  Aim aim{};
  int slices = 15;  ///< pairs of slices: ours and the raw calls, in turns
};

/// The seconds that one operation took, in one short run of several.
using Slice = std::function<double()>;

/// Runs the pairs of one row and reports their medians. The order within a pair changes from pair
/// to pair, so that a machine that grows slower or faster meanwhile favours neither.
class Pairs {
 public:
  Pairs(benchmark::State& state, const Row& row) : state_(state), row_(row) {}
  /// A figure that is shown beside the row: one value a slice, of which the median counts.
  void remark(const std::string& name, double value) { remarks_[name].push_back(value); }
  void run(const Slice& ours, const Slice& raw);

 private:
  benchmark::State& state_;
  const Row& row_;
  std::map<std::string, std::vector<double>> remarks_;
};

/// Adds a row, unless it is a row of the long run and this is a short one.
void add_row(const Row& row, const std::function<void(Pairs&)>& act);
/// The row of this name; throws if there is none.
const Row& row_named(const std::string& name);

/// True where only one pair of small slices is wanted: does every row run and print?
bool smoke();
void set_smoke();
/// Operations in a slice: `full`, or one of a smoke run.
int operations(int full);

double median(std::vector<double> values);
/// Where rows make their tokens and databases: in memory, so that a row is not a figure of the disk
/// that others write to as well, or on the disk (the folder that TMPDIR named, else /var/tmp).
enum class Place { kMemory, kDisk };
void make_folders_in(Place place);

/// Of a row of signing: the operations of a slice of 20 to 50 ms, and the speed beside raw calls on
/// the token object that it is to reach. `algorithm`: "RSA-2048" or "P-256".
int signatures(const std::string& algorithm);
Aim signing_aim(const std::string& algorithm);
/// "1 thread", "2 threads"
std::string threads_text(int threads);

/// Seconds for each operation, when `threads` threads make `each` of them at the same time.
double timed(int threads, int each, const std::function<void(int thread)>& one);
double seconds_of(const std::function<void()>& act);

/// What rows share: made when the first row asks for it, gone when a row asks for another, because
/// a process has one softhsm2.conf at a time.
class Fixture {
 public:
  virtual ~Fixture() = default;
};
std::unique_ptr<Fixture>& current_fixture();
template <class T, class... Args>
T& fixture(Args... args) {
  auto& current = current_fixture();
  if (auto* there = dynamic_cast<T*>(current.get()); there != nullptr && there->is_for(args...))
    return *there;
  current.reset();
  current = std::make_unique<T>(args...);
  return static_cast<T&>(*current);
}

/// The processor's time of this process since it was made, in seconds: of all threads, without
/// waiting. It says what a row costs where other programs keep the processors busy.
class CpuSince {
 public:
  CpuSince() : before_(now()) {}
  double seconds() const { return now() - before_; }

 private:
  static double now();
  double before_;
};

/// Each of these adds its rows.
void add_signing_rows();
void add_foreign_rows();
void add_command_rows();
void add_request_rows();
void add_batch_rows();
void add_lint_rows();
void add_release_rows();
void add_delivery_rows();
void add_start_rows();
void add_service_rows();

}  // namespace poolkey::bench
