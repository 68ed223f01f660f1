// PEM files that hold a reference in place of a key, for programs that can only read a key file.
// OpenSSL runs decoders in two stages: from PEM to DER, and from DER to a key of one type. The
// reference is resolved once, by the first type stage that is asked, below the PEM stage on the
// same thread; where nobody wants a key (certificates are read from the same file) it is not.
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>

#include <array>

#include "provider/dispatch.h"
#include "provider/guard.h"
#include "provider/hand_over.h"
#include "provider/pem_reader.h"
#include "provider/resolve.h"

namespace poolkey::provider {
namespace {

#define POOLKEY_REFERENCE_STRUCTURE "poolkey-reference"

/// What the PEM stage found, for the type stages that it calls. Octets that say so stand for it:
/// what happens in between is OpenSSL's, and may have to do with other files.
struct Pending {
  const Provider* provider;
  crypto::KeyReference reference;
  std::shared_ptr<const Key> key{};
  std::optional<Error> error{};
};
constinit thread_local Pending* pending = nullptr;

/// Makes a reference the pending one for as long as it lives.
class Scope {
 public:
  explicit Scope(Pending& now) : before_(std::exchange(pending, &now)) {}
  ~Scope() { pending = before_; }

 private:
  Pending* before_;
};

/// Called for every file that anybody decodes in the process: allocates nothing.
void* make(void* provctx) { return provctx; }
void destroy(void* /*ctx*/) {}

const Provider& provider_of(void* ctx) { return *static_cast<const Provider*>(ctx); }

crypto::BioPtr open(const Provider& provider, OSSL_CORE_BIO* in) {
  crypto::BioPtr out(BIO_new_from_core_bio(provider.child.get(), in));
  if (!out) throw Error(Errc::kInternal, "OpenSSL gave no way to read the file");
  return out;
}

/// A reference is a key: who looks for parameters alone (for Diffie-Hellman, say) goes by.
bool wants_key(int selection) {
  return selection == 0 || (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0;
}

/// What is not ours is no error, or OpenSSL would ask no other decoder.
int decode_pem(void* ctx, OSSL_CORE_BIO* in, int selection, OSSL_CALLBACK* callback, void* argument,
               OSSL_PASSPHRASE_CALLBACK* /*passphrase*/, void* /*passphrase_argument*/) {
  const Provider& provider = provider_of(ctx);
  if (!wants_key(selection)) return 1;
  return guard(provider.core, 0, [&] {
    auto reference = read_reference(open(provider, in).get());
    if (!reference) return 1;
    Pending now{&provider, std::move(*reference)};
    const Scope scope(now);
    std::array<char, sizeof POOLKEY_REFERENCE_STRUCTURE> structure{POOLKEY_REFERENCE_STRUCTURE};
    int type = OSSL_OBJECT_PKEY;
    const std::array params{
        OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type),
        OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_DATA, structure.data(),
                                          structure.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_STRUCTURE, structure.data(), 0),
        OSSL_PARAM_construct_end()};
    const int result = callback(params.data(), argument);
    // A store drops the errors of what it tried, so the sentence is put into the queue here.
    if (result != 1 && now.error) throw Error(*now.error);
    return result;
  });
}

bool is_pending(const Provider& provider, OSSL_CORE_BIO* in) {
  if (pending == nullptr || pending->provider != &provider) return false;
  constexpr std::string_view kSign(POOLKEY_REFERENCE_STRUCTURE, sizeof POOLKEY_REFERENCE_STRUCTURE);
  std::array<char, kSign.size() + 1> buffer;
  const int size = BIO_read(open(provider, in).get(), buffer.data(), buffer.size());
  return size > 0 && std::string_view(buffer.data(), static_cast<std::size_t>(size)) == kSign;
}

template <const char* kType>
int decode_key(void* ctx, OSSL_CORE_BIO* in, int selection, OSSL_CALLBACK* callback, void* argument,
               OSSL_PASSPHRASE_CALLBACK* passphrase, void* passphrase_argument) {
  const Provider& provider = provider_of(ctx);
  return guard(provider.core, 0, [&] {
    if (!is_pending(provider, in)) return 1;
    Pending& now = *pending;
    if (now.error) return 0;
    try {
      if (!now.key)
        now.key = resolve(provider, now.reference, prompt_by(passphrase, passphrase_argument, ""));
    } catch (const Error& error) {
      now.error = error;
      return 0;
    }
    if (now.key->part.type_name() != std::string_view(kType)) return 1;
    const bool only_public = selection != 0 && (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0;
    return hand_over_key(&provider,
                         only_public ? std::make_shared<Key>(Key{now.key->part, nullptr}) : now.key,
                         callback, argument);
  });
}

template <OSSL_FUNC_decoder_decode_fn* kDecode>
const OSSL_DISPATCH* table() noexcept {
  static const OSSL_DISPATCH entries[] = {
      entry<OSSL_FUNC_decoder_newctx_fn>(OSSL_FUNC_DECODER_NEWCTX, make),
      entry<OSSL_FUNC_decoder_freectx_fn>(OSSL_FUNC_DECODER_FREECTX, destroy),
      entry<OSSL_FUNC_decoder_decode_fn>(OSSL_FUNC_DECODER_DECODE, kDecode), kEndOfTable};
  return entries;
}

constexpr char kRsa[] = "RSA", kEc[] = "EC", kEd25519[] = "ED25519";

}  // namespace

const OSSL_ALGORITHM* decoder_algorithms() noexcept {
  static const char* from_reference =
      "provider=poolkey,input=der,structure=" POOLKEY_REFERENCE_STRUCTURE;
  static const OSSL_ALGORITHM algorithms[] = {
      {"DER", "provider=poolkey,input=pem", table<decode_pem>(), "key references in PEM files"},
      {"RSA", from_reference, table<decode_key<kRsa>>(), "RSA keys by reference"},
      {"EC", from_reference, table<decode_key<kEc>>(), "EC keys by reference"},
      {"ED25519", from_reference, table<decode_key<kEd25519>>(), "Ed25519 keys by reference"},
      {nullptr, nullptr, nullptr, nullptr}};
  return algorithms;
}

}  // namespace poolkey::provider
