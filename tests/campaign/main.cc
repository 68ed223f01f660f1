// The campaign: runs of the main job with one random fault each.
//
//   fault_campaign --runs 1000 --seed 1     draws from the seed, prints a table by kind of fault
//   fault_campaign --one 'call=137 fault=after CKR_DEVICE_ERROR'
//
// Ends with 1 if anything that was promised was not kept; each such run is told by the line that
// repeats it.
#include <charconv>
#include <cstdio>
#include <iostream>
#include <map>
#include <string>

#include "campaign/fault.h"
#include "campaign/main_job.h"

namespace poolkey::test {
namespace {

constexpr std::uint64_t kProgress = 25;

struct Row {
  int runs = 0, struck = 0, refused = 0, recovered = 0, failed = 0;
};

class Campaign {
 public:
  void run(const Draw& draw) {
    const Verdict verdict = run_with_fault(draw, clean());
    for (Row* row : {&rows_[draw.kind()], &total_}) {
      ++row->runs;
      row->struck += verdict.fault.empty() ? 0 : 1;
      row->refused += verdict.refused ? 1 : 0;
      row->recovered += verdict.refused && verdict.failure.empty() ? 1 : 0;
      row->failed += verdict.failure.empty() ? 0 : 1;
    }
    if (verdict.failure.empty()) return;
    std::cout << "FAILED: fault_campaign --one '" << draw.str() << "'\n  struck: " << verdict.fault
              << "\n  refused: " << verdict.refused.value_or("nothing") << "\n  " << verdict.failure
              << std::endl;
  }

  void draw_and_run(std::uint64_t runs, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    for (std::uint64_t i = 1; i <= runs; ++i) {
      Draw draw;
      draw.call = 1 + random() % clean().calls;
      draw.fault = draw_fault(random);
      run(draw);
      if (i % kProgress == 0 && i < runs)
        std::cout << i << " of " << runs << ": " << total_.refused << " refused, "
                  << total_.recovered << " recovered, " << total_.failed << " failed" << std::endl;
    }
  }

  int finish() const {
    std::printf("%-14s %6s %7s %8s %10s %7s\n", "FAULT", "RUNS", "STRUCK", "REFUSED", "RECOVERED",
                "FAILED");
    const auto print = [](const std::string& name, const Row& row) {
      std::printf("%-14s %6d %7d %8d %10d %7d\n", name.c_str(), row.runs, row.struck, row.refused,
                  row.recovered, row.failed);
    };
    for (const auto& [kind, row] : rows_) print(kind, row);
    print("all", total_);
    return total_.failed == 0 && total_.runs > 0 ? 0 : 1;
  }

 private:
  /// Measured before the first run.
  const CleanJob& clean() {
    if (clean_) return *clean_;
    clean_ = run_clean();
    std::cout << "An undisturbed job makes " << clean_->calls << " calls." << std::endl;
    return *clean_;
  }

  std::optional<CleanJob> clean_;
  std::map<std::string, Row> rows_;
  Row total_;
};

std::uint64_t number(const std::string& text) {
  std::uint64_t out = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (fault != std::errc{} || end != text.data() + text.size())
    throw std::invalid_argument("'" + text + "' is not a number");
  return out;
}

int campaign(const std::vector<std::string>& words) {
  std::map<std::string, std::string> options;
  for (std::size_t i = 0; i + 1 < words.size(); i += 2) options[words[i]] = words[i + 1];
  Campaign all;
  if (options.contains("--one"))
    all.run(parse_draw(options["--one"]));
  else
    all.draw_and_run(number(options["--runs"]), number(options["--seed"]));
  return all.finish();
}

}  // namespace
}  // namespace poolkey::test

int main(int argc, char** argv) {
  try {
    return poolkey::test::campaign({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << "fault_campaign: " << error.what()
              << "\nusage: fault_campaign --runs N --seed S | --one 'call=C fault=F'\n";
    return 2;
  }
}
