// A program that signs with keys of a token by OpenSSL and knows nothing of poolkey, and what it
// measures when it is told to. May touch: tests/support. Called by: rows of foreign programs; main,
// which is also this program.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <string>

#include "bench/foreign_token.h"

namespace poolkey::bench {

/// The other process: this program, run as "--program". It is told one thing at a time.
class Program {
 public:
  /// What it signs with: poolkey.so, or Debian's libp11 engine. The module is initialised by that
  /// one, with the first key that it loads.
  enum class By { kPoolkey, kLibp11 };

  Program(const ForeignToken& token, By by);
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();

  /// Seconds for each signature. `how`: EVP_PKEY_sign, EVP_DigestSign or, on the token object,
  /// C_Sign; with the key of this label.
  double sign(const std::string& how, const std::string& label, int threads, int each);
  /// Seconds from the URI of a key that was not loaded before to its first EVP_DigestSign, for each
  /// of the fresh keys. The URI names them by `attribute`: "object" or "id".
  double first_use(const std::string& attribute);
  /// The same for a key that was loaded a moment ago.
  double next_use(const std::string& label, int each);
  /// Seconds for C_FindObjects by label or id, and C_Sign; for each of the fresh keys.
  double raw_use(const std::string& attribute);
  /// In a program that did nothing yet: seconds from the first URI to the first signature; and for
  /// C_Initialize, C_Login, C_FindObjects and C_Sign.
  double start();
  double raw_start();

 private:
  double ask(const std::string& line);

  pid_t process_ = -1;
  std::FILE* to_ = nullptr;
  std::FILE* from_ = nullptr;
};

/// What the other process does: obeys its standard input until that ends.
int run_program(const std::string& folder, const std::string& by);

}  // namespace poolkey::bench
