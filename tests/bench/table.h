// The table that a run prints: a line for each row as soon as it is there.
// May touch: Google Benchmark. Called by: main.
#pragma once

#include <benchmark/benchmark.h>

namespace poolkey::bench {

class Table : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>& runs) override;

  int failed() const { return failed_; }
  int missed() const { return missed_; }

 private:
  int failed_ = 0;
  int missed_ = 0;
};

}  // namespace poolkey::bench
