#include "hsm/inventory.h"

#include <libp11.h>

#include "crypto/certificate.h"
#include "crypto/openssl.h"
#include "hsm/token.h"

namespace poolkey::hsm {

// libp11 calls the module itself, so what it does stands under the deadline as a whole.
struct Inventory::Context {
  explicit Context(const Module& module) : handle(PKCS11_CTX_new()) {
    const CallInProgress listing(module.fn(), "libp11's PKCS11_enumerate_slots");
    if (handle == nullptr || PKCS11_CTX_load(handle, module.path().c_str()) != 0)
      crypto::throw_openssl(Errc::kUnavailable,
                            "libp11 cannot use the module '" + module.path().string() + "'");
    if (PKCS11_enumerate_slots(handle, &slots, &count) != 0)
      crypto::throw_openssl(Errc::kUnavailable,
                            "libp11 cannot list the slots of '" + module.path().string() + "'");
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  /// Closes every session of the process on these slots and finalises the module.
  ~Context() {
    if (slots != nullptr) PKCS11_release_all_slots(handle, slots, count);
    PKCS11_CTX_unload(handle);
    PKCS11_CTX_free(handle);
  }

  PKCS11_CTX* handle;
  PKCS11_SLOT* slots = nullptr;
  unsigned int count = 0;
};

namespace {

std::string text(const char* s) { return s == nullptr ? "" : s; }

void add_certificates(PKCS11_TOKEN* token, InventoryToken& out) {
  PKCS11_CERT* certificates = nullptr;
  unsigned int count = 0;
  if (PKCS11_enumerate_certs(token, &certificates, &count) != 0)
    crypto::throw_openssl(Errc::kUnavailable,
                          "libp11 cannot list certificates of '" + out.label + "'");
  for (unsigned int i = 0; i < count; ++i) {
    const auto certificate =
        crypto::Certificate::from_der(crypto::to_der<i2d_X509>(certificates[i].x509));
    out.certificates.push_back(text(certificates[i].label) + ": " + certificate.subject());
  }
}

void add_public_keys(PKCS11_TOKEN* token, InventoryToken& out) {
  PKCS11_KEY* keys = nullptr;
  unsigned int count = 0;
  if (PKCS11_enumerate_public_keys(token, &keys, &count) != 0)
    crypto::throw_openssl(Errc::kUnavailable,
                          "libp11 cannot list public keys of '" + out.label + "'");
  for (unsigned int i = 0; i < count; ++i) {
    const crypto::EvpPkey key(PKCS11_get_public_key(&keys[i]));
    if (!key) continue;
    const auto public_key = crypto::PublicKey::from_evp(key.get());
    out.public_keys.push_back(text(keys[i].label) + ": " + public_key.algorithm() + " " +
                              hex(public_key.spki_sha256()));
  }
}

}  // namespace

Inventory::Inventory(Module& module)
    : module_(module), context_(std::make_shared<Context>(module)) {
  module.at_end([context = context_]() mutable { context.reset(); });
}

std::vector<InventoryToken> Inventory::tokens() {
  std::vector<InventoryToken> out;
  for (unsigned int i = 0; i < context_->count; ++i) {
    PKCS11_TOKEN* token = context_->slots[i].token;
    if (token == nullptr || token->initialized == 0) continue;
    InventoryToken one{text(token->label),
                       text(token->serialnr),
                       text(token->manufacturer),
                       text(token->model),
                       {},
                       {}};
    // libp11 0.4.12 waits for ever where C_OpenSession fails, so it is tried here first.
    {
      const Session probe(module_.shared_from_this(),
                          PKCS11_get_slotid_from_slot(&context_->slots[i]));
    }
    const CallInProgress listing(module_.fn(), "libp11's PKCS11_enumerate_certs or _keys");
    add_certificates(token, one);
    add_public_keys(token, one);
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace poolkey::hsm
