// The doctor: finds out by trying what a token really does.
// May touch: base, crypto. Called by: cli's `doctor`, tests.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "hsm/profile.h"
#include "hsm/token.h"

namespace poolkey::hsm {

/// The token to look at, and the PINs to do it with.
struct Patient {
  std::shared_ptr<Module> module;
  TokenName token;
  const Pin& user_pin;
  const Pin* so_pin = nullptr;  ///< null: what needs the security officer is not asked
};

struct Examination {
  Profile profile;
  std::map<Question, std::string> details;  ///< what else was seen, such as the CKR_ code
  /// Objects of the doctor's that could not be destroyed, by label; empty as a rule.
  std::vector<std::string> left_behind;
};

/// What examine() will do to the token, sentence by sentence.
std::vector<std::string> announcement(bool with_so);

/// Tries everything that a profile speaks of. What it makes is a session object wherever that
/// tells enough, is labelled "poolkey-doctor-...", and is destroyed; no object of the token's own
/// is used. Logs in as the user and, with an SO PIN, as security officer in between; nobody of this
/// process may be logged in. Throws as find_token and Token::login.
Examination examine(const Patient& patient);

/// What follows from a profile for the two parts that a token can play, for people.
std::vector<std::string> verdicts(const Profile& profile);

}  // namespace poolkey::hsm
