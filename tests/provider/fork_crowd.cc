#include "fork_crowd.h"

#include <pthread.h>

#include <fstream>
#include <string>

namespace poolkey::provider {
namespace {

#ifdef __SANITIZE_ADDRESS__
/// True if every other thread of this process sleeps.
bool others_sleep() {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    if (task.path().filename() == std::to_string(::gettid())) continue;
    std::string line;
    std::getline(std::ifstream(task.path() / "stat"), line);
    const auto name_ends = line.rfind(") ");
    if (name_ends != std::string::npos && line[name_ends + 2] != 'S') return false;
  }
  return true;
}

/// The ASan of g++ 12 does not take its allocator's locks for a fork, as later ones do: a child
/// that is forked while another thread is in malloc() waits for ever in its own. So there, and only
/// there, a fork waits until the others sleep. They do once poolkey.so, whose handler is registered
/// later and so comes first, lets nobody into the module.
void wait_for_quiet() { wait_until(others_sleep, milliseconds(5000)); }
[[maybe_unused]] const int registered = ::pthread_atfork(wait_for_quiet, nullptr, nullptr);
#endif

}  // namespace

ForkCrowd::ForkCrowd(const test::Plugin& plugin, EVP_PKEY* key) {
  for (int i = 0; i < 4; ++i) {
    EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_pkey(plugin.context(), key, nullptr);
    contexts_.emplace_back(context);
    EXPECT_EQ(EVP_PKEY_sign_init(context), 1);
    const auto sign = [context] {
      const Bytes digest(32);
      Bytes out(128);
      std::size_t size = out.size();
      return EVP_PKEY_sign(context, out.data(), &size, digest.data(), digest.size()) == 1;
    };
    EXPECT_TRUE(sign());
    threads_.emplace_back([this, sign] {
      while (!ends_) sign() ? ++signatures : ++failures;
    });
  }
}

void ForkCrowd::join() {
  ends_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

int children_that_fail(int count, const std::function<bool()>& signs) {
  std::vector<pid_t> children;
  for (int i = 0; i < count; ++i) {
    children.push_back(test::start_child([&] {
      ::alarm(20);
      for (int n = 0; n < 5; ++n)
        if (!signs()) ::_exit(2);
    }));
    std::this_thread::sleep_for(milliseconds(5));
  }
  int out = 0;
  for (const pid_t child : children)
    if (test::end_of(child) != 0) ++out;
  return out;
}

}  // namespace poolkey::provider
