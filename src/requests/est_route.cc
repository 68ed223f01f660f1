#include "requests/est_route.h"

#include "base/file.h"
#include "crypto/bundle.h"
#include "crypto/digest.h"
#include "crypto/private_key.h"
#include "home/pin.h"
#include "http/client.h"
#include "requests/file_route.h"
#include "requests/issue.h"

namespace poolkey::requests {
namespace {

// In the request's details.
constexpr const char* kAgain = "again";
constexpr const char* kAnswer = "answer";
constexpr std::chrono::seconds kDefaultWait{std::chrono::hours(1)};
constexpr std::size_t kLargestAnswer = 1U << 20;

EstServer server_of(keys::Context& context, const StoredRequest& request) {
  const Topology topology = topology_of(context.database, request.pool);
  const Authority& authority = topology.authority(request.ca);
  if (authority.route == Route::kEst) return authority.est;
  throw Error(Errc::kConflict, "the request '" + request.id +
                                   "' was made to go by EST, and the "
                                   "topology says otherwise of the CA '" +
                                   request.ca + "' now; run 'poolkey request create' again");
}

/// A key in a file, or in the origin's token.
crypto::EvpPkey client_key(keys::Context& context, const EstServer& server) {
  if (server.key.starts_with("pkcs11:")) return context.load_key(server.key);
  try {
    return crypto::private_key_from_pem(read_file(server.key));
  } catch (const Error& error) {
    throw Error(error.code(),
                "the key '" + server.key + "' for " + server.url + ": " + error.what());
  }
}

std::shared_ptr<crypto::TlsClient> tls_of(keys::Context& context, const EstServer& server) {
  crypto::TlsClientSpec spec;
  spec.roots = crypto::Certificate::list_from_pem(read_file(server.trust));
  if (!server.certificate.empty()) {
    spec.chain = crypto::Certificate::list_from_pem(read_file(server.certificate));
    spec.key = crypto::shared_key(client_key(context, server));
  }
  return std::make_shared<crypto::TlsClient>(std::move(spec));
}

/// "Basic ..."; empty where there is no password.
std::string authorization(const EstServer& server) {
  if (server.user.empty()) return "";
  const Pin password = home::read_pin(home::parse_pin_source(server.password),
                                      "'" + server.user + "' at " + server.url);
  Bytes text = to_bytes(server.user + ":");
  const ByteView octets = password.view();
  text.insert(text.end(), octets.begin(), octets.end());
  return "Basic " + base64(text);
}

/// One server, for one submission.
class Link {
 public:
  Link(keys::Context& context, const EstServer& server)
      : base_(server.url + "/.well-known/est/" + (server.label.empty() ? "" : server.label + "/")),
        authorization_(authorization(server)),
        client_({.tls = tls_of(context, server), .largest = kLargestAnswer}) {}

  http::Response enroll(ByteView csr) {
    http::Request request{.method = "POST", .url = base_ + "simpleenroll", .body = base64(csr)};
    request.headers = {{"content-type", "application/pkcs10"},
                       {"content-transfer-encoding", "base64"}};
    if (!authorization_.empty()) request.headers.emplace_back("authorization", authorization_);
    return answer(request);
  }

  std::string ca_certificates() { return answer({.url = base_ + "cacerts"}).body; }
  const std::string& base() const { return base_; }

 private:
  http::Response answer(const http::Request& request) {
    http::Response response = client_.send(request);
    if (response.status == 200 || response.status == 202) return response;
    const Error told = http::problem_of(request, response);
    // What it refuses once it refuses again, and nothing of it is left.
    const bool refused = response.status / 100 == 4 && !is_retryable(told.code());
    throw Error(refused ? Errc::kDenied : told.code(),
                refused ? std::string("the CA refuses the request: ") + told.what() : told.what());
  }

  std::string base_;
  std::string authorization_;
  http::Client client_;
};

void note(keys::Context& context, const StoredRequest& request, const std::string& again,
          const std::string& answer) {
  StoredRequest stored = find_request(context.database, request.id);
  for (const auto& [name, value] : {std::pair(kAgain, again), std::pair(kAnswer, answer)})
    if (value.empty())
      stored.details.erase(name);
    else
      stored.details[name] = value;
  put_request(context.database, stored);
}

/// Keeps what came; gives the SHA-256 of the certificate. Throws kCorrupt for an answer without one
/// of the request's key.
std::string take(keys::Context& context, const StoredRequest& request, Link& link,
                 const http::Response& response) {
  // First, so that the chain can be built.
  (void)import_file(context, link.base() + "cacerts", view(link.ca_certificates()));
  std::string said;
  for (const Imported& one :
       import_file(context, link.base() + "simpleenroll", view(response.body), request.id))
    said += "\n  " + one.what + ": " + one.sentence;
  const crypto::PublicKey key = keys::key(context.database, request.key).public_key;
  for (const crypto::Certificate& one : crypto::read_bundle(view(response.body)).certificates)
    if (one.public_key() == key) return hex(one.sha256());
  throw Error(Errc::kCorrupt,
              "what " + link.base() + " gave is no answer to '" + request.id + "':" + said);
}

}  // namespace

bool EstRoute::is_handed_over(keys::Context& context, const StoredRequest& request) const {
  const Time now = context.clock.now();
  // An answer that was not accepted is asked for again.
  if (request.state == State::kSigned || request.state == State::kIssued) return false;
  if (request.state == State::kSubmitted) {
    const auto again = ask_again_at(request);
    return again && now < *again;
  }
  const auto bound = keys::certificate_of_request(context.database, request.id);
  return !bound || !is_ending(bound->certificate.not_before(), bound->certificate.not_after(), now);
}

std::optional<crypto::Certificate> EstRoute::submit(keys::Context& context,
                                                    const StoredRequest& request,
                                                    const store::Operation& operation) const {
  const EstServer server = server_of(context, request);
  keys::record(context, verb(), request.id, "", &operation, [&]() -> json::object {
    Link link(context, server);
    const http::Response response = link.enroll(request.csr);
    if (response.status == 202) {
      const Time now = context.clock.now();
      note(context, request, rfc3339(now + http::retry_after(response, now).value_or(kDefaultWait)),
           "");
    } else {
      note(context, request, "", take(context, request, link, response));
    }
    return {{"ca", request.ca},
            {"url", link.base()},
            {"sha256", hex(crypto::sha256(request.csr))},
            {"status", response.status}};
  });
  return std::nullopt;
}

std::optional<Time> ask_again_at(const StoredRequest& request) {
  const json::value* at = request.details.if_contains(kAgain);
  if (at == nullptr || !at->is_string()) return std::nullopt;
  return parse_rfc3339(std::string(at->as_string()));
}

std::string answer_to(const StoredRequest& request) {
  const json::value* sha256 = request.details.if_contains(kAnswer);
  return sha256 != nullptr && sha256->is_string() ? std::string(sha256->as_string()) : "";
}

}  // namespace poolkey::requests
