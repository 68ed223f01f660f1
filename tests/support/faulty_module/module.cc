// A PKCS#11 module that forwards every call to a real one and does wrong where a script says so.
//
//   FAULTY_MODULE_REAL    the real module (default: SoftHSM's)
//   FAULTY_MODULE_SCRIPT  the script (script.h), or the path of a file that has it
//   FAULTY_MODULE_STATE   a file in which calls are counted on over processes
//   FAULTY_MODULE_REPORT  a file that gets a line for each fault that was done
//
// Tests in the same process call the functions at the end of this file.
#include <dlfcn.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <mutex>
#include <shared_mutex>
#include <sstream>
#include <thread>
#include <tuple>
#include <utility>

#include "support/faulty_module/counters.h"
#include "support/faulty_module/handles.h"
#include "support/faulty_module/script.h"
#include "support/faulty_module/shape.h"

namespace poolkey::test::faulty {
namespace {

const char* setting(const char* name, const char* otherwise = nullptr) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

std::string script_from_environment() {
  const std::string script = setting("FAULTY_MODULE_SCRIPT", "");
  if (!script.starts_with('/')) return script;
  std::ifstream file(script);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

CK_FUNCTION_LIST* load_real() {
  const char* path = setting("FAULTY_MODULE_REAL", "/usr/lib/softhsm/libsofthsm2.so");
  void* library = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(::dlerror());
  auto* list = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
  CK_FUNCTION_LIST* out = nullptr;
  if (list == nullptr || list(&out) != CKR_OK) throw std::runtime_error("no PKCS#11 module");
  return out;
}

using Script = const std::vector<Rule>*;

/// Faults at random: about every so manieth call one of some kinds, drawn from the seed and the
/// number of the call.
struct Chance {
  std::atomic<std::uint64_t> every = 0;  ///< 0: never
  std::atomic<std::uint64_t> seed = 0;
  std::vector<Rule> kinds;  ///< written before `every`
};

/// What the module knows. Never destroyed: calls may come while the process ends.
struct State {
  CK_FUNCTION_LIST* real = load_real();
  Counters counters{setting("FAULTY_MODULE_STATE")};
  Handles handles;
  /// No lock, which a child of fork could find taken. Scripts are kept: a call may be in one.
  std::deque<std::vector<Rule>> scripts{parse(script_from_environment())};
  std::atomic<Script> script = &scripts.front();
  Chance chance;
  /// Where the token is that is away; CK_UNAVAILABLE_INFORMATION: nowhere.
  std::atomic<CK_SLOT_ID> lost = CK_UNAVAILABLE_INFORMATION;
  /// Sessions are not closed while other threads are inside: SoftHSM would crash, and no HSM does.
  std::shared_mutex inside;
  std::atomic<int> waiting = 0;  ///< who would be alone; nobody goes before them
};

State& state() {
  static State* one = [] {
    auto* made = new State;
#ifdef __SANITIZE_ADDRESS__
    __lsan_ignore_object(made);  // nothing points to it when the module is unloaded
#endif
    return made;
  }();
  return *one;
}

/// Nobody else is inside. The lock by itself would let the others in for ever.
class Alone {
 public:
  Alone() {
    ++state().waiting;
    state().inside.lock();
    --state().waiting;
  }
  Alone(const Alone&) = delete;
  Alone& operator=(const Alone&) = delete;
  ~Alone() { state().inside.unlock(); }
};

void report(std::size_t function, const Rule& rule, std::uint64_t number) {
  const char* file = setting("FAULTY_MODULE_REPORT");
  if (file == nullptr) return;
  const std::string line =
      std::to_string(number) + " " + std::string(name_of(function)) + ": " + rule.text + "\n";
  const int fd = ::open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0 || ::write(fd, line.data(), line.size()) < 0) std::abort();
  ::close(fd);
}

template <class T>
T attribute_of(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
               T otherwise) {
  T value{};
  CK_ATTRIBUTE wanted{type, &value, sizeof value};
  const CK_RV rv = state().real->C_GetAttributeValue(session, object, &wanted, 1);
  return rv == CKR_OK ? value : otherwise;
}

/// The head of CKA_ID, by which objects of different keys differ.
std::uint64_t id_of(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object) {
  std::array<unsigned char, 256> id{};
  CK_ATTRIBUTE wanted{CKA_ID, id.data(), id.size()};
  std::uint64_t out = 0;
  if (state().real->C_GetAttributeValue(session, object, &wanted, 1) == CKR_OK)
    std::memcpy(&out, id.data(), sizeof out);
  return out;
}

/// Another object of the same class, if possible for a key of the same kind; of another key in any
/// case. Looked for in a session of its own: the caller's may be in the middle of a search.
CK_OBJECT_HANDLE another_like(CK_SESSION_HANDLE callers, CK_OBJECT_HANDLE object) {
  CK_FUNCTION_LIST& real = *state().real;
  CK_SESSION_INFO info{};
  CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
  if (real.C_GetSessionInfo(callers, &info) != CKR_OK ||
      real.C_OpenSession(info.slotID, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr,
                         &session) != CKR_OK)
    return CK_INVALID_HANDLE;
  CK_ULONG object_class = attribute_of<CK_ULONG>(session, object, CKA_CLASS, ~0UL);
  const CK_ULONG kind = attribute_of<CK_ULONG>(session, object, CKA_KEY_TYPE, ~0UL);
  const std::uint64_t id = id_of(session, object);
  CK_ATTRIBUTE wanted{CKA_CLASS, &object_class, sizeof object_class};
  std::array<CK_OBJECT_HANDLE, 64> found{};
  CK_ULONG count = 0;
  if (real.C_FindObjectsInit(session, &wanted, 1) == CKR_OK) {
    real.C_FindObjects(session, found.data(), found.size(), &count);
    real.C_FindObjectsFinal(session);
  }
  CK_OBJECT_HANDLE out = CK_INVALID_HANDLE;
  for (CK_ULONG i = 0; i < count; ++i) {
    if (found[i] == object || id_of(session, found[i]) == id) continue;
    const bool alike = attribute_of<CK_ULONG>(session, found[i], CKA_KEY_TYPE, ~0UL) == kind;
    if (out == CK_INVALID_HANDLE || alike) out = found[i];
    if (alike) break;
  }
  real.C_CloseSession(session);
  return out;
}

/// Every session of every slot: and with them the login.
void restart() {
  const Alone alone;
  CK_FUNCTION_LIST& real = *state().real;
  std::array<CK_SLOT_ID, 64> slots{};
  CK_ULONG count = slots.size();
  if (real.C_GetSlotList(CK_TRUE, slots.data(), &count) == CKR_OK)
    for (CK_ULONG i = 0; i < count; ++i) real.C_CloseAllSessions(slots[i]);
  state().handles.forget_all();
}

/// A length that is told wrongly; false where this one cannot be.
bool falsify(Fault fault, CK_ULONG& length) {
  if (length == CK_UNAVAILABLE_INFORMATION || (length == 0 && fault != Fault::kLong)) return false;
  length = fault == Fault::kZero ? 0 : fault == Fault::kShort ? length - 1 : length + 8;
  return true;
}

bool is_length_fault(Fault fault) {
  return fault == Fault::kShort || fault == Fault::kLong || fault == Fault::kZero;
}

/// SplitMix64.
std::uint64_t mixed(std::uint64_t number) {
  number += 0x9e3779b97f4a7c15U;
  number = (number ^ (number >> 30U)) * 0xbf58476d1ce4e5b9U;
  number = (number ^ (number >> 27U)) * 0x94d049bb133111ebU;
  return number ^ (number >> 31U);
}

/// One call on its way through.
template <std::size_t F, class... A>
class Passage {
 public:
  explicit Passage(A... arguments) : arguments_(arguments...) {}

