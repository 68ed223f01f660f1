// What a service must bear: octets that are no HTTP, and requests that mean harm. It answers with a
// status or closes, and goes on for everybody else.
#include "live.h"

#include <gmock/gmock.h>

#include <random>
#include <thread>

#include "base/file.h"

namespace poolkey::test {
namespace {

using testing::AnyOf;
using testing::Each;

/// One service for all tests of a process.
class AbuseTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    deployment_ = new Deployment(Deployment::at(Stage::kEnrolled));
    service_ = new LiveService(*deployment_);
    operator_ = new Shown(service_->certify("operator"));
    revoked_ = new Shown(service_->certify("revoked"));
    ended_ = new Shown(service_->certify("ended", "-200d"));
    service_->start();
  }
  static void TearDownTestSuite() {
    EXPECT_EQ(service_->process().stop(), 0);
    delete ended_;
    delete revoked_;
    delete operator_;
    delete service_;
    delete deployment_;
  }
  void TearDown() override { EXPECT_TRUE(service_->lives(*operator_)); }

  /// The statuses that come for these octets, until the service closes or says nothing more.
  static std::vector<int> statuses(std::string_view octets, const Shown& who = {}) {
    RawConnection connection(*service_, who);
    if (!connection.works()) throw std::runtime_error("no TLS: " + service_->process().log());
    connection.send(octets);
    return statuses_in(connection.receive(700ms));
  }

  static inline Deployment* deployment_ = nullptr;
  static inline LiveService* service_ = nullptr;
  static inline Shown* operator_ = nullptr;
  static inline Shown* revoked_ = nullptr;
  static inline Shown* ended_ = nullptr;
};

constexpr const char* kHost = "Host: localhost\r\n";
constexpr const char* kClose = "Connection: close\r\n";

std::string get(const std::string& path, const std::string& headers = "") {
  return "GET " + path + " HTTP/1.1\r\n" + kHost + headers + "\r\n";
}
std::string post(const std::string& path, const std::string& headers, const std::string& body) {
  return "POST " + path + " HTTP/1.1\r\n" + kHost + "Content-Type: application/json\r\n" + headers +
         "\r\n" + body;
}

TEST_F(AbuseTest, ServesAnOrderlyClient) {
  EXPECT_THAT(statuses(get("/v1/health/live")), testing::ElementsAre(200));
  EXPECT_THAT(statuses(get("/v1/pools"), *operator_), testing::ElementsAre(200));
}

