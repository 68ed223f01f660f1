#include "cases.h"

#include <fmt/format.h>

#include "base/error.h"

namespace poolkey::policy::test {
namespace {

/// Reads one [[case]], with the faults of its words and names filed where they stand.
class CaseReader {
 public:
  explicit CaseReader(toml::Reader& reader) : reader_(reader) {}

  template <class E>
  std::optional<E> word_of(std::string_view key) {
    const auto text = reader_.optional_string(key);
    return text ? parsed<E>(*text) : std::nullopt;
  }

  template <class E>
  std::vector<E> words_of(std::string_view key) {
    std::vector<E> out;
    if (const auto texts = reader_.optional_strings(key))
      for (const auto& text : texts->value)
        if (const auto value = parsed<E>(text)) out.push_back(*value);
    return out;
  }

  template <class N>
  std::optional<N> name_of(std::string_view key) {
    const auto text = reader_.optional_string(key);
    return text ? std::optional<N>(N(text->value)) : std::nullopt;
  }

  template <class D>
  std::optional<Duration> span(std::string_view key) {
    const auto count = reader_.optional_integer(key, 0, 100'000);
    return count ? std::optional<Duration>(D(count->value)) : std::nullopt;
  }

  bool flag(std::string_view key, bool silent) {
    const auto read = reader_.optional_boolean(key);
    return read ? read->value : silent;
  }

  std::optional<std::uint32_t> count(std::string_view key) {
    const auto read = reader_.optional_integer(key, 0, 100'000);
    return read ? std::optional<std::uint32_t>(static_cast<std::uint32_t>(read->value))
                : std::nullopt;
  }

 private:
  template <class E>
  std::optional<E> parsed(const Located<std::string>& text) {
    const auto value = parse_word<E>(text.value);
    if (!value) reader_.fault(text.where, fmt::format("'{}' is not a word for this", text.value));
    return value;
  }

  toml::Reader& reader_;
};

Facts read_facts(toml::Reader& reader) {
  CaseReader read(reader);
  const auto action = parse_word<Action>(reader.choice("action", all_words<Action>()).value);
  Facts f{.action = action.value_or(Action::kGenerate),
          .key = parse_key_version(reader.string("key").value)};
  f.pool = read.name_of<PoolName>("pool");
  f.member = read.name_of<MemberName>("member");
  if (const auto algorithm = reader.optional_string("algorithm")) f.algorithm = algorithm->value;
  f.key_age = read.span<Days>("key_age_days");
  f.usage = read.word_of<Usage>("usage");
  f.suite = read.word_of<Suite>("suite");
  f.recipients = read.count("recipients").value_or(f.recipients);
  f.enrolled = read.flag("enrolled", f.enrolled);
  f.from_origin = read.flag("from_origin", f.from_origin);
  f.safeguarded = read.flag("safeguarded", f.safeguarded);
  if (const auto names = reader.optional_strings("standbys"))
    for (const auto& name : names->value) f.standbys.emplace_back(name.value);
  f.standby = read.flag("standby", f.standby);
  if (const auto names = reader.optional_strings("software"))
    for (const auto& name : names->value) f.software.emplace_back(name.value);
  f.promoted = read.name_of<MemberName>("promoted");
  f.wrap_with_trusted =
      read.word_of<WrapWithTrusted>("wrap_with_trusted").value_or(f.wrap_with_trusted);
  f.role = read.word_of<Role>("role");
  f.ca = read.word_of<CaKind>("ca");
  f.validity = read.span<Days>("validity_days");
  f.linted = read.words_of<LintProfile>("linted");
  f.overridden = read.words_of<LintProfile>("overridden");
  if (const auto account = reader.optional_string("overrider")) f.overrider = account->value;
  f.key_usage = read.words_of<KeyUsage>("key_usage");
  f.extended_key_usage = read.words_of<ExtendedKeyUsage>("extended_key_usage");
  f.organizational_unit = read.flag("organizational_unit", f.organizational_unit);
  f.hash = read.word_of<Hash>("hash");
  f.path_length = read.count("path_length");
  f.compromised = read.flag("compromised", f.compromised);
  f.was_in_force = read.flag("was_in_force", f.was_in_force);
  f.superseded_for = read.span<std::chrono::hours>("superseded_for_hours");
  return f;
}

}  // namespace

std::vector<Case> read_cases(std::string_view text, const std::string& file) {
  toml::Faults faults;
  const toml::Node root = toml::parse(text, file, faults);
  toml::Reader top(root, "", faults);
  std::vector<Case> out;
  for (toml::Reader& reader : top.table_array("case")) {
    std::string name = reader.string("name").value;
    Facts facts = read_facts(reader);
    const bool permit = reader.choice("expect", {"permit", "deny"}).value == "permit";
    std::string rule = reader.string("rule").value;
    reader.finish();
    out.push_back({std::move(name), reader.where(), std::move(facts), permit, std::move(rule)});
  }
  top.finish();
  faults.throw_if_any("cases " + file);
  return out;
}

std::optional<std::string> mismatch(const Policy& policy, const Case& expected) {
  const Decision decision = Engine::decide(policy, expected.facts);
  const auto* permit = std::get_if<Permit>(&decision);
  const auto* denial = std::get_if<Denial>(&decision);
  const std::string rule = permit != nullptr ? permit->grant().rule : denial->rule;
  if (expected.permit == (permit != nullptr) && expected.rule == rule) return std::nullopt;
  return fmt::format(
      "{}: \"{}\" expects {} by {}, but it is {}", expected.where.str(), expected.name,
      expected.permit ? "a permit" : "a denial", expected.rule,
      permit != nullptr ? "permitted by " + permit->rule() : "denied: " + explain(*denial));
}

}  // namespace poolkey::policy::test
