#define OPENSSL_SUPPRESS_DEPRECATED  // engines are

#include "bench/libp11_engine.h"

#include <openssl/engine.h>

namespace poolkey::bench {

struct Libp11Engine::Held {
  ENGINE* engine;
};

Libp11Engine::Libp11Engine(const std::string& module, const std::string& pin)
    : held_(new Held{ENGINE_by_id("pkcs11")}) {
  ENGINE* engine = held_->engine;
  if (engine == nullptr)
    crypto::throw_openssl(Errc::kNotFound,
                          "there is no pkcs11 engine; install libengine-pkcs11-openssl");
  if (ENGINE_ctrl_cmd_string(engine, "MODULE_PATH", module.c_str(), 0) != 1 ||
      ENGINE_ctrl_cmd_string(engine, "PIN", pin.c_str(), 0) != 1 || ENGINE_init(engine) != 1)
    crypto::throw_openssl(Errc::kUnavailable, "the pkcs11 engine does not start");
}

Libp11Engine::~Libp11Engine() = default;  // it ends with its program

crypto::EvpPkey Libp11Engine::load(const std::string& uri) const {
  crypto::EvpPkey key(ENGINE_load_private_key(held_->engine, uri.c_str(), nullptr, nullptr));
  if (!key) crypto::throw_openssl(Errc::kNotFound, "the pkcs11 engine did not load '" + uri + "'");
  return key;
}

}  // namespace poolkey::bench