/// Whatever is taken for one message by one reader and for two by another: refused once, and
/// closed, so that the rest is never a request.
TEST_F(AbuseTest, RefusesSmugglingShapes) {
  const std::string hidden = get("/v1/health/live");
  const std::string size = std::to_string(hidden.size());
  const std::pair<const char*, std::string> kShapes[]{
      {"both lengths",
       post("/v1/requests", "Content-Length: " + size + "\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n" + hidden)},
      {"both lengths, the other way round",
       post("/v1/requests", "Transfer-Encoding: chunked\r\nContent-Length: " + size + "\r\n",
            "0\r\n\r\n" + hidden)},
      {"two lengths",
       post("/v1/requests", "Content-Length: 0\r\nContent-Length: " + size + "\r\n", hidden)},
      {"a list of lengths", post("/v1/requests", "Content-Length: 0, " + size + "\r\n", hidden)},
      {"a length with a sign", post("/v1/requests", "Content-Length: +0\r\n", hidden)},
      {"a negative length", post("/v1/requests", "Content-Length: -1\r\n", hidden)},
      {"a length beyond 64 bits",
       post("/v1/requests", "Content-Length: 18446744073709551617\r\n", hidden)},
      {"a hexadecimal length", post("/v1/requests", "Content-Length: 0x10\r\n", hidden)},
      {"another coding",
       post("/v1/requests", "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n" + hidden)},
      {"two codings",
       post("/v1/requests", "Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n" + hidden)},
      {"a coding twice",
       post("/v1/requests", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n" + hidden)},
      {"a coding that ends elsewhere",
       post("/v1/requests", "Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n" + hidden)},
      {"a tab before the coding's name",
       post("/v1/requests", "Transfer-Encoding:\tchunked\x0b\r\n", "0\r\n\r\n" + hidden)},
      {"a blank before the colon",
       post("/v1/requests", "Transfer-Encoding : chunked\r\n", "0\r\n\r\n" + hidden)},
      {"bare line feeds", "GET /v1/health/live HTTP/1.1\nHost: localhost\n\n" + hidden},
      {"a bare carriage return", get("/v1/health/live", "X: a\rContent-Length: 5\r\n") + hidden},
      {"a NUL in a header", get("/v1/health/live", std::string("X: a\0b\r\n", 8)) + hidden},
      {"two hosts", get("/v1/health/live", "Host: other\r\n") + hidden},
      {"no host", "GET /v1/health/live HTTP/1.1\r\n\r\n" + hidden},
      {"a chunk size beyond 64 bits",
       post("/v1/requests", "Transfer-Encoding: chunked\r\n", "1ffffffffffffffff\r\n" + hidden)},
      {"a negative chunk size",
       post("/v1/requests", "Transfer-Encoding: chunked\r\n", "-1\r\n" + hidden)},
      {"a chunk that is longer than it says",
       post("/v1/requests", "Transfer-Encoding: chunked\r\n", "1\r\n{}\r\n0\r\n\r\n" + hidden)},
      {"a chunk with bare line feeds",
       post("/v1/requests", "Transfer-Encoding: chunked\r\n", "2\n{}\n0\n\n" + hidden)},
      {"HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + hidden},
      {"HTTP/0.9", "GET /v1/health/live\r\n\r\n" + hidden},
      {"HTTP/3", "GET /v1/health/live HTTP/3.0\r\nHost: localhost\r\n\r\n" + hidden},
      {"a blank in the target",
       "GET /v1/health/live x HTTP/1.1\r\nHost: localhost\r\n\r\n" + hidden},
      {"TLS within TLS", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + hidden},
  };
  for (const auto& [what, octets] : kShapes) {
    SCOPED_TRACE(what);
    const auto got = statuses(octets, *operator_);
    EXPECT_LE(got.size(), 1U) << "a hidden request was answered";
    EXPECT_THAT(got, Each(AnyOf(400, 411, 413, 417, 431, 501, 505)));
  }
}

/// obs-fold (RFC 9112 5.2) is refused or read as one header with blanks: never as two headers.
TEST_F(AbuseTest, ReadsAFoldedHeaderAsOne) {
  const auto got = statuses(get("/v1/health/live", "X: a\r\n Content-Length: 5\r\n"));
  EXPECT_THAT(got, testing::ElementsAre(AnyOf(200, 400)));
}

TEST_F(AbuseTest, ReadsChunksAndTheirExtensions) {
  const std::string body = R"({"reason":"x"})";
  EXPECT_THAT(statuses(post("/v1/rollovers/none/abort", "Transfer-Encoding: chunked\r\n",
                            "e;a=b;c=\"d\"\r\n" + body + "\r\n0\r\nTrailer: x\r\n\r\n"),
                       *operator_),
              testing::ElementsAre(404));
  EXPECT_THAT(statuses("POST /v1/rollovers/none/abort HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                       "text/plain\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                       *operator_),
              testing::ElementsAre(415));
  const std::string huge = "e;" + std::string(1U << 20, 'x') + "\r\n" + body + "\r\n0\r\n\r\n";
  EXPECT_THAT(statuses(post("/v1/rollovers/none/abort", "Transfer-Encoding: chunked\r\n", huge),
                       *operator_),
              Each(AnyOf(400, 413, 431)));
}

/// Good requests with some octets changed, cut and doubled.
TEST_F(AbuseTest, SurvivesRandomOctets) {
  std::mt19937 random(20261123);
  const std::string samples[]{
      get("/v1/pools/edge/members?after=a&limit=5", "If-None-Match: \"a\"\r\nPrefer: wait=1\r\n"),
      post("/v1/requests", "Content-Length: 14\r\nIdempotency-Key: k\r\n", R"({"pool":"edge"})"),
      post("/v1/requests", "Transfer-Encoding: chunked\r\n",
           "e\r\n{\"pool\":\"edge\"\r\n0\r\n\r\n")};
  for (int i = 0; i < 300; ++i) {
    std::string octets = samples[random() % 3] + samples[random() % 3];
    for (unsigned n = random() % 8 + 1; n > 0; --n) {
      const std::size_t at = random() % octets.size();
      if (n % 3 == 0)
        octets.insert(at, octets.substr(at, random() % 40));
      else
        octets[at] = static_cast<char>(random());
    }
    RawConnection connection(*service_, i % 2 == 0 ? *operator_ : Shown{});
    connection.send(octets.substr(0, octets.size() - random() % 20));
    if (i % 10 == 0) connection.receive(20ms);
  }
}

TEST_F(AbuseTest, AnswersPipelinedRequestsInOrder) {
  std::string octets;
  for (int i = 0; i < 50; ++i)
    octets += get(i % 2 == 0 ? "/v1/health/live" : "/v1/nothing/" + std::to_string(i));
  RawConnection connection(*service_, {});
  ASSERT_TRUE(connection.send(octets));
  for (int i = 0; i < 50; ++i) ASSERT_EQ(connection.status(), i % 2 == 0 ? 200 : 404) << i;
}

TEST_F(AbuseTest, RefusesHugeThingsWithoutReadingThem) {
  const std::string mib(1U << 20, 'a');
  EXPECT_THAT(statuses("GET /" + mib + " HTTP/1.1\r\n"), Each(AnyOf(400, 414, 431)));
  EXPECT_THAT(statuses(get("/v1/health/live", "X: " + mib + "\r\n")), Each(AnyOf(400, 431)));
  std::string many;
  for (int i = 0; i < 20'000; ++i) many += "X" + std::to_string(i) + ": y\r\n";
  EXPECT_THAT(statuses(get("/v1/health/live", many)), Each(AnyOf(400, 431)));
  EXPECT_THAT(statuses(post("/v1/requests", "Content-Length: 1099511627776\r\n", "{"), *operator_),
              testing::ElementsAre(413));
  EXPECT_THAT(statuses(post("/v1/requests", "Transfer-Encoding: chunked\r\n", "ffffffff\r\n" + mib),
                       *operator_),
              Each(413));
  EXPECT_THAT(
      statuses("GET /v1/pools HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
               *operator_),
      Each(AnyOf(400, 413, 415)));
}

TEST_F(AbuseTest, RefusesTargetsThatHideSomething) {
  for (const char* target :
       {"/v1/../v1/pools", "/v1/%2e%2e/pools", "/v1/pools/edge%2fmembers", "/v1/pools/%00",
        "/v1/pools/%", "/v1/pools/%zz", "/v1/pools/%c0%ae", "*", "http://localhost/v1/pools",
        "localhost:8443", "//v1/pools", "/v1/pools#x"})
    EXPECT_THAT(statuses(get(target, kClose), *operator_), testing::ElementsAre(AnyOf(400, 404)))
        << target;
  for (const char* method : {"TRACE", "CONNECT", "OPTIONS", "get", "PROPFIND", "DELETE"})
    EXPECT_THAT(statuses(std::string(method) + " /v1/pools HTTP/1.1\r\n" + kHost + kClose + "\r\n",
                         *operator_),
                testing::ElementsAre(AnyOf(400, 405, 501)))
        << method;
}

TEST_F(AbuseTest, RefusesBodiesWithThePlace) {
  http::Client client = service_->client(*operator_);
  const auto sent = [&](const std::string& body, const std::string& type = "application/json") {
    return client.send({.method = "POST",
                        .url = service_->url("/v1/requests"),
                        .headers = {{"Content-Type", type}},
                        .body = body});
  };
  const std::pair<std::string, std::string> kBodies[]{
      {"", ""},
      {"{", ""},
      {"[]", ""},
      {"null", ""},
      {R"({"pool":"edge","pool":"edge","role":"edge-external","key":"av@1"})", ""},
      {R"({"pool":"edge","role":"edge-external","key":"av@1","admin":true})", "/admin"},
      {R"({"pool":7,"role":"edge-external","key":"av@1"})", "/pool"},
      {R"({"pool":"edge","role":"edge-external","key":"av@99999999999999999999"})", "/key"},
      {"{\"pool\":\"\xff\xfe\",\"role\":\"edge-external\",\"key\":\"av@1\"}", ""},
      {std::string(60'000, '['), ""},
      {R"({"pool":"edge","role":"edge-external","key":"av@1"}{})", ""},
      {R"({"pool":"edge","role":"edge-external","key":"av@1","ca":1e999})", ""},
  };
  for (const auto& [body, pointer] : kBodies) {
    const http::Response answer = sent(body);
    EXPECT_EQ(answer.status, 400) << body.substr(0, 60);
    EXPECT_EQ(answer.header("content-type"), "application/problem+json");
    const json::value problem = json::parse(answer.body, "a problem");
    EXPECT_EQ(json::text(problem.as_object(), "pointer", "a problem"), pointer)
        << body.substr(0, 60) << answer.body;
  }
  EXPECT_EQ(sent("{}", "text/plain").status, 415);
  EXPECT_EQ(sent("{}", "application/json; charset=utf-16").status, 400);
}

/// Many that send slowly, or nothing: each is closed in time, and none holds a worker.
TEST_F(AbuseTest, OutlastsSlowClients) {
  std::vector<std::unique_ptr<RawConnection>> slow;
  for (int i = 0; i < 60; ++i) {
    slow.push_back(std::make_unique<RawConnection>(*service_, *operator_));
    if (i % 3 == 0) {
      slow.back()->send("GET /v1/pools HTT");
    } else if (i % 3 == 1) {
      slow.back()->send(post("/v1/requests", "Content-Length: 1000\r\n", "{"));
    }
  }
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(statuses(get("/v1/health/live")), testing::ElementsAre(200));
    if (i % 4 == 0) {
      for (std::size_t s = 0; s < slow.size(); s += 3) slow[s]->send("X");  // an octet now and then
    }
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
  // 10 s for a head, however it comes.
  for (std::size_t i = 0; i < slow.size(); i += 3)
    EXPECT_TRUE(slow[i]->closes(12s)) << "a head that never ends";
}

TEST_F(AbuseTest, OutlastsThoseWhoDoNotRead) {
  std::vector<std::unique_ptr<RawConnection>> deaf;
  for (int i = 0; i < 20; ++i) {
    deaf.push_back(std::make_unique<RawConnection>(*service_, *operator_));
    for (int n = 0; n < 200; ++n)
      if (!deaf.back()->send(get("/v1/openapi.json"))) break;
    if (i == 10) {
      EXPECT_TRUE(service_->lives(*operator_));
    }
  }
  EXPECT_THAT(statuses(get("/v1/health/live"), *operator_), testing::ElementsAre(200));
}

TEST_F(AbuseTest, SpeaksNoOldTlsAndDoesNotRenegotiate) {
  RawConnection old(*service_, {}, {.least = TLS1_VERSION, .most = TLS1_1_VERSION});
  EXPECT_FALSE(old.works());
  RawConnection twelve(*service_, *operator_, {.least = TLS1_2_VERSION, .most = TLS1_2_VERSION});
  ASSERT_TRUE(twelve.works());
  twelve.send(get("/v1/pools"));
  EXPECT_EQ(twelve.status(), 200);
  EXPECT_FALSE(twelve.renegotiates());
}

class CertificateAbuseTest : public AbuseTest {
 protected:
  static long asked(const Shown& who) {
    try {
      return service_->client(who).send({.url = service_->url("/v1/pools")}).status;
    } catch (const Error&) {
      return 0;  // TLS itself refused
    }
  }
  /// By openssl, from files of the deployment's folder.
  static Shown by_openssl(const std::string& name, const std::string& line) {
    EXPECT_TRUE(succeeded(shell("cd " + deployment_->path("").string() + " && " + line)));
    return service_->load(name);
  }
};

TEST_F(CertificateAbuseTest, TakesNoForeignCertificates) {
  const Shown self = by_openssl(
      "self",
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj "
      "/CN=operator -keyout self.key -out self.pem");
  EXPECT_THAT(asked(self), AnyOf(0, 401));
  // One by a CA of the same name.
  const Shown twin = by_openssl(
      "twin",
      "subject=$(openssl x509 -in service-root.pem -noout -subject -nameopt compat | sed "
      "'s/^subject=//') && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes "
      "-days 9 -subj \"$subject\" -keyout ca.key -out ca.pem && openssl req -new -newkey ec "
      "-pkeyopt "
      "ec_paramgen_curve:P-256 -nodes -subj /CN=operator -keyout twin.key -out twin.csr && openssl "
      "x509 -req -in twin.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9 -out twin.pem");
  EXPECT_THAT(asked(twin), AnyOf(0, 401));
}

TEST_F(CertificateAbuseTest, TakesNoCertificateThatHasEnded) {
  EXPECT_EQ(asked(*ended_), 401);
  EXPECT_EQ(asked(*operator_), 200) << "another, in time";
}

TEST_F(CertificateAbuseTest, HonoursARevocationAtOnce) {
  RawConnection open(*service_, *revoked_);
  open.send(get("/v1/pools"));
  EXPECT_EQ(open.status(), 403);  // known, and bound to nothing
  const std::string serial = revoked_->chain.front().serial();
  const http::Response done =
      service_->client(*operator_)
          .send({.method = "POST",
                 .url = service_->url("/v1/ca/register/" + serial + "/revocation"),
                 .headers = {{"Content-Type", "application/json"}},
                 .body = R"({"reason":"keyCompromise"})"});
  ASSERT_EQ(done.status, 200) << done.body;
  open.send(get("/v1/pools"));
  EXPECT_EQ(open.status(), 401) << "on the connection that was open, too";
  EXPECT_EQ(asked(*revoked_), 401);
}

TEST_F(AbuseTest, KeepsItsMemory) {
  const auto round = [&](int number) {
    for (int i = 0; i < number; ++i) {
      statuses(get("/v1/pools", "X: " + std::string(12'000, 'x') + "\r\nConnection: close\r\n"),
               *operator_);
      RawConnection broken(*service_, {});
      broken.send(post("/v1/requests", "Content-Length: 60000\r\n", std::string(30'000, '{')));
    }
  };
  round(30);
  const std::size_t before = service_->resident();
  round(100);
  EXPECT_LT(service_->resident(), before + 8 * 1024) << "KiB";
}

}  // namespace
}  // namespace poolkey::test
