#include "base/lent_files.h"

#include <filesystem>

namespace poolkey {
namespace {

thread_local LentFiles* current = nullptr;

std::string absolute(const std::string& path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

}  // namespace

LentFiles::LentFiles(std::map<std::string, std::string> lent,
                     const std::vector<std::string>& wanted)
    : before_(current) {
  for (auto& [name, content] : lent) lent_.emplace(absolute(name), std::move(content));
  for (const std::string& name : wanted) wanted_.emplace(absolute(name), name);
  current = this;
}

LentFiles::~LentFiles() { current = before_; }

const std::string* LentFiles::find(const std::string& path) {
  if (current == nullptr) return nullptr;
  const auto found = current->lent_.find(absolute(path));
  return found == current->lent_.end() ? nullptr : &found->second;
}

bool LentFiles::take(const std::string& path, std::string content, mode_t mode) {
  if (current == nullptr) return false;
  const auto found = current->wanted_.find(absolute(path));
  if (found == current->wanted_.end()) return false;
  current->written_[found->second] = {std::move(content), mode};
  return true;
}

}  // namespace poolkey
