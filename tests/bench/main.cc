// poolkey-bench: every row, in turns with the raw calls; Google Benchmark's own flags choose rows
// and write JSON (--benchmark_filter=, --benchmark_out=). --smoke runs every row once, small.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "bench/program.h"
#include "bench/rows.h"
#include "bench/start.h"
#include "bench/table.h"
#include "bench/writer.h"

namespace {

using namespace poolkey::bench;

int bench(int argc, char** argv) {
  std::vector<char*> rest;
  for (int i = 0; i < argc; ++i) {
    if (std::string(argv[i]) == "--smoke")
      set_smoke();
    else
      rest.push_back(argv[i]);
  }
  int count = static_cast<int>(rest.size());
  rest.push_back(nullptr);
  benchmark::Initialize(&count, rest.data());
  if (benchmark::ReportUnrecognizedArguments(count, rest.data())) return 2;
  benchmark::AddCustomContext(
      "poolkey",
      "an iteration is a pair of short slices, ours and the raw calls, in turns; real_time is the "
      "mean time of one operation of ours; 'measured', 'raw' and 'ratio' are medians of the pairs");
  add_signing_rows();
  add_foreign_rows();
  add_command_rows();
  add_request_rows();
  add_batch_rows();
  add_lint_rows();
  add_release_rows();
  add_delivery_rows();
  add_start_rows();
  add_service_rows();
  Table table;
  const std::size_t run = benchmark::RunSpecifiedBenchmarks(&table);
  current_fixture().reset();  // before main() returns: the module is finalised here
  if (table.missed() > 0) std::printf("%d row(s) miss their aim\n", table.missed());
  return run > 0 && table.failed() == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv, argv + argc);
  try {
    if (words.size() == 3 && words[1] == "--writer") return write_keys(words[2]);
    if (words.size() == 4 && words[1] == "--raw-start") return raw_start(words[2], words[3]);
    if (words.size() == 4 && words[1] == "--program") return run_program(words[2], words[3]);
    return bench(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "poolkey-bench: %s\n", error.what());
    return 1;
  }
}
