// Rows of signing: OpenSSL through our provider beside C_SignInit and C_Sign on the token object.
#include <openssl/conf.h>
#include <openssl/store.h>
#include <unistd.h>

#include <array>

#include "base/file.h"
#include "bench/raw.h"
#include "bench/rows.h"
#include "bench/writer.h"
#include "crypto/openssl.h"
#include "hsm/uri.h"
#include "provider/builtin.h"
#include "support/sides.h"

namespace poolkey::bench {
namespace {

constexpr int kObjects = 1000;  // of the token that the writer works in

/// poolkey.so as a foreign program has it: a library context of its own, by an openssl.cnf.
class Plugin {
 public:
  explicit Plugin(const test::SoftToken& soft) : context_(OSSL_LIB_CTX_new()) {
    const std::string folder = soft.folder().string();
    write_file(folder + "/pin", soft.user_pin() + "\n", 0600);
    write_file(folder + "/openssl.cnf",
               "openssl_conf = init\n[init]\nproviders = providers\n[providers]\n"
               "default = default_section\npoolkey = poolkey_section\n"
               "[default_section]\nactivate = 1\n[poolkey_section]\nidentity = poolkey\n"
               "module = " POOLKEY_BINARY_DIR "/ossl-modules/poolkey.so\npoolkey-module = " +
                   std::string(test::kSoftHsm) + "\npoolkey-pin-source = file:" + folder +
                   "/pin\nactivate = 1\n");
    if (!context_ || OSSL_LIB_CTX_load_config(context(), (folder + "/openssl.cnf").c_str()) != 1)
      crypto::throw_openssl(Errc::kInternal, "poolkey.so was not loaded");
  }

  OSSL_LIB_CTX* context() const { return context_.get(); }

  crypto::EvpPkey load(const std::string& uri) const {
    using Store = std::unique_ptr<OSSL_STORE_CTX, crypto::Free<OSSL_STORE_close>>;
    using Info = std::unique_ptr<OSSL_STORE_INFO, crypto::Free<OSSL_STORE_INFO_free>>;
    const Store store(OSSL_STORE_open_ex(uri.c_str(), context(), "provider=poolkey", nullptr,
                                         nullptr, nullptr, nullptr, nullptr));
    const Info info(store ? OSSL_STORE_load(store.get()) : nullptr);
    crypto::EvpPkey key(info ? OSSL_STORE_INFO_get1_PKEY(info.get()) : nullptr);
    if (!key) crypto::throw_openssl(Errc::kInternal, "poolkey.so did not load the key");
    return key;
  }

 private:
  std::unique_ptr<OSSL_LIB_CTX, crypto::Free<OSSL_LIB_CTX_free>> context_;
};

/// A token with an RSA-2048 and a P-256 key as policies/av-auth.toml makes them, and `objects`
/// more.
class Signers : public Fixture {
 public:
  explicit Signers(int objects)
      : objects_(objects),
        rsa(sides.generate(test::av_auth("RSA-2048"), "rsa@1")),
        ec(sides.generate(test::av_auth("EC-P-256"), "ec@1")),
        builtin(sides.origin) {
    fill(*sides.origin, objects_);
  }
  bool is_for(int objects) const { return objects == objects_; }

  const test::PooledKey& key(const std::string& algorithm) const {
    return algorithm == "P-256" ? ec : rsa;
  }
  std::string uri(const test::PooledKey& key) const {
    return hsm::private_key_uri(sides.origin->name(), key.id);
  }
  const Plugin& plugin() {
    if (!plugin_) plugin_.emplace(sides.soft);
    return *plugin_;
  }

 private:
  int objects_;

 public:
  test::Sides sides;
  test::PooledKey rsa, ec;
  provider::Builtin builtin;

 private:
  std::optional<Plugin> plugin_;
};

/// EVP_PKEY_sign of a digest with a context that is kept: what C_Sign does, no more.
class DigestSigner {
 public:
  DigestSigner(EVP_PKEY* key, OSSL_LIB_CTX* library)
      : context_(EVP_PKEY_CTX_new_from_pkey(library, key, nullptr)) {
    if (!context_ || EVP_PKEY_sign_init(context_.get()) != 1 ||
        EVP_PKEY_CTX_set_signature_md(context_.get(), EVP_sha256()) != 1)
      crypto::throw_openssl(Errc::kInternal, "the key does not sign");
  }
  void sign() {
    std::size_t size = out_.size();
    if (EVP_PKEY_sign(context_.get(), out_.data(), &size, digest_.data(), digest_.size()) != 1)
      crypto::throw_openssl(Errc::kInternal, "EVP_PKEY_sign failed");
  }

 private:
  crypto::EvpPkeyCtx context_;
  std::array<unsigned char, 1024> out_{};
  std::array<unsigned char, 32> digest_{};
};

/// EVP_DigestSign of a short message with a fresh context, as TLS and certificate code do it.
class MessageSigner {
 public:
  MessageSigner(EVP_PKEY* key, OSSL_LIB_CTX* library) : key_(key), library_(library) {}
  void sign() {
    const crypto::EvpMdCtx context(EVP_MD_CTX_new());
    std::size_t size = out_.size();
    if (!context ||
        EVP_DigestSignInit_ex(context.get(), nullptr, "SHA256", library_, nullptr, key_, nullptr) !=
            1 ||
        EVP_DigestSign(context.get(), out_.data(), &size, message_.data(), message_.size()) != 1)
      crypto::throw_openssl(Errc::kInternal, "EVP_DigestSign failed");
  }

