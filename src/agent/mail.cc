// The agent's mail: what the service has for this member, what it sends back.
#include <algorithm>
#include <utility>

#include "agent/open.h"
#include "base/file.h"
#include "base/log.h"
#include "crypto/digest.h"

namespace poolkey::agent {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kListing = "the service's list of documents";

/// A name that is a file in the member's own folder and nothing else, whatever a service says.
bool is_document_name(const std::string& name) {
  const auto usual = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(".-_@").find(c) != std::string_view::npos;
  };
  return name.size() < 200 && name.ends_with(".cms") && !name.starts_with('.') &&
         std::ranges::all_of(name, usual);
}

std::string sha256_of(const fs::path& file) {
  return fs::exists(file) ? hex(crypto::sha256(view(read_file(file)))) : "";
}

}  // namespace

void Agent::take_listing(const std::string& body) {
  pool::MemberSide& side = open_->side;
  const json::value document = json::parse(body, kListing);
  std::vector<std::string> names;
  std::map<std::string, std::string> still;  // envelopes that were taken and lie there yet
  for (const json::value& entry :
       json::as_array(json::as_object(document, kListing), "documents", kListing)) {
    const json::object& one = json::as_object(entry, kListing);
    const std::string name = json::text(one, "name", kListing);
    const std::string sha256 = json::text(one, "sha256", kListing);
    if (!is_document_name(name))
      throw Error(Errc::kCorrupt, std::string(kListing) + " has the name '" + name + "'");
    names.push_back(name);
    if (const auto taken = taken_.find(name); taken != taken_.end() && taken->second == sha256) {
      still.insert(*taken);
      continue;
    }
    if (sha256_of(side.mailbox.to_member(side.pool, side.name, name)) == sha256) continue;
    const bool given = one.contains("content");
    const std::optional<std::string> octets =
        given ? std::optional(to_text(from_base64(json::text(one, "content", kListing))))
              : fetch(name);
    // What is another one by now is listed again.
    if (!octets || hex(crypto::sha256(view(*octets))) != sha256) continue;
    side.mailbox.put(side.mailbox.to_member(side.pool, side.name, name), view(*octets));
    if (name.starts_with("envelope.")) fetched_[name] = sha256;
    dirty_ = true;
  }
  taken_ = std::move(still);
  // An envelope that the origin took back is not for us any more.
  for (const fs::path& file : side.mailbox.for_member(side.pool, side.name, "envelope."))
    if (std::ranges::find(names, file.filename().string()) == names.end()) remove_file(file);
  if (!pending_challenge().empty()) dirty_ = true;
  if (dirty_) next_work_ = {};
}

std::optional<std::string> Agent::fetch(const std::string& name) {
  const http::Request get{.url = "/documents/" + name};
  auto answer = open_->link->ask(get);
  if (!answer) lose();
  if (answer->status == 404) return std::nullopt;  // it went meanwhile
  if (answer->status != 200) throw open_->link->refusal(get, *answer);
  return std::move(answer->body);
}

void Agent::lose() {
  const Error error = open_->link->trouble().value();
  lost_ = error.what();
  throw Error(error);
}

std::string Agent::pending_challenge() {
  pool::MemberSide& side = open_->side;
  const std::string here = sha256_of(side.mailbox.to_member(side.pool, side.name, "challenge.cms"));
  const bool done = here == prepared_.challenge ||
                    here == keys::setting(side.context.database, kAnswered).value_or("");
  return done ? "" : here;
}

void Agent::send_receipts() {
  if (prepared_.challenge.empty()) return;
  pool::MemberSide& side = open_->side;
  const http::Request put{
      .method = "PUT",
      .url = "/receipts",
      .headers = {{"Content-Type", "application/json"}},
      .body = read_file(side.mailbox.to_origin("receipt", side.pool, side.name))};
  const auto answer = open_->link->ask(put);
  if (!answer) return;
  if (answer->status / 100 != 2) {
    log("agent").warn("{}", open_->link->refusal(put, *answer).what());
    // Refused for what it says, it would be refused again; a newer challenge will come.
    if (answer->status == 401 || answer->status == 403 || answer->status >= 500) return;
  }
  const Prepared sent = std::exchange(prepared_, {});
  keys::set_setting(side.context.database, kAnswered, sent.challenge);
  keys::set_setting(side.context.database, kLooked, sent.look);
}

void Agent::note_taken() {
  pool::MemberSide& side = open_->side;
  for (auto at = fetched_.begin(); at != fetched_.end();)
    if (fs::exists(side.mailbox.to_member(side.pool, side.name, at->first)))
      ++at;  // refused, for now
    else
      taken_.insert(fetched_.extract(at++));
}

void Agent::delete_taken() {
  while (!taken_.empty()) {
    const auto [name, sha256] = *taken_.begin();
    const http::Request gone{.method = "DELETE",
                             .url = "/documents/" + name,
                             .headers = {{"If-Match", "\"" + sha256 + "\""}}};
    const auto answer = open_->link->ask(gone);
    if (!answer) return;
    if (answer->status / 100 != 2 && answer->status != 404 && answer->status != 412)
      log("agent").warn("{}", open_->link->refusal(gone, *answer).what());
    taken_.erase(name);
  }
}

}  // namespace poolkey::agent
