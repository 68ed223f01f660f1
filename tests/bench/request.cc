// Rows of certificate requests made in one process beside C_SignInit and C_Sign.
#include <atomic>

#include "bench/raw.h"
#include "bench/rows.h"
#include "crypto/csr.h"
#include "crypto/openssl.h"
#include "hsm/uri.h"
#include "provider/builtin.h"
#include "support/sides.h"

namespace poolkey::bench {
namespace {

class Requesters : public Fixture {
 public:
  bool is_for() const { return true; }
  test::Sides sides;
  test::PooledKey rsa = sides.generate(test::av_auth("RSA-2048"), "rsa@1");
  test::PooledKey ec = sides.generate(test::av_auth("EC-P-256"), "ec@1");
  provider::Builtin builtin{sides.origin};
};

/// An Edge pool's external interface: what `request create` asks for.
crypto::CsrSpec specification(int number) {
  crypto::CsrSpec spec;
  spec.subject.common_name = "sip" + std::to_string(number) + ".contoso.com";
  spec.subject.organization = "Contoso";
  spec.dns_sans = {spec.subject.common_name, "access.contoso.com", "webconf.contoso.com",
                   "sip.fabrikam.com"};
  spec.key_usage = {crypto::KeyUsage::kDigitalSignature};
  spec.extended_key_usage = {"1.3.6.1.5.5.7.3.1"};
  return spec;
}

std::string check_text(const std::string& algorithm, bool checked) {
  if (algorithm == "P-256") return checked ? ", each checked" : "";
  return checked ? "" : ", not checked";
}

/// `checked`: whether each signature is verified, as it is by itself for RSA and not for EC. The
/// name says where a row is otherwise.
void add(const std::string& algorithm, bool checked, int threads, Aim aim) {
  add_row(
      {"request in process, " + algorithm + check_text(algorithm, checked) + ", " +
           threads_text(threads),
       "C_Sign, token object", Unit::kPerSecond, aim},
      [=](Pairs& pairs) {
        make_folders_in(Place::kMemory);
        auto& side = fixture<Requesters>();
        const test::PooledKey& key = algorithm == "P-256" ? side.ec : side.rsa;
        const crypto::EvpPkey loaded =
            side.builtin.load_private_key(hsm::private_key_uri(side.sides.origin->name(), key.id));
        const crypto::CsrSigner signer(loaded.get(), side.builtin.context());
        const auto check = checked ? crypto::SelfCheck::kAlways : crypto::SelfCheck::kNever;
        std::vector<std::unique_ptr<RawSigner>> raw;
        for (int t = 0; t < threads; ++t)
          raw.push_back(std::make_unique<RawSigner>(side.sides.origin, key.public_key, key.id));
        const int each = operations(algorithm == "P-256" ? 400 : 60);
        std::atomic<int> number = 0;
        pairs.run(
            [&] {
              return timed(threads, each, [&](int) {
                const Bytes made = signer.sign(specification(++number), check);
                benchmark::DoNotOptimize(made.data());
              });
            },
            [&] {
              return timed(threads, each, [&](int t) { raw[static_cast<std::size_t>(t)]->sign(); });
            });
      });
}

}  // namespace

void add_request_rows() {
  for (const int threads : {1, 2}) add("RSA-2048", true, threads, at_least(0.93));
  for (const int threads : {1, 2}) add("P-256", false, threads, at_least(0.68));
  add("RSA-2048", false, 2, at_least(0.95));
  add("P-256", true, 2, {});
}

}  // namespace poolkey::bench