  CK_RV run(CK_RV (*real)(A...)) {
    script_ = state().script;
    const Counters::Call number = state().counters.count(F);
    if (is_of_lost_token()) return CKR_DEVICE_ERROR;
    const Rule* rule = due(number);
    if (rule != nullptr && !is_done_afterwards(*rule)) report(F, *rule, number.of_all);
    if (rule != nullptr) before(*rule);
    translate(std::index_sequence_for<A...>{});
    const bool refused = rule != nullptr && rule->fault == Fault::kBefore;
    const CK_RV rv = refused ? rule->argument : pass_on(real);
    if (refused) return rv;
    if (rv == CKR_OK) translate_given(std::index_sequence_for<A...>{});
    if constexpr (F == kC_Finalize) state().handles.forget_all();
    if (rule == nullptr) return rv;
    if (is_done_afterwards(*rule)) {
      if (rv == CKR_OK && spoil(*rule))
        report(F, *rule, number.of_all);
      else
        give_back(*rule);
    }
    return rule->fault == Fault::kAfter ? rule->argument : rv;
  }

 private:
  CK_RV pass_on(CK_RV (*real)(A...)) {
    while (state().waiting > 0) std::this_thread::yield();
    const std::shared_lock others_too(state().inside);
    return std::apply(real, arguments_);
  }

  bool is_of_lost_token() const {
    const CK_SLOT_ID lost = state().lost;
    if (lost == CK_UNAVAILABLE_INFORMATION) return false;
    CK_SESSION_INFO info{};
    if constexpr (takes_slot(F)) return std::get<0>(arguments_) == lost;
    return takes_session(F) && state().real->C_GetSessionInfo(session(), &info) == CKR_OK &&
           info.slotID == lost;
  }

