// The fault-injecting module in the process of a test: a SoftHSM behind it, and its script.
// Called by: tests of what a misbehaving module does to us.
#pragma once

#include <string>

#include "support/soft_token.h"

namespace poolkey::test {

inline constexpr const char* kFaultyModule = POOLKEY_FAULTY_MODULE;

/// What goes wrong from now on; calls are counted from here. faulty_module/script.h has the
/// language. The module must be loaded.
void set_faults(const std::string& script);
/// From now on about every so manieth call goes wrong in one of the ways of `kinds`, a script whose
/// functions and numbers mean nothing; 0: none.
void set_chance(unsigned long every, unsigned long seed, const std::string& kinds);
/// The token with this label is away from now on; empty: none is.
void lose_token(const std::string& label);
/// How often a function was called since then.
unsigned long calls_of(const std::string& function);

class FaultyToken : public SoftToken {
 public:
  FaultyToken() : SoftToken("test", kFaultyModule) {}
};

}  // namespace poolkey::test
