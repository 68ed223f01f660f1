#include "hsm/token_file.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/error.h"

namespace poolkey::hsm {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFile = "token.object";
// Not "*.object": SoftHSM would take it for an object.
constexpr std::string_view kCopy = "token.object.poolkey-copy";
constexpr std::size_t kWord = 8;

/// How SoftHSM stores a value (OSAttribute kinds of its file store).
enum Kind : std::uint64_t { kBoolean = 1, kInteger = 2, kOctets = 3, kMap = 4, kSet = 5 };

std::uint64_t word_at(ByteView content, std::size_t at) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < kWord; ++i) out = (out << 8) | content[at + i];
  return out;
}

Bytes read(const fs::path& path) {
  try {
    return to_bytes(read_file(path));
  } catch (const Error&) {
    return {};
  }
}

bool same_but_generation(const Bytes& a, const Bytes& b) {
  return a.size() == b.size() && a.size() > kWord &&
         std::equal(a.begin() + kWord, a.end(), b.begin() + kWord);
}

/// Another process, not of ours, may be within a login: then the file is whole a moment later.
Bytes read_whole(const fs::path& path) {
  for (int tries = 0;; ++tries) {
    Bytes content = read(path);
    if (is_whole_token_file(content) || tries == 50) return content;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace

fs::path token_folder(const Module& module, const std::string& serial) {
  if (!module.quirks().login_rewrites_token || serial.empty()) return {};
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(module.token_files(), missing)) {
    // The serial is the end of the UUID that names the folder.
    std::string name = entry.path().filename().string();
    name.erase(std::remove(name.begin(), name.end(), '-'), name.end());
    if (entry.is_directory() && name.ends_with(serial)) return entry.path();
  }
  return {};
}

std::vector<fs::path> object_files(const Module& module, const std::string& serial) {
  const fs::path folder = token_folder(module, serial);
  std::vector<fs::path> out;
  if (folder.empty()) return out;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".object" && entry.path().filename() != kFile)
      out.push_back(entry.path());
  return out;
}

bool is_whole_token_file(ByteView content) {
  std::size_t at = kWord;
  int attributes = 0;
  while (at + 2 * kWord <= content.size()) {
    const std::uint64_t kind = word_at(content, at + kWord);
    at += 2 * kWord;
    std::uint64_t size = 1;
    if (kind == kInteger) {
      size = kWord;
    } else if (kind == kOctets || kind == kMap || kind == kSet) {
      if (at + kWord > content.size()) return false;
      size = word_at(content, at) * (kind == kSet ? kWord : 1);
      at += kWord;
    } else if (kind != kBoolean) {
      return false;
    }
    if (size > content.size() - at) return false;
    at += static_cast<std::size_t>(size);
    ++attributes;
  }
  return attributes > 0 && at == content.size();
}

void keep_token_file(const Module& module, const std::string& serial) {
  const fs::path folder = token_folder(module, serial);
  if (folder.empty()) return;
  const Bytes content = read_whole(folder / kFile);
  if (!is_whole_token_file(content))
    throw Error(Errc::kCorrupt, "'" + (folder / kFile).string() +
                                    "' is damaged, as a crash within a login leaves it; stop what "
                                    "uses the token and run 'poolkey token repair'");
  if (same_but_generation(content, read(folder / kCopy))) return;
  write_file(folder / kCopy, ByteView(content), 0600);
}

bool restore_token_file(const fs::path& folder) {
  if (is_whole_token_file(read_whole(folder / kFile))) return false;
  const Bytes copy = read(folder / kCopy);
  if (!is_whole_token_file(copy))
    throw Error(Errc::kNotFound, "'" + (folder / kFile).string() +
                                     "' is damaged and there is no whole copy beside it; restore "
                                     "the token's folder from a back-up");
  write_file(folder / kFile, ByteView(copy), 0600);
  return true;
}

std::string token_file_remark(const Module& module, const std::string& serial) {
  const fs::path folder = token_folder(module, serial);
  if (folder.empty() || is_whole_token_file(read_whole(folder / kFile))) return "";
  return "; its file '" + (folder / kFile).string() +
         "' is damaged, as a crash within a login leaves it: run 'poolkey token repair'";
}

std::string place_of(const Module& module) {
  const std::string configuration = softhsm_configuration().string();
  return "'" + module.path().string() + "'" +
         (module.quirks().needs_process_lock ? " (by '" + configuration + "')" : "");
}

}  // namespace poolkey::hsm
