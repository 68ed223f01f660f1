// Rows of signing in our own programs: OpenSSL through the provider built in, beside C_SignInit and
// C_Sign on the token object.
#include "bench/evp_signers.h"
#include "bench/raw.h"
#include "bench/rows.h"
#include "bench/writer.h"
#include "hsm/uri.h"
#include "provider/builtin.h"
#include "support/sides.h"

namespace poolkey::bench {
namespace {

constexpr int kObjects = 1000;  // of the token that the writer works in

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

 private:
  int objects_;

 public:
  test::Sides sides;
  test::PooledKey rsa, ec;
  provider::Builtin builtin;
};

template <class Signer>
void add_built_in(const std::string& how, const std::string& algorithm, int threads) {
  add_row({"sign, " + how + ", " + algorithm + ", " + threads_text(threads), "C_Sign, token object",
           Unit::kPerSecond, signing_aim(algorithm)},
          [=](Pairs& pairs) {
            make_folders_in(Place::kMemory);
            auto& side = fixture<Signers>(0);
            const test::PooledKey& key = side.key(algorithm);
            const crypto::EvpPkey loaded = side.builtin.load_private_key(side.uri(key));
            std::vector<std::unique_ptr<Signer>> ours;
            std::vector<std::unique_ptr<RawSigner>> raw;
            for (int t = 0; t < threads; ++t) {
              ours.push_back(std::make_unique<Signer>(loaded.get(), side.builtin.context()));
              raw.push_back(std::make_unique<RawSigner>(side.sides.origin, key.public_key, key.id));
            }
            const auto run = [&](auto& signers) {
              return timed(threads, signatures(algorithm),
                           [&](int t) { signers[static_cast<std::size_t>(t)]->sign(); });
            };
            pairs.run([&] { return run(ours); }, [&] { return run(raw); });
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
  for (const char* algorithm : {"RSA-2048", "P-256"}) add_beside_writer(algorithm);
}

}  // namespace poolkey::bench
