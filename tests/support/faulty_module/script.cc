#include "support/faulty_module/script.h"

#include <array>
#include <sstream>
#include <stdexcept>

namespace poolkey::test::faulty {
namespace {

/// What stands behind the word of a fault.
enum class Takes { kNothing, kRv, kNumber, kFlags };

struct Word {
  std::string_view word;
  Fault fault;
  Takes takes;
};

constexpr std::array kWords{
    Word{"before", Fault::kBefore, Takes::kRv},
    Word{"after", Fault::kAfter, Takes::kRv},
    Word{"delay", Fault::kDelay, Takes::kNumber},
    Word{"hang", Fault::kHang, Takes::kNothing},
    Word{"sigpipe", Fault::kSigpipe, Takes::kNothing},
    Word{"lose-session", Fault::kLoseSession, Takes::kNothing},
    Word{"lose-object", Fault::kLoseObject, Takes::kNothing},
    Word{"reuse-object", Fault::kReuseObject, Takes::kNothing},
    Word{"restart", Fault::kRestart, Takes::kNothing},
    Word{"short", Fault::kShort, Takes::kNothing},
    Word{"long", Fault::kLong, Takes::kNothing},
    Word{"zero", Fault::kZero, Takes::kNothing},
    Word{"flags", Fault::kFlags, Takes::kFlags},
};

struct Value {
  std::string_view name;
  unsigned long value;
};

#define POOLKEY_VALUE(name) \
  Value { #name, name }
constexpr std::array kRvs{
    POOLKEY_VALUE(CKR_HOST_MEMORY),
    POOLKEY_VALUE(CKR_GENERAL_ERROR),
    POOLKEY_VALUE(CKR_FUNCTION_FAILED),
    POOLKEY_VALUE(CKR_FUNCTION_NOT_SUPPORTED),
    POOLKEY_VALUE(CKR_DEVICE_ERROR),
    POOLKEY_VALUE(CKR_DEVICE_MEMORY),
    POOLKEY_VALUE(CKR_DEVICE_REMOVED),
    POOLKEY_VALUE(CKR_TOKEN_NOT_PRESENT),
    POOLKEY_VALUE(CKR_SESSION_HANDLE_INVALID),
    POOLKEY_VALUE(CKR_SESSION_CLOSED),
    POOLKEY_VALUE(CKR_SESSION_COUNT),
    POOLKEY_VALUE(CKR_OBJECT_HANDLE_INVALID),
    POOLKEY_VALUE(CKR_KEY_HANDLE_INVALID),
    POOLKEY_VALUE(CKR_OPERATION_ACTIVE),
    POOLKEY_VALUE(CKR_KEY_TYPE_INCONSISTENT),
    POOLKEY_VALUE(CKR_OPERATION_NOT_INITIALIZED),
    POOLKEY_VALUE(CKR_USER_NOT_LOGGED_IN),
    POOLKEY_VALUE(CKR_CRYPTOKI_NOT_INITIALIZED),
    POOLKEY_VALUE(CKR_PIN_INCORRECT),
    POOLKEY_VALUE(CKR_PIN_LOCKED),
    POOLKEY_VALUE(CKR_BUFFER_TOO_SMALL),
};
constexpr std::array kFlagNames{
    POOLKEY_VALUE(CKF_USER_PIN_COUNT_LOW), POOLKEY_VALUE(CKF_USER_PIN_FINAL_TRY),
    POOLKEY_VALUE(CKF_USER_PIN_LOCKED),    POOLKEY_VALUE(CKF_SO_PIN_COUNT_LOW),
    POOLKEY_VALUE(CKF_SO_PIN_FINAL_TRY),   POOLKEY_VALUE(CKF_SO_PIN_LOCKED),
};
#undef POOLKEY_VALUE

[[noreturn]] void refuse(const std::string& line, const std::string& why) {
  throw std::invalid_argument("fault script: '" + line + "': " + why);
}

template <std::size_t N>
unsigned long value_of(const std::array<Value, N>& table, const std::string& text,
                       const std::string& line) {
  for (const Value& row : table)
    if (row.name == text) return row.value;
  if (text.starts_with("0x")) return std::stoul(text, nullptr, 16);
  refuse(line, "'" + text + "' is not in the table");
}

unsigned long argument_of(Takes takes, const std::string& text, const std::string& line) {
  if (takes == Takes::kNothing) return 0;
  if (text.empty()) refuse(line, "an argument is missing");
  if (takes == Takes::kRv) return value_of(kRvs, text, line);
  return takes == Takes::kFlags ? value_of(kFlagNames, text, line) : std::stoul(text);
}

std::size_t function_of(const std::string& name, const std::string& line) {
  if (name == "*") return Rule::kAny;
  for (std::size_t i = 0; i < hsm::kFunctionCount; ++i)
    if (name_of(i) == name) return i;
  refuse(line, "there is no function '" + name + "'");
}

Rule parse_line(const std::string& line) {
  std::istringstream words(line);
  std::string function, number, word, argument, more;
  if (!(words >> function >> number >> word)) refuse(line, "it wants FUNCTION NUMBER FAULT");
  words >> argument >> more;
  for (const Word& row : kWords) {
    if (row.word != word) continue;
    if (!more.empty() || (row.takes == Takes::kNothing && !argument.empty()))
      refuse(line, "there is something behind it");
    return {function_of(function, line),
            std::stoull(number),
            number.back() == '+',
            row.fault,
            argument_of(row.takes, argument, line),
            line};
  }
  refuse(line, "there is no fault '" + word + "'");
}

}  // namespace

std::string_view name_of(std::size_t function) {
#define POOLKEY_NAME(name) #name,
  static constexpr std::array<std::string_view, hsm::kFunctionCount> kNames{
      POOLKEY_CRYPTOKI_FUNCTIONS(POOLKEY_NAME)};
#undef POOLKEY_NAME
  return kNames.at(function);
}

std::vector<Rule> parse(std::string_view script) {
  std::vector<Rule> out;
  std::string text(script);
  for (char& c : text)
    if (c == ';') c = '\n';
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    line.erase(std::min(line.find('#'), line.size()));
    const auto begin = line.find_first_not_of(" \t\r");
    if (begin == std::string::npos) continue;
    out.push_back(parse_line(line.substr(begin, line.find_last_not_of(" \t\r") - begin + 1)));
  }
  return out;
}

}  // namespace poolkey::test::faulty
