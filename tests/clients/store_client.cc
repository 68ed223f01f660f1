// A program as anybody would write it: a key through OSSL_STORE, signatures, threads, fork. It
// knows nothing of poolkey; OPENSSL_CONF does. store_client WHAT KEY CERTIFICATE ends with 0 if all
// signatures verify with the certificate's key.
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

template <auto F>
struct Free {
  template <class T>
  void operator()(T* p) const {
    F(p);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;
using Context = std::unique_ptr<OSSL_LIB_CTX, Free<OSSL_LIB_CTX_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Bytes = std::vector<unsigned char>;

void must(bool right, const char* what) {
  if (right) return;
  ERR_print_errors_fp(stderr);
  throw std::runtime_error(what);
}

Key load(const std::string& uri, OSSL_LIB_CTX* context = nullptr) {
  std::unique_ptr<OSSL_STORE_CTX, Free<OSSL_STORE_close>> store(OSSL_STORE_open_ex(
      uri.c_str(), context, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr));
  must(store != nullptr, "open");
  must(OSSL_STORE_expect(store.get(), OSSL_STORE_INFO_PKEY) == 1, "expect");
  Key key;
  while (OSSL_STORE_eof(store.get()) == 0) {
    std::unique_ptr<OSSL_STORE_INFO, Free<OSSL_STORE_INFO_free>> info(OSSL_STORE_load(store.get()));
    if (!info) continue;
    must(!key, "more than one key");
    key.reset(OSSL_STORE_INFO_get1_PKEY(info.get()));
  }
  must(key != nullptr, "no key");
  return key;
}

Certificate read_certificate(const char* file) {
  const std::unique_ptr<BIO, Free<BIO_free>> bio(BIO_new_file(file, "r"));
  must(bio != nullptr, "certificate file");
  Certificate out(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  must(out != nullptr, "certificate");
  return out;
}

class Verifier {
 public:
  explicit Verifier(const char* file) : key_(X509_get_pubkey(read_certificate(file).get())) {}
  /// Ed25519 takes no digest, and a message in one piece only.
  bool in_one_piece() const { return EVP_PKEY_is_a(key_.get(), "ED25519") == 1; }
  const char* digest() const { return in_one_piece() ? nullptr : "SHA256"; }
  void check(const std::string& message, const Bytes& signature) const {
    const Digest context(EVP_MD_CTX_new());
    must(EVP_DigestVerifyInit_ex(context.get(), nullptr, digest(), nullptr, nullptr, key_.get(),
                                 nullptr) == 1,
         "verify init");
    must(EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                          reinterpret_cast<const unsigned char*>(message.data()),
                          message.size()) == 1,
         "the signature does not verify");
  }

 private:
  Key key_;
};

Digest begin(EVP_PKEY* key, const Verifier& verifier, OSSL_LIB_CTX* library = nullptr) {
  Digest context(EVP_MD_CTX_new());
  must(EVP_DigestSignInit_ex(context.get(), nullptr, verifier.digest(), library, nullptr, key,
                             nullptr) == 1,
       "sign init");
  return context;
}

void sign(EVP_PKEY* key, const Verifier& verifier, OSSL_LIB_CTX* library = nullptr) {
  static int count = 0;
  const std::string message = "message " + std::to_string(__atomic_add_fetch(&count, 1, 0));
  const auto* octets = reinterpret_cast<const unsigned char*>(message.data());
  const Digest context = begin(key, verifier, library);
  std::size_t size = 0;
  must(EVP_DigestSign(context.get(), nullptr, &size, octets, message.size()) == 1, "size");
  Bytes signature(size);
  must(EVP_DigestSign(context.get(), signature.data(), &size, octets, message.size()) == 1, "sign");
  signature.resize(size);
  verifier.check(message, signature);
}

struct Given {
  std::string key;
  Verifier verifier;
  const char* certificate;
};

void threads(const Given& given) {
  const Key key = load(given.key);
  std::vector<std::thread> all;
  for (int i = 0; i < 8; ++i)
    all.emplace_back([&] {
      for (int n = 0; n < 50; ++n) sign(key.get(), given.verifier);
    });
  for (std::thread& thread : all) thread.join();
}

/// Signs in parent and child at once, also with a key that each loads by itself.
void fork_with(const Given& given, const Key& key) {
  const auto work = [&] {
    for (int n = 0; n < 5; ++n) sign(key.get(), given.verifier);
    sign(load(given.key).get(), given.verifier);
  };
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      work();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "child: %s\n", error.what());
      std::exit(1);
    }
    std::exit(0);  // with every atexit handler, as most programs end
  }
  work();
  int status = -1;
  must(::waitpid(child, &status, 0) == child && status == 0, "the child failed");
}

void fork_before_use(const Given& given) { fork_with(given, load(given.key)); }

void fork_after_use(const Given& given) {
  const Key key = load(given.key);
  sign(key.get(), given.verifier);
  fork_with(given, key);
}

/// A library context of the program's own, with the provider loaded into it.
void own_context(const Given& given) {
  const Context context(OSSL_LIB_CTX_new());
  must(OSSL_LIB_CTX_load_config(context.get(), std::getenv("OPENSSL_CONF")) == 1, "load config");
  must(OSSL_PROVIDER_available(context.get(), "poolkey") == 1, "not loaded");
  sign(load(given.key, context.get()).get(), given.verifier, context.get());
}

void load_and_unload(const Given& given) {
  for (int n = 0; n < 20; ++n) own_context(given);
}

/// A context copied when half of the message is in; both go on differently.
void copy(const Given& given) {
  if (given.verifier.in_one_piece()) return;
  const Key key = load(given.key);
  const Digest one = begin(key.get(), given.verifier);
  must(EVP_DigestSignUpdate(one.get(), "half", 4) == 1, "update");
  const Digest two(EVP_MD_CTX_new());
  must(EVP_MD_CTX_copy_ex(two.get(), one.get()) == 1, "copy");
  for (const auto& [context, rest] : {std::pair(two.get(), "B"), std::pair(one.get(), "A")}) {
    must(EVP_DigestSignUpdate(context, rest, 1) == 1, "update");
    Bytes signature(1024);
    std::size_t size = signature.size();
    must(EVP_DigestSignFinal(context, signature.data(), &size) == 1, "final");
    signature.resize(size);
    given.verifier.check(std::string("half") + rest, signature);
  }
}

/// Static objects go after OpenSSL has ended, whose own end was noted down later: Squid's do.
struct Late {
  Certificate certificate;
  Key key;
} late;

void held_to_the_end(const Given& given) {
  late = {read_certificate(given.certificate), load(given.key)};
  sign(late.key.get(), given.verifier);
  // From now on the certificate's key, too, knows of the provider.
  must(X509_check_private_key(late.certificate.get(), late.key.get()) == 1, "they belong together");
}

const std::map<std::string, std::function<void(const Given&)>> kWays{
    {"threads", threads},
    {"fork-before-use", fork_before_use},
    {"copy", copy},
    {"held-to-the-end", held_to_the_end},
    {"fork-after-use", fork_after_use},
    {"own-context", own_context},
    {"load-and-unload", load_and_unload},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  try {
    kWays.at(argv[1])({argv[2], Verifier(argv[3]), argv[3]});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argv[1], error.what());
    return 1;
  }
  return 0;
}
