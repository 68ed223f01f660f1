#include "support/faulty_token.h"

#include <dlfcn.h>

#include "base/error.h"

namespace poolkey::test {
namespace {

/// A function of the module, which is loaded already.
template <class F>
F* function(const char* name) {
  void* library = ::dlopen(kFaultyModule, RTLD_NOW | RTLD_NOLOAD);
  if (library == nullptr) throw Error(Errc::kInternal, "the faulty module is not loaded");
  auto* out = reinterpret_cast<F*>(::dlsym(library, name));
  ::dlclose(library);
  return out;
}

}  // namespace

void set_faults(const std::string& script) {
  function<void(const char*)>("faulty_module_script")(script.c_str());
}

void set_chance(unsigned long every, unsigned long seed, const std::string& kinds) {
  function<void(unsigned long, unsigned long, const char*)>("faulty_module_chance")(every, seed,
                                                                                    kinds.c_str());
}

void lose_token(const std::string& label) {
  function<void(const char*)>("faulty_module_lose")(label.c_str());
}

unsigned long calls_of(const std::string& name) {
  return function<unsigned long(const char*)>("faulty_module_count")(name.c_str());
}

}  // namespace poolkey::test
