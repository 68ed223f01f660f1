// Another process that keeps creating keys in a token, and a token made full beforehand.
// May touch: hsm. Called by: the rows of signing; main, which is also the writer's program.
#pragma once

#include <sys/types.h>

#include <string>

#include "support/soft_token.h"

namespace poolkey::bench {

/// Puts `objects` objects of P-256 pairs into the token that are nobody's.
void fill(hsm::Token& token, int objects);

/// The other process: this program, run as "--writer LABEL". It makes P-256 pairs in the token the
/// fast way (session objects, then C_CopyObject) and destroys each again, so that the token keeps
/// its size.
class Writer {
 public:
  explicit Writer(const test::SoftToken& token);
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer();

  /// What it does with the keys that it makes: into the token and out again, or nothing.
  enum class Doing : char { kWriting = 'w', kComputing = 'c' };

  /// It works for as long as one of these lives; before and after it stands still.
  class Turn {
   public:
    Turn(Writer& writer, Doing doing);
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn();

   private:
    Writer& writer_;
  };

 private:
  void tell(char what);
  void await_answer();

  pid_t process_ = -1;
  int to_ = -1;
  int from_ = -1;
};

/// What the other process does: obeys its standard input until that ends.
int write_keys(const std::string& label);

}  // namespace poolkey::bench
