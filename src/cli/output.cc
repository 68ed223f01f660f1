#include "cli/output.h"

#include <algorithm>
#include <cstdio>

#include "base/bytes.h"

namespace poolkey::cli {
namespace {

void write(std::FILE* to, std::string_view text) { std::fwrite(text.data(), 1, text.size(), to); }

}  // namespace

std::string for_terminal(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool moves = (c >= 0 && c < 0x20 && c != '\n') || c == 0x7f;
    out += moves ? "\\x" + hex(Bytes{static_cast<std::uint8_t>(c)}) : std::string(1, c);
  }
  return out;
}

std::string listed(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

void Output::say(std::string_view line) {
  std::FILE* to = json_ ? err_ : out_;
  write(to, for_terminal(line));
  write(to, "\n");
}

void Output::flush() { std::fflush(json_ ? err_ : out_); }

void Output::table(const std::vector<std::string>& header,
                   const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const std::string& cell : header) widths.push_back(cell.size());
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  const auto line = [&](const std::vector<std::string>& row) {
    std::string out = " ";
    for (std::size_t i = 0; i < row.size(); ++i)
      out +=
          " " + row[i] + std::string(i + 1 < row.size() ? widths[i] - row[i].size() + 1 : 0, ' ');
    out.erase(out.find_last_not_of(' ') + 1);
    say(out);
  };
  line(header);
  for (const auto& row : rows) line(row);
}

void Output::result(json::object members) {
  for (auto& member : members) result_[member.key()] = std::move(member.value());
}

void Output::append(std::string_view list, json::object member) {
  if (!result_.contains(list)) result_[list] = json::array{};
  result_[list].as_array().emplace_back(std::move(member));
}

void Output::product(std::string_view text) {
  if (!json_) write(out_, text);
}

void Output::finish() {
  if (json_ && !left_) write(out_, json::pretty(result_));
}

}  // namespace poolkey::cli
