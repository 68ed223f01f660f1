#include "policy/policy.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/ids.h"
#include "policy/contradictions.h"

namespace poolkey::policy {
namespace {

constexpr std::int64_t kVersion = 1;
constexpr std::int64_t kMaxDays = 36500;
constexpr std::int64_t kMaxTokenHours = 4320;  // 180 days, as Set-CsAVEdgeConfiguration has it

/// One table of the file. What could not be read comes back without a location; the fault is filed.
class Section {
 public:
  Section(toml::Reader reader, std::string name)
      : reader_(std::move(reader)), name_(std::move(name)) {}

  bool has(std::string_view key) { return reader_.node(key) != nullptr; }
  const Location& place(std::string_view key) { return reader_.node(key)->where; }
  void fault(const Location& where, std::string sentence) {
    reader_.fault(where, std::move(sentence));
  }
  void finish() { reader_.finish(); }

  Located<bool> boolean(std::string_view key) {
    if (missing(key)) return {};
    return reader_.optional_boolean(key).value_or(Located<bool>{});
  }

  /// False where the key is left out.
  Located<bool> flag(std::string_view key) {
    return has(key) ? reader_.optional_boolean(key).value_or(Located<bool>{}) : Located<bool>{};
  }

  template <class T>
  Located<T> number(std::string_view key, std::int64_t low, std::int64_t high) {
    if (missing(key)) return {};
    const auto read = reader_.optional_integer(key, low, high);
    if (!read) return {};
    return {T(static_cast<typename Count<T>::type>(read->value)), read->where};
  }

  template <class E>
  Located<E> one(std::string_view key) {
    if (missing(key)) return {};
    const auto read = reader_.choice(key, all_words<E>());
    const auto value = parse_word<E>(read.value);
    return value ? Located<E>{*value, read.where} : Located<E>{};
  }

  /// A list of words of `E`: none unknown, none twice, and not empty unless that `may_be_empty`.
  template <class E>
  LocatedList<E> list(std::string_view key, bool may_be_empty = false) {
    const auto parse = [&](const Located<std::string>& item) {
      const auto value = parse_word<E>(item.value);
      if (!value)
        fault(item.where, fmt::format("'{}' has '{}'; it must be one of '{}'", full(key),
                                      item.value, fmt::join(all_words<E>(), "', '")));
      return value;
    };
    return collect<E>(key, may_be_empty, parse);
  }

  /// Names of standby origins; none where the key is left out.
  LocatedList<std::string> names(std::string_view key) {
    if (!has(key)) return {};
    return collect<std::string>(
        key, true, [&](const Located<std::string>& item) -> std::optional<std::string> {
          try {
            return MemberName(item.value).str();
          } catch (const Error& error) {
            fault(item.where, error.what());
            return std::nullopt;
          }
        });
  }

  /// Members as "POOL/MEMBER"; none where the key is left out.
  LocatedList<std::string> members(std::string_view key) {
    if (!has(key)) return {};
    return collect<std::string>(
        key, true, [&](const Located<std::string>& item) -> std::optional<std::string> {
          const auto slash = item.value.find('/');
          try {
            if (slash == std::string::npos)
              throw Error(Errc::kInvalidArgument,
                          fmt::format("'{}' has '{}'; write POOL/MEMBER", full(key), item.value));
            return PoolName(item.value.substr(0, slash)).str() + "/" +
                   MemberName(item.value.substr(slash + 1)).str();
          } catch (const Error& error) {
            fault(item.where, error.what());
            return std::nullopt;
          }
        });
  }

  /// Accounts of the operating system; none where the key is left out.
  LocatedList<std::string> accounts(std::string_view key) {
    if (!has(key)) return {};
    return collect<std::string>(
        key, true, [&](const Located<std::string>& item) -> std::optional<std::string> {
          const auto odd = [](char c) { return c <= ' ' || c > '~' || c == ':'; };
          if (!item.value.empty() && std::none_of(item.value.begin(), item.value.end(), odd))
            return item.value;
          fault(item.where,
                fmt::format("'{}' has '{}', which is no account; write names such as 'alice'",
                            full(key), item.value));
          return std::nullopt;
        });
  }

