// What the doctor asks a token, with every answer that there is and what it means: one table.
// May touch: std only. Called by: profile, doctor, cli's `doctor`.
#pragma once

#include <span>
#include <string_view>

namespace poolkey::hsm {

/// In the order in which they are printed and written.
enum class Question {
  kKwp,
  kKwpPadding,
  kLengthQuery,
  kOaepSha1,
  kOaepSha256,
  kOaepSha384,
  kOaepSha512,
  kEcUnwrap,
  kUnwrapUsage,
  kWrapWithTrusted,
  kExtractableFalse,
  kUnwrapTemplate,
  kAllowedMechanisms,
  kModifiableFalse,
  kTrustedByUser,
  kTrustedByUserLater,
  kTrustedBySo,
  kTrustedBySoLater,
  kCeremony,
  kTokenKeys,
  kDataObjects,
  kCopyToToken,
  kCopyToSession,
  kLoginScope,
  kLoginAgain,
  kLoginExclusive,
  kSessionLimit,
  kCreateRace,
};

/// A word of the closed vocabulary of one question.
struct Answer {
  std::string_view word;
  std::string_view meaning;
};

struct QuestionRow {
  Question question;
  std::string_view id;    ///< the key in a profile: "wrap_with_trusted"
  std::string_view asks;  ///< for people
  std::span<const Answer> answers;
};

/// All rows, one for each Question, in its order.
std::span<const QuestionRow> questions();
const QuestionRow& row_of(Question question);
/// The row of an answer; null for a word that is no answer to the question.
const Answer* find_answer(Question question, std::string_view word);

}  // namespace poolkey::hsm
