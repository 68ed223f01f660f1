// An audit log in a scratch folder, with a signer that needs no HSM.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "audit/chain.h"
#include "audit/verify.h"
#include "base/clock.h"
#include "crypto/digest.h"
#include "tests/base/process.h"

namespace poolkey::test {

inline constexpr std::string_view kSigner = "5a5a";

/// A keyed hash in place of a signature: who does not know the key cannot make one.
inline Bytes sign(ByteView message) {
  Bytes keyed = to_bytes("the audit key");
  keyed.insert(keyed.end(), message.begin(), message.end());
  return crypto::sha256(keyed);
}

inline bool check_signature(ByteView message, ByteView signature, std::string_view signer) {
  const Bytes good = sign(message);
  return signer == kSigner &&
         std::equal(good.begin(), good.end(), signature.begin(), signature.end());
}

struct Log {
  Scratch folder;
  store::Database database = store::Database::open(folder / "state.db");
  FixedClock clock{parse_rfc3339("2026-11-22T08:00:00Z")};
  audit::Chain chain{database, clock};

  audit::Head add(const std::string& verb) {
    audit::Event event;
    event.actor = "uid:1000";
    event.verb = verb;
    event.subject = "edge/av@1";
    return chain.append(event);
  }
  void checkpoint() { chain.checkpoint(sign, kSigner, "uid:1000"); }
  std::vector<std::string> lines() {
    std::istringstream in(chain.export_jsonl());
    std::vector<std::string> out;
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
  }
};

inline audit::VerifyReport verify(const std::vector<std::string>& lines,
                                  const std::vector<audit::Head>& expected = {}) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return audit::verify(text, check_signature, expected);
}

}  // namespace poolkey::test
