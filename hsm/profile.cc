#include "hsm/profile.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/toml.h"
#include "hsm/builtin_profiles.h"
#include "hsm/names.h"

namespace poolkey::hsm {
namespace {

constexpr std::int64_t kMaxSessions = 1'000'000;

constexpr std::array kMechanismRows{
    MechanismRow{CKM_RSA_PKCS_KEY_PAIR_GEN, "makes RSA keys"},
    MechanismRow{CKM_EC_KEY_PAIR_GEN, "makes EC keys"},
    MechanismRow{CKM_AES_KEY_GEN, "makes wrapping keys"},
    MechanismRow{CKM_RSA_PKCS, "signs, RSA"},
    MechanismRow{CKM_RSA_PKCS_PSS, "signs, RSA"},
    MechanismRow{CKM_ECDSA, "signs, EC"},
    MechanismRow{CKM_RSA_PKCS_OAEP, "wraps wrapping keys"},
    MechanismRow{CKM_AES_KEY_WRAP_PAD, "wraps private keys"},
    MechanismRow{kAesKeyWrapKwp, "wraps private keys"},
    MechanismRow{CKM_AES_ECB, "not needed; rebuilds wrapped keys for a thief"},
    MechanismRow{CKM_AES_CBC_PAD, "not needed; rebuilds wrapped keys for a thief"},
};

constexpr std::array kMechanismAnswers{
    Answer{"usable", "listed, and works"},       Answer{"other", "works, but not as RFC 5649"},
    Answer{"refused", "listed, but refused"},    Answer{"unlisted", "works, but is not listed"},
    Answer{"absent", "not listed, and refused"},
};

/// A protection, and the answer that says that it is none here.
struct Protection {
  Question question;
  std::string_view attribute;
};
constexpr std::array kProtections{
    Protection{Question::kExtractableFalse, "CKA_EXTRACTABLE"},
    Protection{Question::kWrapWithTrusted, "CKA_WRAP_WITH_TRUSTED"},
    Protection{Question::kUnwrapTemplate, "CKA_UNWRAP_TEMPLATE"},
    Protection{Question::kAllowedMechanisms, "CKA_ALLOWED_MECHANISMS"},
    Protection{Question::kModifiableFalse, "CKA_MODIFIABLE"},
};

/// The texts of a make, by their keys.
struct MakeRow {
  std::string_view table, key;
  std::string Make::*text;
};
constexpr std::array kMakeRows{
    MakeRow{"module", "manufacturer", &Make::manufacturer},
    MakeRow{"module", "description", &Make::description},
    MakeRow{"module", "version", &Make::version},
    MakeRow{"module", "cryptoki", &Make::cryptoki},
    MakeRow{"token", "manufacturer", &Make::token_manufacturer},
    MakeRow{"token", "model", &Make::token_model},
    MakeRow{"token", "hardware", &Make::hardware},
    MakeRow{"token", "firmware", &Make::firmware},
};

std::string listed(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + toml::quoted(word);
  return "[" + out + "]";
}

std::string line(std::string_view key, const std::string& value, std::string_view comment) {
  std::string out = std::string(key) + " = " + value;
  return out + (comment.empty() ? "" : "  # " + std::string(comment)) + "\n";
}

std::vector<std::string> words_of(std::span<const Answer> answers) {
  std::vector<std::string> out;
  for (const Answer& a : answers) out.emplace_back(a.word);
  return out;
}

std::string_view meaning_of(std::span<const Answer> answers, std::string_view word) {
  for (const Answer& a : answers)
    if (a.word == word) return a.meaning;
  return "";
}

std::vector<std::string> attribute_names(toml::Reader& reader, std::string_view key) {
  std::vector<std::string> out;
  for (const auto& name : reader.strings(key).value) {
    try {
      out.emplace_back(attribute(name.value).name);
    } catch (const Error& error) {
      reader.fault(name.where, error.what());
    }
  }
  return out;
}

Profile parse_builtin(std::string_view text, std::string_view file) {
  return parse_profile(text, std::string(file));
}

}  // namespace

std::span<const MechanismRow> profiled_mechanisms() { return kMechanismRows; }
std::span<const Answer> mechanism_answers() { return kMechanismAnswers; }

std::optional<CK_MECHANISM_TYPE> Profile::kwp() const {
  if (says(Question::kKwp, "none")) return std::nullopt;
  return mechanism(answer(Question::kKwp));
}

bool Profile::oaep(OaepHash hash) const {
  return says(hash == OaepHash::kSha1 ? Question::kOaepSha1 : Question::kOaepSha256, "usable");
}

std::vector<std::string> Profile::not_enforced() const {
  std::vector<std::string> out;
  for (const Protection& p : kProtections)
    if (says(p.question, "ignored") || says(p.question, "refused")) out.emplace_back(p.attribute);
  return out;
}

std::string to_toml(const Profile& profile, const std::map<Question, std::string>& details) {
  std::string out =
      "# What this token really does, found by trying. Written by 'poolkey doctor'; made again\n"
      "# whenever the module or the token's firmware changes.\nversion = 1\n";
  std::string_view table;
  for (const MakeRow& row : kMakeRows) {
    if (row.table != table) out += "\n[" + std::string(row.table) + "]\n";
    table = row.table;
    out += line(row.key, toml::quoted(profile.make.*row.text), "");
  }
  out += "\n[found]\n";
  for (const QuestionRow& row : questions()) {
    const std::string word(profile.answer(row.question));
    const auto detail = details.find(row.question);
    out += line(row.id, toml::quoted(word),
                std::string(row.asks) + ": " + std::string(meaning_of(row.answers, word)) +
                    (detail == details.end() ? "" : " (" + detail->second + ")"));
  }
  out += line("sessions_opened", std::to_string(profile.sessions_opened), "and no more were tried");
  out += "\n[attributes]\n";
  out += line("not_kept", listed(profile.not_kept), "cannot be stored, or are not told");
  out += line("told_otherwise", listed(profile.told_otherwise), "differ from what was asked for");
  out += "\n[mechanisms]\n";
  for (std::size_t i = 0; i < kMechanismRows.size(); ++i)
    out += line(mechanism_name(kMechanismRows[i].type), toml::quoted(profile.mechanisms.at(i)),
                std::string(kMechanismRows[i].why) + ": " +
                    std::string(meaning_of(kMechanismAnswers, profile.mechanisms.at(i))));
  return out;
}

Profile parse_profile(std::string_view text, const std::string& file) {
  toml::Faults faults;
  const toml::Node root = toml::parse(text, file, faults);
  toml::Reader top(root, "", faults);
  Profile out;
  top.integer("version", 1, 1);
  for (const std::string_view table : {"module", "token"}) {
    toml::Reader reader = top.table(table);
    for (const MakeRow& row : kMakeRows)
      if (row.table == table) out.make.*row.text = reader.string(row.key).value;
    reader.finish();
  }
  toml::Reader found = top.table("found");
  for (const QuestionRow& row : questions())
    out.found[row.question] = found.choice(row.id, words_of(row.answers)).value;
  out.sessions_opened = found.integer("sessions_opened", 0, kMaxSessions).value;
  found.finish();
  toml::Reader attributes = top.table("attributes");
  out.not_kept = attribute_names(attributes, "not_kept");
  out.told_otherwise = attribute_names(attributes, "told_otherwise");
  attributes.finish();
  toml::Reader mechanisms = top.table("mechanisms");
  for (const MechanismRow& row : kMechanismRows)
    out.mechanisms.push_back(
        mechanisms.choice(mechanism_name(row.type), words_of(kMechanismAnswers)).value);
  mechanisms.finish();
  top.finish();
  faults.throw_if_any("'" + file + "'");
  return out;
}

const Profile* builtin_profile(std::string_view quirks_row) {
  // Kept for good, because modules live until the end of the process.
  static const auto& profiles = *new std::map<std::string_view, Profile>{
      {"softhsm-2.6", parse_builtin(kSoftHsmProfile, "softhsm-2.6.toml")},
      {"nss-softokn", parse_builtin(kNssProfile, "nss-softokn.toml")},
  };
  const auto found = profiles.find(quirks_row);
  return found == profiles.end() ? nullptr : &found->second;
}

void check_make(const Profile& profile, const Make& now, const std::string& file) {
  if (profile.make == now) return;
  std::string differences;
  for (const MakeRow& row : kMakeRows)
    if (profile.make.*row.text != now.*row.text)
      differences += (differences.empty() ? "" : "; ") + std::string(row.table) + "." +
                     std::string(row.key) + " was '" + profile.make.*row.text + "' and is '" +
                     now.*row.text + "'";
  throw Error(Errc::kConflict, "the profile '" + file + "' is of another make (" + differences +
                                   "); run 'poolkey doctor' again");
}

}  // namespace poolkey::hsm
