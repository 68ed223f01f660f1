#include "bench/homes.h"

#include <openssl/bn.h>

#include "base/file.h"
#include "crypto/openssl.h"
#include "hsm/key_pair.h"
#include "hsm/object.h"
#include "hsm/wrap.h"
#include "keys/generate.h"
#include "home/oids.h"
#include "pool/deliver.h"
#include "pool/repository.h"
#include "pool/suite.h"

namespace poolkey::bench {
namespace {

constexpr int kPrimeBits = 1536;

std::vector<crypto::PublicKey> transport_keys(int count) {
  std::vector<crypto::BnPtr> primes;
  std::vector<crypto::PublicKey> out;
  const crypto::BnPtr product(BN_new());
  const std::unique_ptr<BN_CTX, crypto::Free<BN_CTX_free>> scratch(BN_CTX_new());
  const Bytes exponent{0x01, 0x00, 0x01};
  while (static_cast<int>(out.size()) < count) {
    crypto::BnPtr next(BN_new());
    if (BN_generate_prime_ex(next.get(), kPrimeBits, 0, nullptr, nullptr, nullptr) != 1)
      crypto::throw_openssl(Errc::kInternal, "no prime");
    for (const crypto::BnPtr& other : primes) {
      if (static_cast<int>(out.size()) == count) break;
      BN_mul(product.get(), next.get(), other.get(), scratch.get());
      Bytes modulus(static_cast<std::size_t>(BN_num_bytes(product.get())));
      BN_bn2bin(product.get(), modulus.data());
      out.push_back(crypto::PublicKey::from_rsa(modulus, exponent));
    }
    primes.push_back(std::move(next));
  }
  return out;
}

/// The shipped av-auth, for more members than a real pool may have.
policy::Policy large_pool_policy() {
  return policy::parse_policy(test::replaced(read_file(POOLKEY_SOURCE_DIR "/policies/av-auth.toml"),
                                             "max_recipients = 20", "max_recipients = 1000"),
                              "av-auth.toml");
}

std::string fd_pin(const test::Deployment& deployment, const std::string& side) {
  return read_file(deployment.path("pins/" + side + ".so"));
}

}  // namespace

test::Deployment deploy(test::Stage stage, Place place) {
  make_folders_in(place);
  return test::Deployment::at(stage, 2);
}

Origin::Origin(int members, Place place)
    : members_(members),
      place_(place),
      deployment_(deploy(test::Stage::kSetUp, place)),
      app_(std::make_unique<app::App>(app::Options{.home = deployment_.home("origin")})) {
  app_->open_token();
  enrol(members);
  log_in(hsm::Role::kUser);
  keys::generate(app_->context(), key().key, pool(), large_pool_policy());
}

Origin::~Origin() { app_.reset(); }

void Origin::enrol(int members) {
  keys::Context& context = app_->context();
  std::vector<MemberName> names;
  for (int i = 1; i <= members; ++i) names.emplace_back("edge" + std::to_string(i));
  pool::define_pool(context.database, pool(), {"bench.toml", "pool of the bench"}, names,
                    context.clock.now());
  const std::vector<crypto::PublicKey> keys = transport_keys(members);
  const pool::TokenReport like_ours = pool::report_of(*context.token);
  log_in(hsm::Role::kSecurityOfficer);
  store::Transaction transaction(context.database);
  for (std::size_t i = 0; i < names.size(); ++i) {
    pool::Member m{.name = names[i], .enrolled = true};
    m.token_label = names[i].str();
    m.token_serial = hex(keys[i].spki_sha256()).substr(0, 16);
    m.identity = m.transport = keys[i];
    m.fingerprint = hex(keys[i].spki_sha256());
    m.token = like_ours;
    pool::set_enrolled(context.database, pool(), m, context.clock.now());
    hsm::import_trusted_key(context.token->keeper(), keys[i], pool().str() + "/" + names[i].str(),
                            keys[i].spki_sha256());
  }
  transaction.commit();
  log_out();
}

void Origin::log_in(hsm::Role role) {
  login_seconds_ += seconds_of([&] {
    if (role == hsm::Role::kUser)
      app_->log_in(role);
    else  // its PIN comes from a descriptor, which is read once in a process
      app_->context().token->login(role, Pin(fd_pin(deployment_, "origin")));
  });
  logged_in_ = true;
}

void Origin::log_out() {
  if (logged_in_) app_->context().token->logout();
  logged_in_ = false;
}

Receiver::Receiver(Place place)
    : place_(place),
      deployment_(deploy(test::Stage::kReleased, place)),
      app_(std::make_unique<app::App>(app::Options{.home = deployment_.home("edge1")})),
      posted_(read_file(deployment_.mail("edge1", "envelope.av@1.cms"))) {
  app_->use_token();
  pool::MemberSide side = app_->member();
  envelope_ = pool::envelope(pool::verified_document(
      side, deployment_.mail("edge1", "envelope.av@1.cms"), home::oid::kEnvelope));
}

void Receiver::rewind() {
  hsm::destroy_by_id(*app_->context().token, envelope_->id);
  write_file(deployment_.mail("edge1", "envelope.av@1.cms"), posted_);
}

}  // namespace poolkey::bench
