#include "hsm/questions.h"

#include <algorithm>
#include <array>

namespace poolkey::hsm {
namespace {

constexpr Answer kUnknown{"unknown", "could not be tried"};
constexpr Answer kNotAsked{"not-asked", "needs the security officer's PIN"};

constexpr std::array kKwps{
    Answer{"CKM_AES_KEY_WRAP_KWP", "RFC 5649 under 0x210B, as PKCS#11 v3.0 has it"},
    Answer{"CKM_AES_KEY_WRAP_PAD", "RFC 5649 under 0x210A, as PKCS#11 v2.40 has it"},
    Answer{"none", "this token cannot wrap or unwrap private keys: neither origin nor member"},
};
constexpr std::array kPaddings{
    Answer{"rfc5649", "the wrapped PKCS#8 has its own length"},
    Answer{"zero-padded", "up to 7 zeros stand after the PKCS#8, and the length counts them"},
    kUnknown,
};
constexpr std::array kLengths{
    Answer{"exact", "a query without a buffer gives the size"},
    Answer{"larger", "a query without a buffer gives an upper bound"},
    Answer{"too-small", "a query without a buffer gives less than is needed: never trust it"},
    Answer{"refused", "a query without a buffer is refused"},
    kUnknown,
};
constexpr std::array kOaeps{
    Answer{"usable", "wraps and unwraps a wrapping key"},
    Answer{"refused", "does not wrap and unwrap a wrapping key"},
};
constexpr std::array kEcUnwraps{
    Answer{"plain", "takes the template as it is"},
    Answer{"nss-db", "wants the public point as CKA_NSS_DB in the template"},
    Answer{"refused", "EC keys cannot be unwrapped"},
    kUnknown,
};
constexpr std::array kUsages{
    Answer{"kept", "the flags are as the template says"},
    Answer{"by-copy", "flags that the template denies are TRUE; a copy can deny them"},
    Answer{"overridden", "flags that the template denies are TRUE, and stay so"},
    kUnknown,
};
constexpr std::array kWwts{
    Answer{"enforced", "only a trusted key wraps such a key"},
    Answer{"ignored", "any key wraps such a key: it must not be the origin of exportable keys"},
    kUnknown,
};
constexpr std::array kExtractables{
    Answer{"enforced", "such a key is not wrapped"},
    Answer{"ignored", "such a key is wrapped all the same: who has the PIN takes it away"},
    kUnknown,
};
constexpr std::array kTemplates{
    Answer{"applied", "what it demands is added to the template, and enforced"},
    Answer{"compared", "the template must say all that it demands"},
    Answer{"ignored", "it has no effect, and is not sent"},
    Answer{"refused", "a key with it cannot be made, so it is not sent"},
    kUnknown,
};
constexpr std::array kFlags{
    Answer{"enforced", "what it forbids is refused"},
    Answer{"ignored", "what it forbids is done all the same"},
    Answer{"refused", "a key with it cannot be made"},
    kUnknown,
};
constexpr std::array kUserTrusted{
    Answer{"refused", "a user cannot make a key trusted"},
    Answer{"allowed", "a user makes any key trusted: trust is worth nothing"},
    kUnknown,
};
constexpr std::array kSoTrusted{
    Answer{"allowed", "the security officer can make a key trusted so"},
    Answer{"refused", "the security officer cannot make a key trusted so"},
    kNotAsked,
    kUnknown,
};
constexpr std::array kCeremonies{
    Answer{"works", "trusted keys of the security officer wrap for the user"},
    Answer{"refused", "a release cannot be made here"},
    kNotAsked,
    kUnknown,
};
constexpr std::array kDone{
    Answer{"works", "it is done"},
    Answer{"refused", "it is not done"},
    kUnknown,
};
constexpr std::array kScopes{
    Answer{"application", "a login counts for every session of the process"},
    Answer{"session", "each session logs in for itself"},
};
constexpr std::array kAgains{
    Answer{"already", "says that somebody is logged in, and looks at no PIN"},
    Answer{"accepted", "logs in once more"},
    Answer{"refused", "is refused"},
};
constexpr std::array kExclusives{
    Answer{"exclusive", "not while the user is logged in"},
    Answer{"shared", "beside the user"},
    kNotAsked,
};
constexpr std::array kLimits{
    Answer{"none-seen", "no limit below the number opened"},
    Answer{"reached", "no more than the number opened"},
};
constexpr std::array kRaces{
    Answer{"seen", "a creation failed while another thread searched"},
    Answer{"not-seen", "no creation failed while another thread searched"},
    kUnknown,
};

constexpr std::array kRows{
    QuestionRow{Question::kKwp, "kwp", "mechanism that wraps private keys by RFC 5649", kKwps},
    QuestionRow{Question::kKwpPadding, "kwp_padding", "what is wrapped", kPaddings},
    QuestionRow{Question::kLengthQuery, "length_query", "C_WrapKey without a buffer", kLengths},
    QuestionRow{Question::kOaepSha1, "oaep_sha1", "RSA-OAEP with SHA-1", kOaeps},
    QuestionRow{Question::kOaepSha256, "oaep_sha256", "RSA-OAEP with SHA-256", kOaeps},
    QuestionRow{Question::kOaepSha384, "oaep_sha384", "RSA-OAEP with SHA-384", kOaeps},
    QuestionRow{Question::kOaepSha512, "oaep_sha512", "RSA-OAEP with SHA-512", kOaeps},
    QuestionRow{Question::kEcUnwrap, "ec_unwrap", "unwrapping an EC private key", kEcUnwraps},
    QuestionRow{Question::kUnwrapUsage, "unwrap_usage", "usage flags of an unwrapped key", kUsages},
    QuestionRow{Question::kWrapWithTrusted, "wrap_with_trusted", "CKA_WRAP_WITH_TRUSTED", kWwts},
    QuestionRow{Question::kExtractableFalse, "extractable_false", "CKA_EXTRACTABLE=FALSE",
                kExtractables},
    QuestionRow{Question::kUnwrapTemplate, "unwrap_template", "CKA_UNWRAP_TEMPLATE", kTemplates},
    QuestionRow{Question::kAllowedMechanisms, "allowed_mechanisms", "CKA_ALLOWED_MECHANISMS",
                kFlags},
    QuestionRow{Question::kModifiableFalse, "modifiable_false", "CKA_MODIFIABLE=FALSE", kFlags},
    QuestionRow{Question::kTrustedByUser, "trusted_by_user", "CKA_TRUSTED by the user, at creation",
                kUserTrusted},
    QuestionRow{Question::kTrustedByUserLater, "trusted_by_user_later",
                "CKA_TRUSTED by the user, later", kUserTrusted},
    QuestionRow{Question::kTrustedBySo, "trusted_by_so", "CKA_TRUSTED by the SO, at creation",
                kSoTrusted},
    QuestionRow{Question::kTrustedBySoLater, "trusted_by_so_later", "CKA_TRUSTED by the SO, later",
                kSoTrusted},
    QuestionRow{Question::kCeremony, "ceremony", "a release: SO's trusted keys, user's wrapping",
                kCeremonies},
    QuestionRow{Question::kTokenKeys, "token_keys", "key pairs in the token", kDone},
    QuestionRow{Question::kDataObjects, "data_objects", "data objects in the token", kDone},
    QuestionRow{Question::kCopyToToken, "copy_to_token", "copying a session key to the token",
                kDone},
    QuestionRow{Question::kCopyToSession, "copy_to_session", "copying a token key to the session",
                kDone},
    QuestionRow{Question::kLoginScope, "login_scope", "what a login counts for", kScopes},
    QuestionRow{Question::kLoginAgain, "login_again", "a second login of the user", kAgains},
    QuestionRow{Question::kLoginExclusive, "login_exclusive", "the SO logs in", kExclusives},
    QuestionRow{Question::kSessionLimit, "session_limit", "sessions open at one time", kLimits},
    QuestionRow{Question::kCreateRace, "create_race", "creating while another thread searches",
                kRaces},
};

static_assert(kRows.size() == static_cast<std::size_t>(Question::kCreateRace) + 1);

}  // namespace

std::span<const QuestionRow> questions() { return kRows; }

const QuestionRow& row_of(Question question) { return kRows[static_cast<std::size_t>(question)]; }

const Answer* find_answer(Question question, std::string_view word) {
  const auto answers = row_of(question).answers;
  const auto found =
      std::find_if(answers.begin(), answers.end(), [&](const Answer& a) { return a.word == word; });
  return found == answers.end() ? nullptr : &*found;
}

}  // namespace poolkey::hsm