  static bool is_done_afterwards(const Rule& rule) {
    return is_length_fault(rule.fault) || rule.fault == Fault::kFlags;
  }
  std::size_t line_of(const Rule& rule) const {
    return static_cast<std::size_t>(&rule - script_->data());
  }
  void give_back(const Rule& rule) const {
    if (!rule.from_there_on) state().counters.give_back(line_of(rule));
  }

  /// The first line that is about this call and can be done to it; it is spent then.
  const Rule* due(const Counters::Call& number) {
    for (const Rule& rule : *script_) {
      const bool any = rule.function == Rule::kAny;
      if (!any && rule.function != F) continue;
      if ((any ? number.of_all : number.of_function) < rule.number) continue;
      if (state().counters.is_spent(line_of(rule)) || !can_be_done(rule.fault)) continue;
      if (rule.from_there_on || state().counters.spend(line_of(rule))) return &rule;
    }
    return by_chance(number.of_all);
  }

  const Rule* by_chance(std::uint64_t number) {
    const Chance& chance = state().chance;
    const std::uint64_t every = chance.every;
    if (every == 0) return nullptr;
    const std::uint64_t drawn = mixed(number ^ mixed(chance.seed));
    if (drawn % every != 0) return nullptr;
    const Rule& rule = chance.kinds[(drawn / every) % chance.kinds.size()];
    return can_be_done(rule.fault) ? &rule : nullptr;
  }

  bool can_be_done(Fault fault) {
    switch (fault) {
      case Fault::kLoseSession:
        return takes_session(F);
      case Fault::kLoseObject:
        return objects_taken(F) != 0;
      case Fault::kReuseObject:
        // Who destroys by a handle that has just changed its meaning cannot be helped by anybody.
        return objects_taken(F) != 0 && F != kC_DestroyObject && find_another();
      case Fault::kRestart:
        return F != kC_Initialize && F != kC_Finalize && F != kC_GetFunctionList;
      case Fault::kShort:
      case Fault::kLong:
      case Fault::kZero:
        return gives_length(F) || F == kC_GetAttributeValue;
      case Fault::kFlags:
        return F == kC_GetTokenInfo;
      default:
        return true;
    }
  }

  void before(const Rule& rule) {
    switch (rule.fault) {
      case Fault::kDelay:
        std::this_thread::sleep_for(std::chrono::milliseconds(rule.argument));
        break;
      case Fault::kHang:
        for (;;) ::pause();
      case Fault::kSigpipe:
        ::raise(SIGPIPE);
        break;
      case Fault::kLoseSession: {
        const Alone alone;
        state().real->C_CloseSession(session());
        break;
      }
      case Fault::kLoseObject:
        state().handles.lose(object());
        break;
      case Fault::kReuseObject:
        state().handles.point(object(), another_);
        break;
      case Fault::kRestart:
        restart();
        break;
      default:
        break;
    }
  }

  /// The first argument; a session where takes_session() says so.
  CK_SESSION_HANDLE session() const {
    if constexpr (takes_session(F)) return std::get<0>(arguments_);
    return CK_INVALID_HANDLE;
  }

  /// The caller's handle of the object that the call is about: of a wrap, the key that is wrapped.
  CK_OBJECT_HANDLE object() const {
    CK_OBJECT_HANDLE out = CK_INVALID_HANDLE;
    each_taken(std::index_sequence_for<A...>{}, [&](const CK_ULONG& handle) { out = handle; });
    return out;
  }

  bool find_another() {
    const CK_OBJECT_HANDLE real = state().handles.real(object());
    another_ = another_like(session(), real);
    return another_ != CK_INVALID_HANDLE;
  }

  template <std::size_t... I, class Act>
  void each_taken(std::index_sequence<I...>, Act&& act) const {
    const auto one = [&]<std::size_t N>() {
      if constexpr ((objects_taken(F) & argument(N)) != 0) act(std::get<N>(arguments_));
    };
    (one.template operator()<I>(), ...);
  }

  template <std::size_t... I>
  void translate(std::index_sequence<I...>) {
    const auto one = [&]<std::size_t N>() {
      if constexpr ((objects_taken(F) & argument(N)) != 0)
        std::get<N>(arguments_) = state().handles.real(std::get<N>(arguments_));
    };
    (one.template operator()<I>(), ...);
  }

  template <std::size_t... I>
  void translate_given(std::index_sequence<I...>) {
    const auto one = [&]<std::size_t N>() {
      if constexpr ((objects_given(F) & argument(N)) != 0)
        if (CK_OBJECT_HANDLE* handle = std::get<N>(arguments_); handle != nullptr)
          *handle = state().handles.given(*handle);
    };
    (one.template operator()<I>(), ...);
    if constexpr (F == kC_FindObjects) {
      CK_OBJECT_HANDLE* found = std::get<1>(arguments_);
      for (CK_ULONG i = 0; i < *std::get<3>(arguments_); ++i)
        found[i] = state().handles.given(found[i]);
    }
  }

