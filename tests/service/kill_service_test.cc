// The service killed at random under load, and started again: nothing that was acknowledged is
// lost, nothing is signed twice under one Idempotency-Key, nothing leaves without its entry in the
// audit log.
#include <gmock/gmock.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "base/file.h"
#include "e2e/authority.h"
#include "live.h"
#include "store/sql.h"

namespace poolkey::test {
namespace {

constexpr int kRequests = 60;
constexpr int kClients = 4;

int rounds() {
  const char* wanted = std::getenv("POOLKEY_KILLS");
  return wanted == nullptr ? 8 : std::atoi(wanted);
}

/// What the clients were told: for each request the serials, and the ids of all good answers.
struct Told {
  std::mutex mutex{};
  std::map<int, std::set<std::string>> serials{};
  std::set<std::string> answers{};
  int replayed = 0, broken = 0;
  std::atomic<int> known = 1;  ///< requests of the first so many are asked for: more in each round
  std::vector<std::string> odd{};
};

class KillServiceTest : public testing::Test {
 protected:
  KillServiceTest() {
    d.must("origin", configure_ca(d));
    for (int i = 0; i < kRequests; ++i)
      csrs.push_back(read_file(foreign_request(d, "request-" + std::to_string(i))));
  }

  http::Request sign(int number) const {
    return {.method = "POST",
            .url = service.url("/v1/certificates"),
            .headers = {{"Content-Type", "application/json"},
                        {"Idempotency-Key", "key-" + std::to_string(number)}},
            .body = json::compact(json::object{{"profile", "web-server"},
                                               {"csr", csrs[static_cast<std::size_t>(number)]}})};
  }

  /// Asks for certificates at random, for new ones and old ones, until it is told to stop.
  void load(const Shown& who, unsigned seed, Told& told, const std::atomic<bool>& stop) const {
    std::mt19937 random(seed);
    http::Client client = service.client(who);
    while (!stop) {
      const int number = static_cast<int>(random() % static_cast<unsigned>(told.known));
      try {
        const http::Response answer = client.send(sign(number));
        const std::scoped_lock lock(told.mutex);
        if (answer.status / 100 == 2) {
          const json::value document = json::parse(answer.body, "an answer");
          told.serials[number].insert(json::text(document.as_object(), "serial", "an answer"));
          told.answers.insert(answer.header("request-id"));
          if (!answer.header("idempotency-replayed").empty()) ++told.replayed;
        } else if (answer.status != 409 && answer.status != 503) {
          told.odd.push_back(std::to_string(answer.status) + " " + answer.body);
        }
      } catch (const Error&) {  // killed while it answered, or not there
        const std::scoped_lock lock(told.mutex);
        ++told.broken;
        std::this_thread::sleep_for(5ms);
      }
    }
  }

  /// The audit log's good outcomes, by the request they are about.
  std::set<std::string> recorded() const {
    std::set<std::string> out;
    auto database = store::Database::open(d.home("origin") / "state.db");
    for (const store::Row& row :
         database.rows("SELECT entry FROM audit_entry WHERE entry LIKE '%\"result\":\"ok\"%'")) {
      const json::value entry = json::parse(row.text("entry"), "an entry");
      const json::value* detail = entry.as_object().if_contains("detail");
      const json::value* id = detail != nullptr && detail->is_object()
                                  ? detail->as_object().if_contains("request")
                                  : nullptr;
      if (id != nullptr) out.emplace(id->as_string());
    }
    return out;
  }

  Deployment d = Deployment::at(Stage::kEnrolled);
  LiveService service{d};
  std::vector<std::string> csrs;
};

TEST_F(KillServiceTest, LosesNothingAndSignsNothingTwice) {
  const Shown who = service.certify("requester");
  const std::int64_t before = d.count("origin", "ca_certificate");
  Told told;
  std::atomic<bool> stop = false;
  std::mt19937 random(20261123);
  {
    std::vector<std::jthread> clients;
    for (unsigned i = 0; i < kClients; ++i)
      clients.emplace_back([&, i] { load(who, i, told, stop); });
    for (int round = 0; round < rounds(); ++round) {
      told.known = std::max(1, kRequests * (round + 1) / rounds());
      service.start();
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 500));
      service.process().kill();
    }
    service.start();
    std::this_thread::sleep_for(300ms);
    stop = true;
  }
  EXPECT_THAT(told.odd, testing::IsEmpty());
  ASSERT_GT(told.serials.size(), 10U) << "no load";
  EXPECT_GT(told.broken, 0);

  // Whatever is asked once more now gets what was told before.
  http::Client client = service.client(who);
  for (int number = 0; number < kRequests; ++number) {
    const http::Response answer = client.send(sign(number));
    ASSERT_EQ(answer.status / 100, 2) << answer.body;
    const json::value document = json::parse(answer.body, "an answer");
    told.serials[number].insert(json::text(document.as_object(), "serial", "an answer"));
    told.answers.insert(answer.header("request-id"));
  }
  for (const auto& [number, serials] : told.serials) {
    EXPECT_EQ(serials.size(), 1U) << "request " << number << " was signed twice";
    EXPECT_EQ(d.count("origin", "ca_certificate WHERE state = 'good' AND serial = '" +
                                    *serials.begin() + "'"),
              1)
        << "a certificate that was handed out is not in the register";
  }
  EXPECT_EQ(d.count("origin", "ca_certificate") - before, kRequests);
  const auto entries = recorded();
  for (const std::string& id : told.answers) EXPECT_TRUE(entries.contains(id)) << id;
  EXPECT_EQ(service.process().stop(), 0);
  EXPECT_TRUE(d.audit_is_whole());
  EXPECT_EQ(d.count("origin", "idempotency WHERE status IS NULL"), 0);
  std::printf("%d kills, %zu good answers, %d of them replayed, %d calls cut off\n", rounds(),
              told.answers.size(), told.replayed, told.broken);
}

/// A key that was used is bound to its call, whoever repeats it and whatever happened since.
TEST_F(KillServiceTest, BindsAKeyToItsCall) {
  const Shown who = service.certify("requester");
  const Shown other = service.certify("operator");
  service.start();
  http::Client client = service.client(who);
  const http::Response first = client.send(sign(0));
  ASSERT_EQ(first.status, 201) << first.body;
  http::Request replay = sign(0);
  const http::Response again = client.send(replay);
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.header("idempotency-replayed"), "true");
  http::Request changed = sign(1);
  changed.headers.back().second = "key-0";
  EXPECT_EQ(client.send(changed).status, 422);
  // Another caller's key of the same name is its own; and the operator may not sign.
  EXPECT_EQ(service.client(other).send(sign(0)).status, 403);
  for (const std::string& bad : {std::string("a b"), std::string(129, 'k')}) {
    http::Request odd = sign(2);
    odd.headers.back().second = bad;
    EXPECT_EQ(client.send(odd).status, 400) << bad;
  }
  service.process().kill();
  service.start();
  EXPECT_EQ(service.client(who).send(replay).body, first.body);
  EXPECT_EQ(service.process().stop(), 0);
}

}  // namespace
}  // namespace poolkey::test
