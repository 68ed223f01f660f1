// What is fuzzed: one parser of foreign octets a file. A target calls it and asserts what must hold
// of whatever it reads. Run by libFuzzer (preset fuzz), and over the corpus by the ordinary build.
#pragma once

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace poolkey::fuzz {

void topology(ByteView octets);
void policy(ByteView octets);
void request(ByteView octets);
void certificate(ByteView octets);
void bundle(ByteView octets);
void envelope(ByteView octets);
void receipt(ByteView octets);
void uri(ByteView octets);
void crl(ByteView octets);
void ocsp(ByteView octets);
void ca_config(ByteView octets);
void access(ByteView octets);
void body(ByteView octets);
void http_target(ByteView octets);

struct Target {
  std::string_view name;  ///< also the folder of its corpus in tests/data/fuzz
  void (*run)(ByteView);
};
inline constexpr std::array kTargets{
    Target{"topology", topology},
    Target{"policy", policy},
    Target{"request", request},
    Target{"certificate", certificate},
    Target{"bundle", bundle},
    Target{"envelope", envelope},
    Target{"receipt", receipt},
    Target{"uri", uri},
    Target{"crl", crl},
    Target{"ocsp", ocsp},
    Target{"ca_config", ca_config},
    Target{"access", access},
    Target{"body", body},
    Target{"http_target", http_target},
};

/// What must hold did not. No Error, so that nothing takes it for a refusal.
struct PropertyBroken : std::logic_error {
  using std::logic_error::logic_error;
};

inline void require(bool holds, const char* sentence) {
  if (!holds) throw PropertyBroken(sentence);
}

inline std::string_view text_of(ByteView octets) {
  return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

/// Calls `act`, which may refuse by an Error; a defect of ours is no refusal. True: it did not.
template <class Act>
bool accepted(Act&& act) {
  try {
    act();
    return true;
  } catch (const Error& error) {
    if (error.code() == Errc::kInternal) throw PropertyBroken(error.what());
    require(!std::string_view(error.what()).empty(), "a refusal says why");
    return false;
  }
}

}  // namespace poolkey::fuzz
