#include "bench/writer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include "crypto/digest.h"
#include "hsm/object.h"
#include "hsm/rv.h"

namespace poolkey::bench {
namespace {

constexpr char kStop = 's';

struct Pair {
  CK_OBJECT_HANDLE public_key, private_key;
};

Pair generate(hsm::Session& session) {
  static const Bytes p256{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
  const Bytes id = crypto::random_bytes(16);
  hsm::Template public_template, private_template;
  public_template.set(CKA_TOKEN, false).set(CKA_ID, ByteView(id)).set(CKA_LABEL, "foreign");
  public_template.set(CKA_EC_PARAMS, ByteView(p256)).set(CKA_PRIVATE, false);
  private_template.set(CKA_TOKEN, false).set(CKA_ID, ByteView(id)).set(CKA_LABEL, "foreign");
  private_template.set(CKA_SIGN, true).set(CKA_SENSITIVE, true);
  CK_MECHANISM mechanism{CKM_EC_KEY_PAIR_GEN, nullptr, 0};
  Pair out{};
  hsm::check(
      session.fn().C_GenerateKeyPair(session.handle(), &mechanism, public_template.data(),
                                     public_template.count(), private_template.data(),
                                     private_template.count(), &out.public_key, &out.private_key),
      "generate a foreign key");
  return out;
}

CK_OBJECT_HANDLE into_token(hsm::Session& session, CK_OBJECT_HANDLE object) {
  return hsm::copy_object(session, object, hsm::Template().set(CKA_TOKEN, true));
}

bool told_something() {
  pollfd in{STDIN_FILENO, POLLIN, 0};
  return ::poll(&in, 1, 0) > 0;
}

}  // namespace

void fill(hsm::Token& token, int objects) {
  const hsm::Lease lease = token.lease();
  for (int made = 0; made < objects; made += 2) {
    const Pair pair = generate(*lease);
    for (const CK_OBJECT_HANDLE object : {pair.public_key, pair.private_key}) {
      into_token(*lease, object);
      hsm::destroy_object(*lease, object);
    }
  }
}

Writer::Writer(const test::SoftToken& token) {
  std::array<int, 2> down{}, up{};
  if (::pipe2(down.data(), O_CLOEXEC) != 0 || ::pipe2(up.data(), O_CLOEXEC) != 0)
    throw std::runtime_error("no pipe to the writer");
  process_ = ::fork();
  if (process_ == 0) {
    ::dup2(down[0], STDIN_FILENO);
    ::dup2(up[1], STDOUT_FILENO);
    ::execl("/proc/self/exe", "poolkey-bench", "--writer", token.label().c_str(), nullptr);
    ::_exit(127);
  }
  ::close(down[0]);
  ::close(up[1]);
  to_ = down[1];
  from_ = up[0];
  const std::string pin = token.user_pin() + "\n";
  if (::write(to_, pin.data(), pin.size()) < 0) throw std::runtime_error("the writer is not there");
  await_answer();  // it is logged in
}

Writer::~Writer() {
  ::close(to_);
  ::close(from_);
  ::waitpid(process_, nullptr, 0);
}

void Writer::tell(char what) {
  if (::write(to_, &what, 1) != 1) throw std::runtime_error("the writer has gone");
}

void Writer::await_answer() {
  char done = 0;
  if (::read(from_, &done, 1) != 1) throw std::runtime_error("the writer has gone");
}

Writer::Turn::Turn(Writer& writer, Doing doing) : writer_(writer) {
  writer_.tell(static_cast<char>(doing));
  writer_.await_answer();  // the first key is made
}

Writer::Turn::~Turn() {
  try {
    writer_.tell(kStop);
    writer_.await_answer();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
}

int write_keys(const std::string& label) {
  std::string pin;
  for (char c = 0; ::read(STDIN_FILENO, &c, 1) == 1 && c != '\n';) pin += c;
  const auto answer = [] { return ::write(STDOUT_FILENO, "d", 1) == 1; };
  const auto token = hsm::Token::open(hsm::Module::load(test::kSoftHsm), {label, ""});
  token->login(hsm::Role::kUser, Pin(pin));
  hsm::Session& session = token->keeper();
  if (!answer()) return 1;
  for (char word = 0; ::read(STDIN_FILENO, &word, 1) == 1;) {
    const bool writing = word == static_cast<char>(Writer::Doing::kWriting);
    bool first = true;
    do {
      const Pair pair = generate(session);
      for (const CK_OBJECT_HANDLE object : {pair.public_key, pair.private_key}) {
        if (writing) hsm::destroy_object(session, into_token(session, object));
        hsm::destroy_object(session, object);
      }
      if (std::exchange(first, false) && !answer()) return 1;
    } while (!told_something());
    if (::read(STDIN_FILENO, &word, 1) != 1 || !answer()) return 1;
  }
  return 0;
}

}  // namespace poolkey::bench