  /// Names of pools, or "*" alone.
  LocatedList<std::string> pools(std::string_view key) {
    const auto parse = [&](const Located<std::string>& item) -> std::optional<std::string> {
      if (item.value == "*") return item.value;
      try {
        return PoolName(item.value).str();
      } catch (const Error& error) {
        fault(item.where, error.what());
        return std::nullopt;
      }
    };
    auto out = collect<std::string>(key, false, parse);
    if (out.value.size() > 1 && contains(out, std::string("*")))
      fault(out.where,
            fmt::format("'{}' has '*' beside names; '*' stands alone, for every pool", full(key)));
    return out;
  }

 private:
  template <class T>
  struct Count {
    using type = T;
  };
  template <class R, class P>
  struct Count<std::chrono::duration<R, P>> {
    using type = R;
  };

  std::string full(std::string_view key) const { return fmt::format("{}.{}", name_, key); }

  bool missing(std::string_view key) {
    if (has(key)) return false;
    fault(reader_.where(), fmt::format("'{}' is missing", full(key)));
    return true;
  }

  template <class T, class Parse>
  LocatedList<T> collect(std::string_view key, bool may_be_empty, const Parse& parse) {
    if (missing(key)) return {};
    const auto* array = std::get_if<toml::Array>(&reader_.node(key)->value);
    const auto read = reader_.strings(key);
    LocatedList<T> out{{}, read.where};
    bool whole = array != nullptr && array->size() == read.value.size();
    for (const auto& item : read.value) {
      const std::optional<T> value = parse(item);
      if (!value) {
        whole = false;
      } else if (contains(out, *value)) {
        fault(item.where, fmt::format("'{}' has '{}' twice", full(key), item.value));
      } else {
        out.value.push_back({*value, item.where});
      }
    }
    if (array != nullptr && array->empty() && !may_be_empty)
      fault(read.where, fmt::format("'{}' is empty; it must name at least one", full(key)));
    return whole ? out : LocatedList<T>{};
  }

