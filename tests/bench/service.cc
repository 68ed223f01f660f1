// Rows of requests made over HTTPS by a running `poolkey serve`, beside C_SignInit and C_Sign by as
// many threads as there are cores.
#include <openssl/pem.h>
#include <unistd.h>

#include <sstream>
#include <thread>

#include "base/file.h"
#include "bench/homes.h"
#include "bench/raw.h"
#include "e2e/network.h"
#include "http/client.h"
#include "keys/generate.h"
#include "keys/issued.h"
#include "pool/repository.h"
#include "support/sides.h"

namespace poolkey::bench {
namespace {

constexpr int kClients = 16;
/// Each of its requests of one key names another CA; so many that topology is still a small file.
constexpr int kAuthorities = 288;

std::string authority_name(int number) { return "ca-" + std::to_string(number); }

std::string topology_text() {
  std::string out = read_file(POOLKEY_SOURCE_DIR "/tests/data/edge-pool.toml");
  for (int i = 0; i < kAuthorities; ++i)
    out += "\n[ca." + authority_name(i) + "]\nkind = \"public\"\n";
  return out;
}

constexpr std::string_view kAccess = R"(version = 1
[[bind]]
role = "requester"
clients = ["load"]
pools = ["*"]
profiles = ["*"]
requests_per_second = 1000000
burst = 1000000
signatures_per_day = 1000000
)";

/// The processor's time that another process has had, in seconds.
double cpu_of(pid_t process) {
  const std::string line = read_file("/proc/" + std::to_string(process) + "/stat");
  std::istringstream rest(line.substr(line.rfind(')') + 2));
  std::string word;
  for (int i = 0; i < 11; ++i) rest >> word;
  double user = 0, system = 0;
  rest >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double resident_mib(pid_t process) {
  std::istringstream file(read_file("/proc/" + std::to_string(process) + "/statm"));
  double size = 0, resident = 0;
  file >> size >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

crypto::EvpPkey private_key(const std::string& file) {
  const std::unique_ptr<BIO, crypto::Free<BIO_free_all>> in(BIO_new_file(file.c_str(), "r"));
  crypto::EvpPkey out(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
  if (!out) crypto::throw_openssl(Errc::kInternal, "no key in " + file);
  return out;
}

/// An origin that serves, and clients with a certificate.
class Served : public Fixture {
 public:
  Served() : network_(deploy(test::Stage::kSetUp, Place::kMemory)) {
    const test::Deployment& d = network_.d;
    write_file(d.home("origin") / "access.toml", std::string(kAccess), 0600);
    {
      app::App app({.home = d.home("origin")});
      app.use_token();
      keys::Context& context = app.context();
      pool::define_pool(context.database, pool(), {"bench.toml", topology_text()},
                        {MemberName("edge1"), MemberName("edge2"), MemberName("edge3")},
                        context.clock.now());
      rsa_ = keys::generate(context, KeyName("rsa"), pool(), test::av_auth("RSA-2048")).name;
      ec_ = keys::generate(context, KeyName("ec"), pool(), test::av_auth("EC-P-256")).name;
    }
    make_client(d);
    network_.serve();
    app_ = std::make_unique<app::App>(app::Options{.home = d.home("origin")});
    app_->use_token();
    for (int i = 0; i < kClients; ++i) clients_.push_back(client());
  }
  ~Served() override { app_.reset(); }
  bool is_for() const { return true; }

  static PoolName pool() { return PoolName("edge"); }
  keys::Context& context() { return app_->context(); }
  const KeyVersion& key(const std::string& algorithm) const {
    return algorithm == "P-256" ? *ec_ : *rsa_;
  }
  void forget_requests() { context().database.run("DELETE FROM request"); }
  pid_t service() { return network_.service().pid(); }

  http::Client client() const {
    http::Options options;
    options.tls = std::make_shared<crypto::TlsClient>(spec_);
    return http::Client(std::move(options));
  }

  void post(http::Client& by, const std::string& path, const std::string& body) const {
    (void)by.must({.method = "POST",
                   .url = network_.server() + path,
                   .headers = {{"content-type", "application/json"}},
                   .body = body});
  }
  void get(http::Client& by, const std::string& path) const {
    (void)by.must({.url = network_.server() + path});
  }
  http::Client& client(int number) { return clients_[static_cast<std::size_t>(number)]; }

 private:
  void make_client(const test::Deployment& d) {
    const std::string base = d.path("out/load").string();
    (void)test::shell(
        "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj"
        " /CN=load -keyout " +
        base + ".key -out " + base + ".csr 2>/dev/null");
    d.must("origin", {"access", "certify", "load", "--csr", base + ".csr", "--out", base + ".pem"});
    spec_.chain = crypto::Certificate::list_from_pem(read_file(base + ".pem"));
    spec_.roots = crypto::Certificate::list_from_pem(read_file(d.path("out/root.pem")));
    spec_.key = crypto::shared_key(private_key(base + ".key"));
  }

  test::Network network_;
  crypto::TlsClientSpec spec_;
  std::unique_ptr<app::App> app_;
  std::optional<KeyVersion> rsa_, ec_;
  std::vector<http::Client> clients_;
};

std::string wish(const KeyVersion& key, int authority) {
  return R"({"pool":"edge","role":"edge-external","key":")" + key.str() + R"(","ca":")" +
         authority_name(authority) + "\"}";
}

/// What one slice of ours took, less the processors' time that the clients themselves had: they
/// stand on another machine where it matters.
template <class Act>
double served_slice(Served& served, Pairs& pairs, int count, const Act& act) {
  served.forget_requests();
  const double cores = std::max(1U, std::thread::hardware_concurrency());
  const CpuSince ours;
  const double before = cpu_of(served.service());
  const double all = seconds_of(act);
  const double clients = ours.seconds();
  pairs.remark("service CPU us each", 1e6 * (cpu_of(served.service()) - before) / count);
  pairs.remark("client CPU us each", 1e6 * clients / count);
  pairs.remark("wall us each", 1e6 * all / count);
  pairs.remark("MiB", resident_mib(served.service()));
  return (all - clients / cores) / count;
}

double one_by_one(Served& served, const KeyVersion& key, Pairs& pairs) {
  const int each = smoke() ? 1 : kAuthorities / kClients;
  return served_slice(served, pairs, each * kClients, [&] {
    std::vector<std::jthread> threads;
    for (int c = 0; c < kClients; ++c)
      threads.emplace_back([&, c] {
        for (int i = 0; i < each; ++i)
          served.post(served.client(c), "/v1/requests", wish(key, c * each + i));
      });
  });
}

double in_batches(Served& served, const KeyVersion& key, Pairs& pairs) {
  const int count = smoke() ? 4 : kAuthorities;
  std::string body = "{\"requests\":[";
  for (int i = 0; i < count; ++i) body += (i == 0 ? "" : ",") + wish(key, i);
  body += "]}";
  return served_slice(served, pairs, count,
                      [&] { served.post(served.client(0), "/v1/request-batches", body); });
}

void add(const std::string& algorithm, bool batches, Aim aim) {
  add_row({std::string("requests over HTTPS, ") + (batches ? "in batches" : "16 clients") + ", " +
               algorithm,
           "C_Sign, token object, all cores", Unit::kPerSecond, aim, 15},
          [=](Pairs& pairs) {
            auto& served = fixture<Served>();
            const KeyVersion& name = served.key(algorithm);
            const keys::StoredKey key = keys::key(served.context().database, name);
            const int threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
            std::vector<std::unique_ptr<RawSigner>> raw;
            for (int t = 0; t < threads; ++t)
              raw.push_back(
                  std::make_unique<RawSigner>(served.context().token, key.public_key, key.id));
            pairs.run(
                [&] {
                  return batches ? in_batches(served, name, pairs)
                                 : one_by_one(served, name, pairs);
                },
                [&] {
                  return timed(threads, operations(kAuthorities / threads),
                               [&](int t) { raw[static_cast<std::size_t>(t)]->sign(); });
                });
          });
}

/// Full handshakes with mutual TLS, each with one small call, beside nothing.
void add_handshakes() {
  add_row({"handshakes with mutual TLS, and a call each",
           "C_Sign, P-256, token object",
           Unit::kPerSecond,
           {},
           9},
          [](Pairs& pairs) {
            auto& served = fixture<Served>();
            const keys::StoredKey key = keys::key(served.context().database, served.key("P-256"));
            RawSigner raw(served.context().token, key.public_key, key.id);
            const int count = operations(40);
            pairs.run(
                [&] {
                  return served_slice(served, pairs, count, [&] {
                    for (int i = 0; i < count; ++i) {
                      http::Client fresh = served.client();
                      served.get(fresh, "/v1/keys");
                    }
                  });
                },
                [&] { return timed(1, operations(600), [&](int) { raw.sign(); }); });
          });
}

}  // namespace

void add_service_rows() {
  add("RSA-2048", false, at_least(0.80));
  add("RSA-2048", true, at_least(0.90));
  add("P-256", false, {});
  add("P-256", true, {});
  add_handshakes();
}

}  // namespace poolkey::bench
