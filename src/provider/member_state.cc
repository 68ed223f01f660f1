#include "provider/member_state.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "crypto/cms.h"
#include "home/oids.h"

namespace poolkey::provider {
namespace {

namespace fs = std::filesystem;

}  // namespace

/// Nothing: it is not there. Throws where that cannot be known.
std::optional<MemberState::Stamp> MemberState::stamp_of(const fs::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) == 0)
    return Stamp{file,
                 status.st_dev,
                 status.st_ino,
                 static_cast<std::uintmax_t>(status.st_size),
                 status.st_ctim.tv_sec,
                 status.st_ctim.tv_nsec};
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  throw Error(Errc::kUnavailable,
              "cannot look for '" + file.string() + "': " + std::strerror(errno));
}

home::Statement MemberState::read(const Settings& settings, const fs::path& file) const {
  const fs::path root = home::root_file(settings.home / "state");
  if (!stamp_of(root))
    throw Error(Errc::kNotFound, "there is no pinned root '" + root.string() +
                                     "' to check the statement with; run 'poolkey member receive' "
                                     "when the origin has released or attested again");
  try {
    const std::string cms = read_file(file);
    home::Statement out = home::parse_statement(
        to_text(crypto::cms::verify_in(libctx_, kOthers, view(cms), home::oid::kStatement,
                                       read_file(root), home::oid::kEnvelopeSigner)));
    if (out.member.pool != *settings.pool)
      throw Error(Errc::kConflict, "it is of pool '" + out.member.pool.str() + "', and '" +
                                       settings.home.string() + "' is of pool '" +
                                       settings.pool->str() + "'");
    if (settings.member && out.member.member != *settings.member)
      throw Error(Errc::kConflict, "it is for the member '" + out.member.member.str() + "', and '" +
                                       settings.home.string() + "' is the home of '" +
                                       settings.member->str() + "'");
    return out;
  } catch (const Error& error) {
    throw Error(error.code(), "'" + file.string() + "': " + error.what());
  }
}

std::shared_ptr<const home::Statement> MemberState::statement(const Settings& settings) {
  if (!settings.pool) return nullptr;
  const fs::path file = home::statement_file(settings.home / "state", *settings.pool);
  const std::lock_guard hold(mutex_);
  std::optional<Stamp> now = stamp_of(file);
  if (!now && statement_)
    throw Error(Errc::kConflict, "'" + file.string() +
                                     "' is gone, and this program has seen statement " +
                                     std::to_string(statement_->sequence) + "; bring it back");
  if (!now) return nullptr;
  if (statement_ && stamp_ == *now) return statement_;
  auto fresh = std::make_shared<const home::Statement>(read(settings, file));
  if (statement_ && fresh->sequence < statement_->sequence)
    throw Error(Errc::kConflict,
                "'" + file.string() + "' is statement " + std::to_string(fresh->sequence) +
                    ", and this program has seen " + std::to_string(statement_->sequence) +
                    "; an older one is never taken");
  statement_ = std::move(fresh);
  stamp_ = std::move(*now);
  return statement_;
}

std::shared_ptr<const Rules> MemberState::rules(const Settings& settings, const PublicPart& part) {
  const auto held = statement(settings);
  if (!held) return nullptr;
  const Bytes spki = spki_der(part);
  for (const home::Statement::Version& version : held->versions)
    if (version.spki == spki) return std::make_shared<const Rules>(version, part.kind);
  return nullptr;
}

}  // namespace poolkey::provider
