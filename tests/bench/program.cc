#include "bench/program.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <vector>

#include "base/file.h"
#include "bench/evp_signers.h"
#include "bench/libp11_engine.h"
#include "bench/raw.h"

namespace poolkey::bench {
namespace {

constexpr const char* kPoolkey = "poolkey";
constexpr const char* kLibp11 = "libp11";
constexpr const char* kPin = "1234";  // of Prepared's tokens

std::string fresh_key(int number) { return "fresh-" + std::to_string(number); }

/// The other process's side of it.
class Acts {
 public:
  Acts(const std::string& folder, bool libp11) {
    if (libp11)
      engine_.emplace(test::kSoftHsm, kPin);
    else
      plugin_.emplace(folder, section_for(folder));
  }

  double act(const std::string& what, const std::string& label, int threads, int each) {
    if (what == "EVP_PKEY_sign") return sign<DigestSigner>(label, threads, each);
    if (what == "EVP_DigestSign") return sign<MessageSigner>(label, threads, each);
    if (what == "C_Sign") return raw_sign(label, threads, each);
    if (what == "first-use") return first_use(label);
    if (what == "next-use") return timed(1, each, [&](int) { use(ForeignToken::uri(label)); });
    if (what == "raw-use") return raw_use(label == "id" ? CKA_ID : CKA_LABEL);
    if (what == "start") return seconds_of([&] { keys_[label] = use(ForeignToken::uri(label)); });
    if (what == "raw-start") return raw_start(label);
    throw Error(Errc::kInvalidArgument, "what is '" + what + "'?");
  }

 private:
  OSSL_LIB_CTX* library() const { return plugin_ ? plugin_->context() : nullptr; }
  crypto::EvpPkey load(const std::string& uri) const {
    return plugin_ ? plugin_->load(uri) : engine_->load(uri);
  }
  EVP_PKEY* held(const std::string& label) {
    auto& key = keys_[label];
    if (!key) key = load(ForeignToken::uri(label));
    return key.get();
  }
  crypto::EvpPkey use(const std::string& uri) const {
    crypto::EvpPkey key = load(uri);
    MessageSigner(key.get(), library()).sign();
    return key;
  }

  template <class Signers>
  static double run(Signers& signers, int each) {
    return timed(static_cast<int>(signers.size()), each,
                 [&](int t) { signers[static_cast<std::size_t>(t)]->sign(); });
  }

  template <class Signer>
  double sign(const std::string& label, int threads, int each) {
    std::vector<std::unique_ptr<Signer>> signers;
    for (int t = 0; t < threads; ++t)
      signers.push_back(std::make_unique<Signer>(held(label), library()));
    return run(signers, each);
  }

  double first_use(const std::string& attribute) {
    return seconds_of([&] {
             for (int i = 0; i < kFreshKeys; ++i)
               keys_[fresh_key(i)] = use(ForeignToken::uri(fresh_key(i), attribute));
           }) /
           kFreshKeys;
  }

  /// Beside the one who initialised the module and logged in.
  std::shared_ptr<hsm::Token> token() {
    if (!token_) token_ = hsm::Token::open(hsm::Module::load(test::kSoftHsm), {"test", ""});
    return token_;
  }

  double raw_sign(const std::string& label, int threads, int each) {
    const bool rsa = EVP_PKEY_is_a(held(label), "RSA") == 1;
    std::vector<std::unique_ptr<RawSigner>> signers;
    for (int t = 0; t < threads; ++t) {
      signers.push_back(std::make_unique<RawSigner>(token(), rsa));
      signers.back()->find(CKA_LABEL, label);
    }
    return run(signers, each);
  }

  double raw_use(CK_ATTRIBUTE_TYPE attribute) {
    RawSigner raw(token(), /*rsa=*/false);
    return seconds_of([&] {
             for (int i = 0; i < kFreshKeys; ++i) {
               raw.find(attribute, fresh_key(i));
               raw.sign();
             }
           }) /
           kFreshKeys;
  }

  double raw_start(const std::string& label) {
    return seconds_of([&] {
      CK_UTF8CHAR pin[] = {'1', '2', '3', '4'};
      hsm::Session& session = token()->keeper();
      if (session.fn().C_Login(session.handle(), CKU_USER, pin, sizeof pin) != CKR_OK)
        throw Error(Errc::kInternal, "raw C_Login failed");
      RawSigner raw(token(), /*rsa=*/false);
      raw.find(CKA_LABEL, label);
      raw.sign();
    });
  }

  std::optional<test::Plugin> plugin_;
  std::optional<Libp11Engine> engine_;
  std::map<std::string, crypto::EvpPkey> keys_;
  std::shared_ptr<hsm::Token> token_;
};

}  // namespace

Program::Program(const ForeignToken& token, By by) {
  std::array<int, 2> down{}, up{};
  if (::pipe2(down.data(), O_CLOEXEC) != 0 || ::pipe2(up.data(), O_CLOEXEC) != 0)
    throw Error(Errc::kUnavailable, "no pipe to the program");
  process_ = ::fork();
  if (process_ == 0) {
    ::dup2(down[0], STDIN_FILENO);
    ::dup2(up[1], STDOUT_FILENO);
    ::execl("/proc/self/exe", "poolkey-bench", "--program", token.path("").c_str(),
            by == By::kPoolkey ? kPoolkey : kLibp11, nullptr);
    ::_exit(127);
  }
  ::close(down[0]);
  ::close(up[1]);
  to_ = ::fdopen(down[1], "w");
  from_ = ::fdopen(up[0], "r");
}

Program::~Program() {
  std::fclose(to_);
  std::fclose(from_);
  ::waitpid(process_, nullptr, 0);
}

double Program::ask(const std::string& line) {
  std::array<char, 4096> answer{};
  if (std::fputs((line + "\n").c_str(), to_) < 0 || std::fflush(to_) != 0 ||
      std::fgets(answer.data(), static_cast<int>(answer.size()), from_) == nullptr)
    throw Error(Errc::kUnavailable, "the program has gone");
  char* end = nullptr;
  const double seconds = std::strtod(answer.data(), &end);
  if (end == answer.data()) throw Error(Errc::kInternal, answer.data());
  return seconds;
}

double Program::sign(const std::string& how, const std::string& label, int threads, int each) {
  return ask(how + " " + label + " " + std::to_string(threads) + " " + std::to_string(each));
}
double Program::first_use(const std::string& attribute) {
  return ask("first-use " + attribute + " 1 1");
}
double Program::next_use(const std::string& label, int each) {
  return ask("next-use " + label + " 1 " + std::to_string(each));
}
double Program::raw_use(const std::string& attribute) {
  return ask("raw-use " + attribute + " 1 1");
}
double Program::start() { return ask("start " + fresh_key(0) + " 1 1"); }
double Program::raw_start() { return ask("raw-start " + fresh_key(0) + " 1 1"); }

int run_program(const std::string& folder, const std::string& by) {
  const auto answer = [](const std::string& text) { std::cout << text << std::endl; };
  try {
    Acts acts(folder, by == kLibp11);
    for (std::string line; std::getline(std::cin, line);) {
      std::istringstream words(line);
      std::string what, label;
      int threads = 0, each = 0;
      words >> what >> label >> threads >> each;
      answer(std::to_string(1e9 * acts.act(what, label, threads, each)) + "e-9");
    }
    ::_exit(0);  // who initialised the module ends it, or leaves it: not we
  } catch (const std::exception& error) {
    answer(std::string("program: ") + error.what());
  }
  ::_exit(1);
}

}  // namespace poolkey::bench
