// Rows of a thousand requests made in a batch: planned, linted, signed; with the store, and
// without. Beside them C_SignInit and C_Sign by as many threads.
#include <thread>

#include "base/file.h"
#include "base/parallel.h"
#include "bench/homes.h"
#include "bench/raw.h"
#include "keys/generate.h"
#include "keys/signer.h"
#include "pool/repository.h"
#include "requests/create.h"
#include "support/sides.h"

namespace poolkey::bench {
namespace {

using namespace requests;

constexpr unsigned kThreads = 4;  // at most, as create_requests() has it

std::string authority_name(int number) { return "ca-" + std::to_string(number); }

/// An Edge pool whose external certificate is asked of this many CAs, so that one key has as many
/// requests.
std::string topology_text(int authorities) {
  std::string out = read_file(POOLKEY_SOURCE_DIR "/tests/data/edge-pool.toml");
  for (int i = 1; i <= authorities; ++i)
    out += "\n[ca." + authority_name(i) + "]\nkind = \"public\"\n";
  return out;
}

/// An origin as it is set up, with that pool and a key of each algorithm.
class Planner : public Fixture {
 public:
  Planner()
      : deployment_(deploy(test::Stage::kSetUp, Place::kMemory)),
        app_(std::make_unique<app::App>(app::Options{.home = deployment_.home("origin")})) {
    app_->use_token();
    keys::Context& context = app_->context();
    pool::define_pool(context.database, pool(), {"bench.toml", topology_text(size())},
                      {MemberName("edge1"), MemberName("edge2"), MemberName("edge3")},
                      context.clock.now());
    rsa_ = keys::generate(context, KeyName("rsa"), pool(), test::av_auth("RSA-2048")).name;
    ec_ = keys::generate(context, KeyName("ec"), pool(), test::av_auth("EC-P-256")).name;
  }
  ~Planner() override { app_.reset(); }
  bool is_for() const { return true; }

  static int size() { return smoke() ? 10 : 1000; }
  static PoolName pool() { return PoolName("edge"); }
  keys::Context& context() { return app_->context(); }

  std::vector<CreateOptions> options(const std::string& algorithm) const {
    std::vector<CreateOptions> out;
    for (int i = 1; i <= size(); ++i)
      out.push_back(
          {.pool = pool(), .key = algorithm == "P-256" ? *ec_ : *rsa_, .ca = authority_name(i)});
    return out;
  }

  /// So that the next batch is no repetition of the last.
  void forget_requests() { context().database.run("DELETE FROM request"); }

 private:
  test::Deployment deployment_;
  std::unique_ptr<app::App> app_;
  std::optional<KeyVersion> rsa_, ec_;
};

/// The whole verb, without waiting for the disk, which is a remark.
double one_batch(Planner& origin, const std::vector<CreateOptions>& options, Pairs& pairs) {
  origin.forget_requests();
  const SyncSince disk;
  const CpuSince cpu;
  const double all =
      seconds_of([&] { benchmark::DoNotOptimize(create_requests(origin.context(), options)); });
  const auto count = static_cast<double>(options.size());
  pairs.remark("CPU us each", 1e6 * cpu.seconds() / count);
  pairs.remark("fsyncs", disk.calls());
  pairs.remark("fsync ms", 1000 * disk.seconds());
  return (all - disk.seconds()) / count;
}

/// What create_requests() does for each request but for policy, audit and database.
class Bare {
 public:
  Bare(Planner& origin, const std::vector<CreateOptions>& options)
      : options_(options),
        now_(origin.context().clock.now()),
        topology_(topology_of(origin.context().database, Planner::pool())),
        key_(keys::key(origin.context().database, options.front().key)),
        policy_(keys::policy_of(origin.context().database, key_)),
        loaded_(keys::signing_key(origin.context(), policy::Usage::kCsr, key_)),
        signer_(loaded_.get(), origin.context().library) {}

  void make(std::size_t i) const {
    const CreateOptions& one = options_[i];
    const CaKind kind = topology_.authority(one.ca).kind;
    const RequestedNames names = names_for(topology_, one.pool, one.role, kind);
    crypto::CsrSpec spec;
    spec.subject.common_name = names.common_name.name;
    spec.dns_sans = names.dns_sans();
    spec.key_usage = {crypto::KeyUsage::kDigitalSignature};
    spec.extended_key_usage = {std::string(crypto::kServerAuth)};
    const LintSubject subject(crypto::draft_csr(spec, key_.public_key),
                              pool_context(topology_, one.pool, one.role, kind));
    for (const auto& profile : policy_.request().lint_profiles.value)
      benchmark::DoNotOptimize(lint(subject, profile.value, now_));
    benchmark::DoNotOptimize(signer_.sign(spec));
  }

 private:
  const std::vector<CreateOptions>& options_;
  Time now_;
  Topology topology_;
  keys::StoredKey key_;
  policy::Policy policy_;
  crypto::EvpPkey loaded_;
  crypto::CsrSigner signer_;
};

double one_bare_batch(const Bare& bare, std::size_t count) {
  return seconds_of(
             [&] { for_each_index(count, kThreads, [&](std::size_t i) { bare.make(i); }); }) /
         static_cast<double>(count);
}

void add(const std::string& algorithm, bool stored, Aim aim) {
  add_row(
      {"1,000 requests, " + algorithm + (stored ? ", planned to stored" : ", without the store"),
       "C_Sign, token object, all cores", Unit::kPerSecond, aim, algorithm == "P-256" ? 9 : 5},
      [=](Pairs& pairs) {
        auto& origin = fixture<Planner>();
        const std::vector<CreateOptions> options = origin.options(algorithm);
        const Bare bare(origin, options);
        const keys::StoredKey key = keys::key(origin.context().database, options.front().key);
        const int threads =
            static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1U, kThreads));
        std::vector<std::unique_ptr<RawSigner>> raw;
        for (int t = 0; t < threads; ++t)
          raw.push_back(
              std::make_unique<RawSigner>(origin.context().token, key.public_key, key.id));
        pairs.run(
            [&] {
              return stored ? one_batch(origin, options, pairs)
                            : one_bare_batch(bare, options.size());
            },
            [&] {
              return timed(threads, Planner::size() / threads,
                           [&](int t) { raw[static_cast<std::size_t>(t)]->sign(); });
            });
      });
}

}  // namespace

void add_batch_rows() {
  for (const bool stored : {false, true}) {
    add("RSA-2048", stored, at_least(0.93));
    add("P-256", stored, at_least(0.56));
  }
}

}  // namespace poolkey::bench
