#include "pool/pair.h"

#include <set>

#include "base/error.h"
#include "base/file.h"

namespace poolkey::pool {
namespace {

namespace fs = std::filesystem;

std::string chain_pem(const std::vector<crypto::Certificate>& leaf_first) {
  std::string out;
  for (const crypto::Certificate& c : leaf_first)
    if (out.empty() || c.subject_der() != c.issuer_der()) out += c.pem();
  return out;
}

/// The version that the link leads to; 0 where there is none.
std::uint32_t linked_version(const fs::path& link) {
  std::error_code none;
  const std::string target = fs::read_symlink(link, none).string();
  return none ? 0 : parse_key_version(target.substr(0, target.rfind('-'))).version;
}

void switch_link(const fs::path& link, const fs::path& target) {
  const fs::path fresh = link.string() + ".new";
  fs::remove(fresh);
  fs::create_symlink(target, fresh);
  fs::rename(fresh, link);
}

}  // namespace

fs::path put_pair(const fs::path& folder, const KeyVersion& key,
                  const std::vector<crypto::Certificate>& leaf_first, const std::string& reference,
                  bool in_force) {
  try {
    make_private_folder(folder);
    const fs::path name = key.str() + "-" + hex(leaf_first.front().sha256()).substr(0, 16);
    if (!fs::exists(folder / name)) {
      StagedFolder pair(folder / name);
      const std::string certificates = chain_pem(leaf_first);
      write_file(pair.path() / "certificate.pem", certificates);
      write_file(pair.path() / "key.pem", reference);
      write_file(pair.path() / "both.pem", certificates + reference);
      pair.put_in_place();
    }
    const fs::path link = folder / key.key.str();
    const std::uint32_t linked = linked_version(link);
    if (in_force || linked == key.version || linked == 0) switch_link(link, name);
    sync_tree(folder);
    return link;
  } catch (const fs::filesystem_error& error) {
    throw Error(Errc::kUnavailable, "cannot write the files of " + key.str() + " in '" +
                                        folder.string() + "': " + error.what());
  }
}

void remove_pairs(const fs::path& folder, const KeyVersion& key) {
  std::error_code none;
  const fs::path linked = fs::read_symlink(folder / key.key.str(), none);
  if (!fs::is_directory(folder)) return;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(key.str() + "-") && name != linked) fs::remove_all(entry.path());
  }
}

std::string linked_pairs(const fs::path& folder) {
  std::set<std::string> lines;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none))
    if (entry.is_symlink() && entry.path().extension() != ".new")
      lines.insert(entry.path().filename().string() + " " +
                   fs::read_symlink(entry.path(), none).string() + "\n");
  std::string out;
  for (const std::string& line : lines) out += line;
  return out;
}

}  // namespace poolkey::pool