  toml::Reader reader_;
  std::string name_;
};

std::optional<Located<std::uint32_t>> read_bits(Section& section) {
  const auto bits = section.number<std::uint32_t>("bits", 0, 65536);
  if (bits.where.line == 0) return std::nullopt;
  if (bits.value != 2048 && bits.value != 3072 && bits.value != 4096)
    section.fault(bits.where,
                  fmt::format("'key.bits' is {}; it must be one of 2048, 3072, 4096", bits.value));
  return bits;
}

KeyRules read_key(Section section) {
  KeyRules key;
  key.algorithm = section.one<Algorithm>("algorithm");
  const bool known = key.algorithm.where.line != 0;
  const bool rsa = known && key.algorithm.value == Algorithm::kRsa;
  const bool ec = known && key.algorithm.value == Algorithm::kEc;
  if (rsa && section.has("curve"))
    section.fault(section.place("curve"), "'key.curve' is for algorithm 'ec'; an RSA key has bits");
  if (ec && section.has("bits"))
    section.fault(section.place("bits"),
                  "'key.bits' is for algorithm 'rsa'; an EC key has a curve");
  if (rsa || (!ec && section.has("bits"))) key.bits = read_bits(section);
  if (ec || (!rsa && section.has("curve"))) key.curve = section.one<Curve>("curve");
  key.usages = section.list<Usage>("usages");
  key.signing = section.one<Signing>("signing");
  key.require_backup = section.flag("require_backup");
  section.finish();
  return key;
}

ExportRules read_export(Section section) {
  ExportRules out;
  out.mode = section.one<ExportMode>("mode");
  const bool none = out.mode.where.line != 0 && out.mode.value == ExportMode::kNone;
  if (none) {
    for (const char* key :
         {"suites", "recipients", "max_recipients", "re_export", "standby", "software_recipients"})
      if (section.has(key))
        section.fault(section.place(key),
                      fmt::format("'export.{}' contradicts mode 'none'; remove it, or set "
                                  "export.mode to 'wrapped'",
                                  key));
  } else {
    WrappedRules wrapped;
    wrapped.suites = section.list<Suite>("suites");
    wrapped.recipients = section.pools("recipients");
    wrapped.max_recipients = section.number<std::uint32_t>("max_recipients", 1, 1000);
    wrapped.re_export = section.boolean("re_export");
    wrapped.standbys = section.names("standby");
    wrapped.software_recipients = section.members("software_recipients");
    out.wrapped = std::move(wrapped);
  }
  section.finish();
  return out;
}

LifetimeRules read_lifetime(Section section) {
  LifetimeRules out;
  out.key = section.number<Days>("key_days", 1, kMaxDays);
  out.certificate = section.number<Days>("certificate_days", 1, kMaxDays);
  out.overlap = section.number<std::chrono::hours>("overlap_hours", 0, kMaxDays * 24);
  if (section.has("token_lifetime_hours"))
    out.token = section.number<std::chrono::hours>("token_lifetime_hours", 1, kMaxTokenHours);
  section.finish();
  return out;
}

RequestRules read_request(Section section) {
  RequestRules out;
  out.roles = section.list<Role>("roles");
  out.lint_profiles = section.list<LintProfile>("lint_profiles");
  out.key_usage = section.list<KeyUsage>("key_usage");
  out.extended_key_usage = section.list<ExtendedKeyUsage>("extended_key_usage", true);
  out.organizational_unit = section.one<OrganizationalUnit>("organizational_unit");
  out.hash = section.one<Hash>("hash");
  out.overrides = section.accounts("overrides");
  section.finish();
  return out;
}

CaRules read_ca(Section section) {
  CaRules out;
  out.allowed = section.list<CaKind>("allowed");
  section.finish();
  return out;
}

CeremonyRules read_ceremony(Section section) {
  CeremonyRules out;
  out.ahead = section.number<std::uint32_t>("ahead", 0, 20);
  section.finish();
  return out;
}

RolloverRules read_rollover(Section section) {
  RolloverRules out;
  out.same_key = section.boolean("same_key");
  section.finish();
  return out;
}

IssueRules read_issue(Section section) {
  IssueRules out;
  out.path_length = section.number<std::uint32_t>("path_length", 0, 8);
  out.max = section.number<Days>("max_days", 1, kMaxDays);
  section.finish();
  return out;
}

Located<std::string> read_name(toml::Reader& top) {
  auto name = top.string("name");
  if (top.node("name") == nullptr) return name;
  try {
    KeyName checked(name.value);  // the same alphabet: the name is part of file names and log lines
  } catch (const Error&) {
    top.fault(name.where, fmt::format("'name' is '{}'; use 1 to 32 of a-z, 0-9 and '-', with a "
                                      "letter or digit at both ends",
                                      name.value));
  }
  return name;
}

/// A file of another version has other keys: nothing else in it can be told right or wrong.
void check_version(toml::Reader& top, toml::Faults& faults) {
  const auto version = top.integer("version", 1, 1'000'000);
  if (version.value == kVersion) return;
  top.fault(version.where,
            fmt::format("'version' is {}; this poolkey reads version {}", version.value, kVersion));
  faults.throw_if_any("policy " + version.where.file);
}

}  // namespace

Policy::Policy(Sections sections, std::string text, std::string file)
    : sections_(std::move(sections)), text_(std::move(text)), file_(std::move(file)) {}

std::string Policy::algorithm_name() const {
  if (key().bits) return fmt::format("RSA-{}", key().bits->value);
  return fmt::format("EC-{}", word(key().curve->value));
}

const Location& Policy::size_location() const {
  return key().bits ? key().bits->where : key().curve->where;
}

Policy parse_policy(std::string_view text, const std::string& file) {
  const std::string what = "policy " + file;
  toml::Faults faults;
  const toml::Node root = toml::parse(text, file, faults);
  faults.throw_if_any(what);

  toml::Reader top(root, "", faults);
  check_version(top, faults);
  Sections sections;
  sections.name = read_name(top);
  sections.description = top.string("description");
  sections.key = read_key({top.table("key"), "key"});
  sections.exports = read_export({top.table("export"), "export"});
  sections.lifetime = read_lifetime({top.table("lifetime"), "lifetime"});
  sections.request = read_request({top.table("request"), "request"});
  sections.ca = read_ca({top.table("ca"), "ca"});
  if (auto ceremony = top.optional_table("ceremony"))
    sections.ceremony = read_ceremony({std::move(*ceremony), "ceremony"});
  if (auto rollover = top.optional_table("rollover"))
    sections.rollover = read_rollover({std::move(*rollover), "rollover"});
  if (auto issue = top.optional_table("issue"))
    sections.issue = read_issue({std::move(*issue), "issue"});
  top.finish();
  find_contradictions(sections, faults);
  faults.throw_if_any(what);
  return Policy(std::move(sections), std::string(text), file);
}

}  // namespace poolkey::policy
