#include "bench/table.h"

#include <fmt/format.h>

#include <cstdio>

#include "bench/rows.h"

namespace poolkey::bench {
namespace {

constexpr const char* kLine = "{:<56} {:>10} {:>10} {:>7}  {:<9} {:<4} {}\n";

std::string figure(double value) {
  return value >= 100 ? fmt::format("{:.0f}", value) : fmt::format("{:.2f}", value);
}

std::string aim_text(const Aim& aim) {
  switch (aim.kind) {
    case Aim::Kind::kNone:
      return "";
    case Aim::Kind::kAtLeast:
      return fmt::format(">= {:.2f}", aim.figure);
    case Aim::Kind::kAtMost:
      return fmt::format("<= {:.2f}", aim.figure);
    case Aim::Kind::kAtMostMore:
      return fmt::format("<= +{:.0f} ms", aim.figure);
    case Aim::Kind::kUnder:
      break;
  }
  return fmt::format("< {:.0f} us", aim.figure);
}

bool is_met(const Aim& aim, double measured, double ratio, double more) {
  if (aim.kind == Aim::Kind::kUnder) return measured < aim.figure;
  if (aim.kind == Aim::Kind::kAtMostMore) return more <= aim.figure;
  return aim.kind == Aim::Kind::kAtLeast ? ratio >= aim.figure : ratio <= aim.figure;
}

/// Google Benchmark appends "/iterations:15/manual_time" to the name that a row was given.
std::string row_name(const benchmark::BenchmarkReporter::Run& run) {
  return run.run_name.function_name;
}

}  // namespace

bool Table::ReportContext(const Context&) {
  fmt::print(kLine, "row", "measured", "raw", "ratio", "aim", "met", "raw calls; beside");
  std::fflush(stdout);
  return true;
}

void Table::ReportRuns(const std::vector<Run>& runs) {
  for (const Run& run : runs) {
    const Row& row = row_named(row_name(run));
    if (run.error_occurred) {
      ++failed_;
      fmt::print("{:<56} FAILED: {}\n", row.name, run.error_message);
      continue;
    }
    const auto counter = [&](const char* name) { return run.counters.at(name).value; };
    std::string remarks = row.beside;
    for (const auto& [name, value] : run.counters)
      if (name.rfind("beside: ", 0) == 0)
        remarks += "; " + name.substr(8) + " " + figure(value.value);
    const bool in_time = row.unit == Unit::kMilliseconds;
    if (in_time) remarks += fmt::format("; {:+.2f} ms", counter("more"));
    const bool met =
        is_met(row.aim, counter("measured"), counter("ratio"), in_time ? counter("more") : 0);
    const bool has_aim = row.aim.kind != Aim::Kind::kNone && !smoke();  // one slice says nothing
    if (has_aim && !met) ++missed_;
    const std::string unit = in_time ? "ms" : row.unit == Unit::kMicroseconds ? "us" : "/s";
    fmt::print(kLine, row.name, figure(counter("measured")) + unit, figure(counter("raw")) + unit,
               fmt::format("{:.2f}", counter("ratio")), aim_text(row.aim),
               has_aim ? (met ? "yes" : "NO") : "", remarks);
  }
  std::fflush(stdout);
}

}  // namespace poolkey::bench
