// Reads access policies: every fault at once, each with file:line:column.
#include <fmt/format.h>

#include "base/error.h"
#include "base/ids.h"
#include "policy/access.h"

namespace poolkey::policy {
namespace {

constexpr std::int64_t kVersion = 1;
constexpr std::size_t kLongestName = 64;  // an X.509 common name (RFC 5280, ub-common-name)

using Names = std::vector<std::string>;
/// Why a text is no such name, or nothing.
using Check = std::optional<std::string> (*)(const std::string&);

template <class N>
std::optional<std::string> check_name(const std::string& text) {
  try {
    const N name(text);
  } catch (const Error& error) {
    return error.what();
  }
  return std::nullopt;
}

std::optional<std::string> check_profile(const std::string& text) {
  if (!check_name<KeyName>(text)) return std::nullopt;  // the same alphabet
  return fmt::format("'{}' is no profile; write a name such as 'web-server', or '*'", text);
}

/// Of a client certificate or an account: printable, and safe in "client:NAME" and in paths.
std::optional<std::string> check_person(const std::string& text) {
  const auto odd = [](char c) { return c <= ' ' || c > '~' || c == ':' || c == '/' || c == '*'; };
  if (!text.empty() && text.size() <= kLongestName && std::none_of(text.begin(), text.end(), odd))
    return std::nullopt;
  return fmt::format("'{}' is no name of a person, program or account; write names such as 'alice'",
                     text);
}

std::optional<std::string> check_member(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos)
    return fmt::format("'{}' is no member; write POOL/MEMBER, POOL/* or *", text);
  if (auto fault = check_name<PoolName>(text.substr(0, slash))) return fault;
  const std::string member = text.substr(slash + 1);
  return member == "*" ? std::nullopt : check_name<MemberName>(member);
}

struct Principals {
  const char* key;
  Check check;
  bool star;
  Names AccessBinding::*slot;
};
constexpr Principals kPrincipals[] = {
    {"clients", check_person, true, &AccessBinding::clients},
    {"accounts", check_person, false, &AccessBinding::accounts},
    {"members", check_member, true, &AccessBinding::members},
};

/// One [[bind]].
class BindingReader {
 public:
  explicit BindingReader(toml::Reader& reader) : reader_(reader) {}

  std::optional<AccessBinding> read() {
    const auto role = parse_word<AccessRole>(reader_.choice("role", all_words<AccessRole>()).value);
    AccessBinding out{reader_.where(), role.value_or(AccessRole::kMember), {}, {}, {}, {}, {}, {}};
    for (const auto& [key, check, star, slot] : kPrincipals) out.*slot = names(key, check, star);
    out.pools = names("pools", check_name<PoolName>, true);
    out.profiles = names("profiles", check_profile, true);
    out.limits = limits();
    if (role) check_shape(*role);
    reader_.finish();
    return role ? std::optional(std::move(out)) : std::nullopt;
  }

 private:
  void fault_at(std::string_view key, std::string sentence) {
    reader_.fault(reader_.node(key)->where, std::move(sentence));
  }
  bool has(std::string_view key) { return reader_.node(key) != nullptr; }

  /// None where the key is left out.
  Names names(std::string_view key, Check check, bool star) {
    Names out;
    const auto read = reader_.optional_strings(key);
    if (!read) return out;
    for (const auto& item : read->value) {
      const bool all = star && item.value == "*";
      if (const auto fault = all ? std::nullopt : check(item.value))
        reader_.fault(item.where, *fault);
      else if (std::find(out.begin(), out.end(), item.value) != out.end())
        reader_.fault(item.where, fmt::format("'bind.{}' has '{}' twice", key, item.value));
      out.push_back(item.value);
    }
    if (out.size() > 1 && std::find(out.begin(), out.end(), "*") != out.end())
      reader_.fault(read->where, fmt::format("'bind.{}' has '*' beside names; '*' stands alone, "
                                             "for all of them",
                                             key));
    return out;
  }

  std::uint32_t limit(std::string_view key, std::int64_t low, std::uint32_t silent) {
    const auto read = reader_.optional_integer(key, low, 1'000'000);
    return read ? static_cast<std::uint32_t>(read->value) : silent;
  }

  AccessLimits limits() {
    AccessLimits out;
    out.requests_per_second = limit("requests_per_second", 1, out.requests_per_second);
    out.burst = limit("burst", 1, out.burst);
    out.signatures_per_day = limit("signatures_per_day", 0, out.signatures_per_day);
    return out;
  }

  /// Members have one role, which is about themselves; the others are for people and programs.
  void check_shape(AccessRole role) {
    const bool member = role == AccessRole::kMember;
    for (const char* key : {"clients", "accounts", "pools", "profiles"})
      if (member && has(key))
        fault_at(key, fmt::format("'bind.{}' contradicts role 'member', which is for 'members' and "
                                  "about themselves; remove it",
                                  key));
    if (!member && has("members"))
      fault_at("members", fmt::format("'bind.members' contradicts role '{}': a member acts for "
                                      "itself only; use role 'member'",
                                      word(role)));
    if (!member && !has("clients") && !has("accounts"))
      reader_.fault(reader_.where(), "'bind' names nobody; give it 'clients' or 'accounts'");
    if (member && !has("members"))
      reader_.fault(reader_.where(), "'bind' names nobody; give it 'members'");
    const auto by_profile = [&](const AccessRow& row) {
      return has_action(role, row.action) &&
             (row.reach == AccessReach::kProfile || row.reach == AccessReach::kPoolAndProfile);
    };
    if (!member && has("profiles") &&
        std::none_of(access_rows().begin(), access_rows().end(), by_profile))
      fault_at("profiles",
               fmt::format("'bind.profiles' says nothing for role '{}', which does nothing under "
                           "a profile; remove it",
                           word(role)));
  }

  toml::Reader& reader_;
};

}  // namespace

Access parse_access(std::string_view text, const std::string& file) {
  const std::string what = "access policy " + file;
  toml::Faults faults;
  const toml::Node root = toml::parse(text, file, faults);
  faults.throw_if_any(what);

  toml::Reader top(root, "", faults);
  const auto version = top.integer("version", 1, 1'000'000);
  if (version.value != kVersion) {
    top.fault(version.where, fmt::format("'version' is {}; this poolkey reads version {}",
                                         version.value, kVersion));
    faults.throw_if_any(what);
  }
  std::vector<AccessBinding> bindings;
  for (toml::Reader& reader : top.table_array("bind"))
    if (auto binding = BindingReader(reader).read()) bindings.push_back(std::move(*binding));
  top.finish();
  faults.throw_if_any(what);
  return Access(std::move(bindings), std::string(text), file);
}

}  // namespace poolkey::policy
