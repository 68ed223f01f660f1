// Rows of programs that know nothing of poolkey: poolkey.so, and Debian's libp11 engine, beside raw
// calls on the token object in the same process.
#include "bench/foreign_token.h"
#include "bench/program.h"

namespace poolkey::bench {
namespace {

using By = Program::By;

void add_sign(By by, const std::string& how, const std::string& algorithm, int threads) {
  const bool ours = by == By::kPoolkey;
  add_row({"sign, " + std::string(ours ? "poolkey.so, " : "libp11 engine, ") + how + ", " +
               algorithm + ", " + threads_text(threads),
           "C_Sign, token object", Unit::kPerSecond, ours ? signing_aim(algorithm) : Aim{}},
          [=](Pairs& pairs) {
            make_folders_in(Place::kMemory);
            Program program(fixture<ForeignToken>(ForeignToken::kFew), by);
            const int each = signatures(algorithm);
            pairs.run([&] { return program.sign(how, algorithm, threads, each); },
                      [&] { return program.sign("C_Sign", algorithm, threads, each); });
          });
}

std::string objects_text(int objects) {
  return objects == ForeignToken::kFew ? std::to_string(objects) + " objects" : "1,000 objects";
}

/// A program each slice, since a key is new to it only once. It has loaded another key before, so
/// the module is initialised and the token logged in to.
void add_first_use(int objects, const std::string& attribute) {
  add_row({"URI by " + attribute + "= to first signature, " + objects_text(objects),
           "C_FindObjects and C_Sign of the same keys", Unit::kMilliseconds, at_most(2)},
          [=](Pairs& pairs) {
            make_folders_in(Place::kMemory);
            const auto& token = fixture<ForeignToken>(objects);
            std::unique_ptr<Program> program;
            const auto in_turn = [&](double (Program::*act)(const std::string&)) {
              const bool first = program == nullptr;
              if (first) {
                program = std::make_unique<Program>(token, By::kPoolkey);
                program->sign("EVP_DigestSign", "P-256", 1, 1);
                program->sign("C_Sign", "P-256", 1, 1);
              }
              const double out = ((*program).*act)(attribute);
              if (!first) program.reset();
              return out;
            };
            pairs.run([&] { return in_turn(&Program::first_use); },
                      [&] { return in_turn(&Program::raw_use); });
          });
}

void add_next_use(int objects) {
  add_row({"the same URI again, to signature, " + objects_text(objects), "C_Sign, token object",
           Unit::kMilliseconds, at_most(2)},
          [=](Pairs& pairs) {
            make_folders_in(Place::kMemory);
            Program program(fixture<ForeignToken>(objects), By::kPoolkey);
            const int each = operations(400);
            pairs.run([&] { return program.next_use("P-256", each); },
                      [&] { return program.sign("C_Sign", "P-256", 1, each); });
          });
}

void add_start(int objects) {
  add_row({"first URI of a program, to signature, " + objects_text(objects),
           "C_Initialize, C_Login, C_FindObjects, C_Sign", Unit::kMilliseconds, at_most(2)},
          [=](Pairs& pairs) {
            make_folders_in(Place::kMemory);
            const auto& token = fixture<ForeignToken>(objects);
            pairs.run([&] { return Program(token, By::kPoolkey).start(); },
                      [&] { return Program(token, By::kPoolkey).raw_start(); });
          });
}

}  // namespace

void add_foreign_rows() {
  for (const By by : {By::kPoolkey, By::kLibp11})
    for (const char* how : {"EVP_PKEY_sign", "EVP_DigestSign"})
      for (const char* algorithm : {"RSA-2048", "P-256"})
        for (const int threads : {1, 2}) add_sign(by, how, algorithm, threads);
  for (const int objects : {ForeignToken::kFew, smoke() ? ForeignToken::kFew + 2 : 1000}) {
    for (const char* attribute : {"id", "object"}) add_first_use(objects, attribute);
    add_next_use(objects);
    add_start(objects);
  }
}

}  // namespace poolkey::bench
