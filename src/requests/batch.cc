#include "requests/batch.h"

#include <algorithm>
#include <array>

namespace poolkey::requests {
namespace {

constexpr std::array<std::string_view, 6> kMembers{"pool", "role",         "key",
                                                   "ca",   "organization", "server"};

void refuse_unknown(const json::object& wish, std::string_view what) {
  for (const auto& member : wish)
    if (std::ranges::find(kMembers, std::string_view(member.key())) == kMembers.end())
      throw Error(Errc::kInvalidArgument,
                  std::string(what) + ": a request of a batch has no '" +
                      std::string(member.key()) +
                      "'; it has pool, role, key, and where needed ca, organization, server");
}

}  // namespace

CreateOptions read_wish(const json::object& wish, std::string_view what) {
  refuse_unknown(wish, what);
  const auto optional = [&](std::string_view key) {
    return wish.contains(key) ? json::text(wish, key, what) : "";
  };
  CreateOptions options{PoolName(json::text(wish, "pool", what)),
                        parse_role(json::text(wish, "role", what)),
                        parse_key_version(json::text(wish, "key", what))};
  options.ca = optional("ca");
  options.organization = optional("organization");
  if (wish.contains("server")) options.server = MemberName(json::text(wish, "server", what));
  return options;
}

std::vector<CreateOptions> read_batch(std::string_view text, std::string_view what) {
  const json::value document = json::parse(text, what);
  return read_batch(json::as_object(document, what), what);
}

std::vector<CreateOptions> read_batch(const json::object& document, std::string_view what) {
  std::vector<CreateOptions> out;
  for (const json::value& item : json::as_array(document, "requests", what))
    out.push_back(read_wish(json::as_object(item, what), what));
  if (out.empty() || out.size() > kMostInBatch)
    throw Error(Errc::kInvalidArgument, std::string(what) + " has " + std::to_string(out.size()) +
                                            " requests; a batch has 1 to " +
                                            std::to_string(kMostInBatch));
  return out;
}

}  // namespace poolkey::requests