  /// Changes what the call gave; false where there is nothing to change.
  bool spoil(const Rule& rule) {
    if constexpr (F == kC_GetTokenInfo) {
      std::get<1>(arguments_)->flags |= rule.argument;
      return true;
    } else if constexpr (F == kC_GetAttributeValue) {
      bool done = false;
      for (CK_ULONG i = 0; i < std::get<3>(arguments_); ++i)
        done |= falsify(rule.fault, std::get<2>(arguments_)[i].ulValueLen);
      return done;
    } else if constexpr (gives_length(F)) {
      CK_ULONG* length = std::get<sizeof...(A) - 1>(arguments_);
      return length != nullptr && falsify(rule.fault, *length);
    } else {
      return false;
    }
  }

  std::tuple<A...> arguments_;
  Script script_ = nullptr;
  CK_OBJECT_HANDLE another_ = CK_INVALID_HANDLE;
};

CK_FUNCTION_LIST* our_list();

template <std::size_t F, auto Member>
struct Forward;

template <std::size_t F, class... A, CK_RV (*CK_FUNCTION_LIST::*Member)(A...)>
struct Forward<F, Member> {
  static CK_RV call(A... arguments) {
    return Passage<F, A...>(arguments...).run(state().real->*Member);
  }
};

CK_RV give_list(CK_FUNCTION_LIST** list) {
  if (list == nullptr) return CKR_ARGUMENTS_BAD;
  *list = our_list();
  return CKR_OK;
}

CK_FUNCTION_LIST* our_list() {
  static CK_FUNCTION_LIST list = [] {
    CK_FUNCTION_LIST out{};
    out.version = state().real->version;
#define POOLKEY_FORWARD(name) out.name = Forward<k##name, &CK_FUNCTION_LIST::name>::call;
    POOLKEY_CRYPTOKI_FUNCTIONS(POOLKEY_FORWARD)
#undef POOLKEY_FORWARD
    out.C_GetFunctionList = give_list;
    return out;
  }();
  return &list;
}

}  // namespace
}  // namespace poolkey::test::faulty

#define POOLKEY_EXPORT extern "C" __attribute__((visibility("default")))

POOLKEY_EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
  try {
    return poolkey::test::faulty::give_list(list);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "faulty module: %s\n", error.what());
    return CKR_GENERAL_ERROR;
  }
}

/// Another script; calls are counted from here.
POOLKEY_EXPORT void faulty_module_script(const char* script) {
  using namespace poolkey::test::faulty;
  static std::mutex one_at_a_time;
  const std::scoped_lock guard(one_at_a_time);
  state().script = &state().scripts.emplace_back(parse(script));
  state().counters.reset();
}

/// From now on about every so manieth call goes wrong in one of the ways that `kinds` lists (as a
/// script, whose functions and numbers mean nothing); 0: none. Length faults are not done so.
POOLKEY_EXPORT void faulty_module_chance(unsigned long every, unsigned long seed,
                                         const char* kinds) {
  using namespace poolkey::test::faulty;
  Chance& chance = state().chance;
  if (every != 0 && chance.kinds.empty()) chance.kinds = parse(kinds);
  chance.seed = seed;
  chance.every = every;
}

/// The token with this label fails from now on, whatever is asked of it; empty: none does.
POOLKEY_EXPORT void faulty_module_lose(const char* label) {
  using namespace poolkey::test::faulty;
  CK_FUNCTION_LIST& real = *state().real;
  std::string padded(label);
  padded.resize(sizeof CK_TOKEN_INFO::label, ' ');
  std::array<CK_SLOT_ID, 64> slots{};
  CK_ULONG count = slots.size();
  CK_SLOT_ID lost = CK_UNAVAILABLE_INFORMATION;
  if (*label != '\0' && real.C_GetSlotList(CK_TRUE, slots.data(), &count) == CKR_OK)
    for (CK_ULONG i = 0; i < count; ++i)
      if (CK_TOKEN_INFO info{}; real.C_GetTokenInfo(slots[i], &info) == CKR_OK &&
                                std::memcmp(info.label, padded.data(), padded.size()) == 0)
        lost = slots[i];
  state().lost = lost;
}

/// The calls of a function since then.
POOLKEY_EXPORT unsigned long faulty_module_count(const char* function) {
  for (std::size_t i = 0; i < poolkey::hsm::kFunctionCount; ++i)
    if (poolkey::test::faulty::name_of(i) == function)
      return poolkey::test::faulty::state().counters.of(i);
  return 0;
}
