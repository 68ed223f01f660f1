// The fault script: what goes wrong, at which call.
// May touch: std and the PKCS#11 header. Called by: the module, once, when it is loaded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hsm/functions.h"

namespace poolkey::test::faulty {

/// A function's number, in the order of CK_FUNCTION_LIST.
enum Function : std::size_t {
#define POOLKEY_NUMBER(name) k##name,
  POOLKEY_CRYPTOKI_FUNCTIONS(POOLKEY_NUMBER)
#undef POOLKEY_NUMBER
};
std::string_view name_of(std::size_t function);

/// What goes wrong.
enum class Fault {
  kBefore,       ///< "before CKR_X": not done, and reported as failed
  kAfter,        ///< "after CKR_X": done, and reported as failed: a lost reply
  kDelay,        ///< "delay MILLISECONDS"
  kHang,         ///< "hang": never comes back
  kSigpipe,      ///< "sigpipe": the module writes to a socket that was closed
  kLoseSession,  ///< "lose-session": the session of this call was closed meanwhile
  kLoseObject,   ///< "lose-object": the object of this call has got another handle meanwhile
  kReuseObject,  ///< "reuse-object": its handle means another object of its class from now on
  kRestart,      ///< "restart": sessions, login and handles are gone, and handles are given anew
  kShort,        ///< "short": a length is given as less than it is
  kLong,         ///< "long": as more
  kZero,         ///< "zero": as nothing
  kFlags,        ///< "flags CKF_X": C_GetTokenInfo tells this one as well
};

/// One line: "C_Sign 3 before CKR_DEVICE_ERROR". A fault that cannot be done to a call (it has no
/// length, there is no other object) waits for the next call that the line is about.
struct Rule {
  std::size_t function;  ///< kAny: "*", every function
  std::uint64_t number;  ///< of the call, from 1; of all calls where the function is "*"
  bool from_there_on;    ///< "3+": and every later one
  Fault fault;
  unsigned long argument;  ///< CK_RV, milliseconds or CK_FLAGS
  std::string text;        ///< the line

  static constexpr std::size_t kAny = hsm::kFunctionCount;
};

/// Lines, or what stands between semicolons; '#' begins a comment. Throws std::invalid_argument
/// with the line.
std::vector<Rule> parse(std::string_view script);

}  // namespace poolkey::test::faulty
