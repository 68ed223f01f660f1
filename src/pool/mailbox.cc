#include "pool/mailbox.h"

#include <algorithm>

#include "base/file.h"

namespace poolkey::pool {

namespace fs = std::filesystem;

fs::path Mailbox::to_origin(const std::string& kind, const PoolName& pool,
                            const MemberName& member) const {
  return root_ / "to-origin" / (kind + "." + pool.str() + "." + member.str() + ".json");
}

fs::path Mailbox::to_member(const PoolName& pool, const MemberName& member,
                            const std::string& file) const {
  return root_ / "to-member" / pool.str() / member.str() / file;
}

std::vector<fs::path> Mailbox::for_member(const PoolName& pool, const MemberName& member,
                                          const std::string& prefix) const {
  std::vector<fs::path> out;
  std::error_code missing;  // no folder: nothing has come yet
  for (const auto& entry : fs::directory_iterator(to_member(pool, member, ""), missing)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(prefix) && name.ends_with(".cms")) out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

void Mailbox::put(const fs::path& path, ByteView content) const {
  make_private_folder(path.parent_path());
  write_file(path, content);
}

void Mailbox::put(const std::vector<Mail>& mail) const {
  for (const Mail& one : mail) make_private_folder(one.path.parent_path());
  std::vector<FileContent> files;
  for (const Mail& one : mail) files.push_back({one.path, ByteView(one.content)});
  write_files(files);
}

}  // namespace poolkey::pool