 private:
  EVP_PKEY* key_;
  OSSL_LIB_CTX* library_;
  std::array<unsigned char, 1024> out_{};
  std::array<unsigned char, 64> message_{};
};

int signatures(const std::string& algorithm) { return operations(algorithm == "P-256" ? 600 : 60); }

double aim_of(const std::string& algorithm) { return algorithm == "P-256" ? 1.35 : 1.0; }

template <class Signer>
void run_beside_raw(Pairs& pairs, Signers& side, const test::PooledKey& key, EVP_PKEY* loaded,
                    OSSL_LIB_CTX* library, int threads, int each) {
  std::vector<std::unique_ptr<Signer>> signers;
  std::vector<std::unique_ptr<RawSigner>> raw;
  for (int t = 0; t < threads; ++t) {
    signers.push_back(std::make_unique<Signer>(loaded, library));
    raw.push_back(std::make_unique<RawSigner>(side.sides.origin, key.public_key, key.id));
  }
  const auto at = [](int t) { return static_cast<std::size_t>(t); };
  pairs.run([&] { return timed(threads, each, [&](int t) { signers[at(t)]->sign(); }); },
            [&] { return timed(threads, each, [&](int t) { raw[at(t)]->sign(); }); });
}

template <class Signer>
void add_built_in(const std::string& how, const std::string& algorithm, int threads) {
  add_row({"sign, " + how + ", " + algorithm + ", " + std::to_string(threads) +
               (threads == 1 ? " thread" : " threads"),
           "C_Sign, token object", Unit::kPerSecond, at_least(aim_of(algorithm))},
          [=](Pairs& pairs) {
            make_folders_in(Place::kMemory);
            auto& side = fixture<Signers>(0);
            const test::PooledKey& key = side.key(algorithm);
            const crypto::EvpPkey loaded = side.builtin.load_private_key(side.uri(key));
            run_beside_raw<Signer>(pairs, side, key, loaded.get(), side.builtin.context(), threads,
                                   signatures(algorithm));
          });
}

void add_plugin(const std::string& algorithm) {
  add_row({"sign, poolkey.so, EVP_PKEY_sign, " + algorithm, "C_Sign, token object",
           Unit::kPerSecond, at_least(aim_of(algorithm))},
          [=](Pairs& pairs) {
            make_folders_in(Place::kMemory);
            auto& side = fixture<Signers>(0);
            const test::PooledKey& key = side.key(algorithm);
            const crypto::EvpPkey loaded = side.plugin().load(side.uri(key));
            run_beside_raw<DigestSigner>(pairs, side, key, loaded.get(), side.plugin().context(), 1,
                                         signatures(algorithm));
          });
}

/// The second column is ours while the other process makes the same keys in a token of its own (as
/// session objects, so that nothing is written): it takes the same share of the processors. Ours
/// alone, and raw calls beside the writer, are remarks.
void add_beside_writer(const std::string& algorithm) {
  add_row({"sign beside a writer, " + algorithm + ", 1,000 objects",
           "ours beside a process as busy that writes nothing", Unit::kPerSecond, at_least(0.75)},
          [=](Pairs& pairs) {
            make_folders_in(Place::kDisk);
            auto& side = fixture<Signers>(smoke() ? 10 : kObjects);
            const test::PooledKey& key = side.key(algorithm);
            const crypto::EvpPkey loaded = side.builtin.load_private_key(side.uri(key));
            DigestSigner ours(loaded.get(), side.builtin.context());
            RawSigner raw(side.sides.origin, key.public_key, key.id);
            Writer writer(side.sides.soft);
            const int each = 2 * signatures(algorithm);
            pairs.run(
                [&] {
                  const Writer::Turn turn(writer, Writer::Doing::kWriting);
                  const double own = timed(1, each, [&](int) { ours.sign(); });
                  pairs.remark("raw C_Sign beside the writer, per s",
                               1 / timed(1, operations(20), [&](int) { raw.sign(); }));
                  return own;
                },
                [&] {
                  pairs.remark("ours alone, per s", 1 / timed(1, each, [&](int) { ours.sign(); }));
                  const Writer::Turn turn(writer, Writer::Doing::kComputing);
                  return timed(1, each, [&](int) { ours.sign(); });
                });
          });
}

}  // namespace

void add_signing_rows() {
  for (const char* algorithm : {"RSA-2048", "P-256"})
    for (const int threads : {1, 2})
      add_built_in<DigestSigner>("EVP_PKEY_sign", algorithm, threads);
  for (const char* algorithm : {"RSA-2048", "P-256"})
    for (const int threads : {1, 2})
      add_built_in<MessageSigner>("EVP_DigestSign", algorithm, threads);
  for (const char* algorithm : {"RSA-2048", "P-256"}) add_plugin(algorithm);
  for (const char* algorithm : {"RSA-2048", "P-256"}) add_beside_writer(algorithm);
}

}  // namespace poolkey::bench
