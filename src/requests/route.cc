#include "requests/route.h"

#include <algorithm>
#include <cctype>

#include "crypto/digest.h"
#include "requests/certify.h"
#include "requests/est_route.h"
#include "requests/file_route.h"

namespace poolkey::requests {
namespace {

/// It has what came last for it. One that was made anew since has nothing yet.
bool is_settled(const StoredRequest& request) { return request.state >= State::kAccepted; }

crypto::Certificate chosen(store::Database& database, const StoredRequest& request,
                           const std::string& fingerprint) {
  const std::string& id = request.id;
  std::vector<crypto::Certificate> all = answers(database, id);
  const auto bound = keys::certificate_of_request(database, id);
  std::erase_if(all, [&](const crypto::Certificate& c) {
    const bool is_past = bound && c == bound->certificate && !is_settled(request);
    return is_past || !hex(c.sha256()).starts_with(fingerprint);
  });
  if (all.empty())
    throw Error(
        Errc::kNotFound,
        fingerprint.empty()
            ? "no certificate for '" + id +
                  "' has come back; 'poolkey request import' what the CA sent"
            : "no certificate for '" + id + "' has a SHA-256 that begins with " + fingerprint);
  if (all.size() == 1) return all.front();
  std::string list;
  for (const crypto::Certificate& c : all)
    list += "\n  " + hex(c.sha256()).substr(0, 16) + "  serial " + c.serial() + ", by '" +
            c.issuer() + "', " + rfc3339(c.not_before()) + " to " + rfc3339(c.not_after());
  throw Error(Errc::kConflict, std::to_string(all.size()) + " certificates came for '" + id +
                                   "'; say which with --certificate:" + list);
}

/// Held against what was asked for. Throws kCorrupt with every fault.
Acceptance judged(keys::Context& context, const StoredRequest& request,
                  const crypto::Certificate& certificate) {
  Expected expected = expected_of(context, request);
  for (crypto::Certificate& ca : route_of(request).above(context, certificate))
    expected.intermediates.push_back(std::move(ca));
  Acceptance found = check_certificate(certificate, expected, context.clock.now());
  if (!found.faults.empty())
    throw Error(Errc::kCorrupt,
                sentence_of("the certificate for " + request.key.str(), found.faults));
  return found;
}

std::optional<keys::StoredCertificate> bound_before(store::Database& database,
                                                    const StoredRequest& request,
                                                    const std::string& fingerprint) {
  auto bound = keys::certificate_of_request(database, request.id);
  if (!bound || !is_settled(request) || !hex(bound->certificate.sha256()).starts_with(fingerprint))
    return std::nullopt;
  if (!fingerprint.empty()) return bound;
  // What came later may be meant, and so may what came in the same second.
  std::vector<Received> came = received(database, Received::Kind::kCertificate);
  std::erase_if(came, [&](const Received& item) { return item.request != request.id; });
  const auto own = std::ranges::find(came, hex(bound->certificate.sha256()), &Received::sha256);
  const bool is_newest = std::ranges::all_of(came, [&](const Received& other) {
    return own != came.end() && (&other == &*own || other.at < own->at);
  });
  return is_newest ? bound : std::nullopt;
}

/// Of two certificates for one key members show the one that ends last, and so does `publish`.
void refuse_shorter(store::Database& database, const StoredRequest& request,
                    const crypto::Certificate& certificate) {
  const auto bound = keys::certificate_of_request(database, request.id);
  if (bound && certificate.not_after() < bound->certificate.not_after())
    throw Error(Errc::kConflict,
                "'" + request.id + "' has a certificate that ends later (serial " +
                    bound->certificate.serial() + ", until " +
                    rfc3339(bound->certificate.not_after()) +
                    "), and members keep the one that ends last; make a new version of the key "
                    "where that one is not to be used");
}

/// "AB:CD", as openssl prints it, is "abcd".
std::string plain_hex(const std::string& text) {
  std::string out;
  for (const char c : text)
    if (c != ':') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

/// What was done once is not done again, and gives the same.
Submission as_it_stands(keys::Context& context, StoredRequest request) {
  const std::string id = request.id;
  context.journal.settle(route_of(request).verb(), id);
  return {std::move(request), keys::certificate_of_request(context.database, id)};
}

/// What came by EST is there as if it had been imported. A CA may answer with what it gave before.
Submission with_answer(keys::Context& context, StoredRequest request) {
  const std::string came = answer_to(request);
  if (request.state == State::kSubmitted || came.empty()) return {std::move(request), {}};
  Accepted accepted = accept_request(context, request.id, came);
  return {find_request(context.database, request.id), std::move(accepted.certificate),
          std::move(accepted.remarks)};
}

/// What the CA gave at once, base64; empty: nothing. A denial ends the operation: nothing was done.
std::string handed_over(keys::Context& context, const CaRoute& route, const StoredRequest& request,
                        store::Operation& operation) {
  try {
    return operation.step("submit", [&] {
      const auto answer = route.submit(context, request, operation);
      return answer ? base64(answer->der()) : "";
    });
  } catch (const Error& error) {
    if (error.code() == Errc::kDenied) operation.give_up();
    throw;
  }
}

void note_submission(keys::Context& context, StoredRequest& request, bool answered) {
  // One that waits at its CA is asked for again and again.
  if (request.state != State::kSubmitted && may_follow(request.state, State::kSubmitted))
    advance(request, State::kSubmitted, context, "to " + request.ca);
  if (answered && may_follow(request.state, State::kIssued))
    advance(request, State::kIssued, context);
  put_request(context.database, request);
}

}  // namespace

const CaRoute& route_of(const StoredRequest& request) {
  static const EmbeddedRoute embedded;
  static const FileRoute file;
  static const EstRoute est;
  switch (request.route()) {
    case Route::kEmbedded:
      return embedded;
    case Route::kEst:
      return est;
    case Route::kFile:
      break;
  }
  return file;
}

Submission submit_request(keys::Context& context, const std::string& id) {
  StoredRequest request = find_request(context.database, id);
  const CaRoute& route = route_of(request);
  if (!is_signed(request))
    throw Error(Errc::kConflict,
                "the request '" + id + "' is " + std::string(name(request.state)) +
                    " and not signed: " + std::string(next_act(request.state, request.route())));
  (void)names_of(context.database, request);
  if (route.is_handed_over(context, request)) return as_it_stands(context, std::move(request));
  store::Operation operation =
      context.journal.begin(route.verb(), id, hex(crypto::sha256(request.csr)));
  // The DER is the step's result: a run that was interrupted after it gives this certificate, and
  // never a second one for one request.
  const std::string der = handed_over(context, route, request, operation);
  std::optional<keys::StoredCertificate> made;
  if (!der.empty()) {
    const auto answer = crypto::Certificate::from_der(from_base64(der));
    made = {answer, judged(context, request, answer).chain, request.key, id};
  }
  operation.step("record", [&]() -> std::string {
    store::Transaction transaction(context.database);
    request = find_request(context.database, id);
    note_submission(context, request, made.has_value());
    if (made) bind_certificate(context, request, *made);
    transaction.commit();
    return "done";
  });
  operation.finish();
  if (request.route() == Route::kEst) return with_answer(context, std::move(request));
  return {std::move(request), std::move(made)};
}

Accepted accept_request(keys::Context& context, const std::string& id, const std::string& which) {
  const std::string fingerprint = plain_hex(which);
  StoredRequest request = find_request(context.database, id);
  if (auto bound = bound_before(context.database, request, fingerprint))
    return {std::move(*bound), {}};
  if (request.ca == kEmbeddedAuthority)
    throw Error(Errc::kInvalidArgument, "the request '" + id +
                                            "' is for poolkey's own CA: run "
                                            "'poolkey certificate issue', which accepts as well");
  const crypto::Certificate certificate = chosen(context.database, request, fingerprint);
  Acceptance found = judged(context, request, certificate);
  refuse_shorter(context.database, request, certificate);
  policy::Permit permit =
      issue_permit(context, request, certificate.not_after() - certificate.not_before());
  permit.require(policy::Action::kIssue, request.key.str());
  const keys::StoredCertificate stored{certificate, std::move(found.chain), request.key, id};
  keys::record(context, "request accept", id, permit.rule(), nullptr, [&]() -> json::object {
    store::Transaction transaction(context.database);
    bind_certificate(context, request, stored);
    transaction.commit();
    return {{"serial", certificate.serial()},
            {"sha256", hex(certificate.sha256())},
            {"issuer", certificate.issuer()},
            {"not_after", rfc3339(certificate.not_after())}};
  });
  return {stored, std::move(found.remarks)};
}

}  // namespace poolkey::requests
