// Whether creating a token object fails where another thread searches, as on SoftHSM 2.6.1 (#573).
#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "base/file.h"
#include "hsm/doctor_bench.h"
#include "hsm/rv.h"
#include "hsm/token_file.h"

namespace poolkey::hsm::doctor {
namespace {

constexpr int kMostCreations = 400;
constexpr int kSearchers = 3;
constexpr std::chrono::seconds kLongest{10};
constexpr std::chrono::milliseconds kSettle{200};

/// Threads that do nothing but search, each in a session of its own, until they are told to stop.
class Searchers {
 public:
  explicit Searchers(Bench& bench) {
    for (int i = 0; i < kSearchers; ++i)
      threads_.emplace_back([this, module = bench.token().shared_module(),
                             slot = bench.token().info().slot] { search(module, slot); });
  }
  Searchers(const Searchers&) = delete;
  Searchers& operator=(const Searchers&) = delete;
  ~Searchers() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void search(const std::shared_ptr<Module>& module, CK_SLOT_ID slot) const {
    try {
      Session session(module, slot);
      while (!stop_) (void)find_objects(session, Template());
    } catch (const Error&) {
      return;  // a token that has no session left for it shows no race
    }
  }

  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

/// What is in the token: handles, of half-made objects as well (they match no template), and, where
/// SoftHSM keeps it, the files.
struct Contents {
  std::vector<CK_OBJECT_HANDLE> handles;
  std::vector<std::filesystem::path> files;
};

Contents contents(Bench& bench) {
  Contents out;
  Session& session = bench.session();
  check(session.fn().C_FindObjectsInit(session.handle(), nullptr, 0), "search the token");
  CK_OBJECT_HANDLE one = CK_INVALID_HANDLE;
  CK_ULONG found = 0;
  while (session.fn().C_FindObjects(session.handle(), &one, 1, &found) == CKR_OK && found == 1)
    out.handles.push_back(one);
  session.fn().C_FindObjectsFinal(session.handle());
  out.files = object_files(bench.token().module(), bench.token().info().serial);
  std::sort(out.handles.begin(), out.handles.end());
  std::sort(out.files.begin(), out.files.end());
  return out;
}

template <class T>
std::vector<T> added(const std::vector<T>& before, const std::vector<T>& after) {
  std::vector<T> out;
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(),
                      std::back_inserter(out));
  return out;
}

bool is_half_made(Session& session, CK_OBJECT_HANDLE object) {
  try {
    const auto label = read_bytes(session, object, CKA_LABEL);
    return (!label || label->empty()) && read_bool(session, object, CKA_TOKEN) != true;
  } catch (const Error& error) {
    return error.ckr() == CKR_ATTRIBUTE_VALUE_INVALID;
  }
}

/// SoftHSM leaves an object without a label where a creation failed, and often does not show it to
/// the process that made it; another process's object is shown, and whole after a moment. So what
/// is new and stays half-made is ours, and so is a new file while nothing new is shown.
void remove_what_failed(Bench& bench, const Contents& before) {
  Session& session = bench.session();
  std::this_thread::sleep_for(kSettle);
  for (const CK_OBJECT_HANDLE object : added(before.handles, contents(bench).handles))
    if (is_half_made(session, object)) destroy(session, object);
  const Contents now = contents(bench);
  const auto files = added(before.files, now.files);
  if (files.empty()) return;
  if (!added(before.handles, now.handles).empty()) {
    bench.left_behind().emplace_back(
        "an object that a failed creation left, which cannot be told from new ones of others");
    return;
  }
  for (const std::filesystem::path& file : files) {
    remove_file(file);
    remove_file(std::filesystem::path(file).replace_extension(".lock"));
  }
}

}  // namespace

void probe_race(Bench& bench) {
  Session& session = bench.session();
  const auto turn = bench.token().writing();
  const Contents before = contents(bench);
  int failed = 0, tried = 0;
  CK_RV last = CKR_OK;
  {
    const Searchers searchers(bench);
    const auto end = std::chrono::steady_clock::now() + kLongest;
    for (; tried < kMostCreations && failed == 0 && std::chrono::steady_clock::now() < end;
         ++tried) {
      const Made made = generate_aes(session, labelled("race", /*in_token=*/true));
      if (!made.ok()) {
        ++failed;
        last = made.rv;
      }
      destroy(session, made.object);
    }
  }
  if (failed > 0) remove_what_failed(bench, before);
  bench.answer(Question::kCreateRace, failed > 0 ? "seen" : "not-seen",
               failed > 0 ? "creation " + std::to_string(tried) + ": " + rv_name(last)
                          : "in " + std::to_string(tried) + " creations");
}

}  // namespace poolkey::hsm::doctor
