// EST (RFC 7030): certificates of the internal CA for clients that speak a standard. Under the
// label of a profile, what `ca sign` gives; under `client`, or without a label, the certificate by
// which a person or an application is known to this service.
#include <algorithm>

#include "crypto/digest.h"
#include "crypto/est.h"
#include "pool/invitation.h"
#include "requests/ca/client.h"
#include "requests/ca/sign.h"
#include "service/handlers.h"
#include "service/problem.h"

namespace poolkey::service {
namespace {

using policy::AccessAction;

constexpr std::string_view kCertsOnly = "application/pkcs7-mime; smime-type=certs-only";
constexpr Body kRequestBody{"application/pkcs10", kSmallBody};

/// Base64 without line breaks (RFC 8951 3.1; strongSwan reads no others).
Response encoded(std::string_view type, ByteView der) {
  return {.content_type = std::string(type),
          .body = base64(der),
          .headers = {{"content-transfer-encoding", "base64"}}};
}

Response certificate_response(const keys::IssuedCertificate& issued) {
  return encoded(kCertsOnly, crypto::certs_only({crypto::Certificate::from_pem(issued.pem)}));
}

/// A password in the request would bind it to this TLS connection. TLS 1.3 has no tls-unique, so
/// nobody is told that we look at it.
crypto::ParsedCsr request_of(const Call& call) {
  crypto::ParsedCsr csr = crypto::parse_csr(view(call.request.body));
  if (crypto::has_challenge_password(csr.der))
    throw Error(Errc::kInvalidArgument,
                "the request has a challengePassword: this service does not link requests to TLS "
                "connections (RFC 7030 3.5); leave it out");
  if (!csr.signature_valid)
    throw Error(Errc::kInvalidArgument,
                "the request is not signed by the key inside: who sent it does not have that key");
  return csr;
}

Response ca_certificates(Call& call) {
  const keys::OriginSigner ca = keys::issuing_ca(call.side.database());
  std::vector<crypto::Certificate> all{ca.certificate};
  all.insert(all.end(), ca.chain.begin(), ca.chain.end());
  return encoded(kCertsOnly, crypto::certs_only(all));
}

Response wishes(const crypto::CsrWishes& wishes) {
  return encoded("application/csrattrs", crypto::csr_attributes(wishes));
}

Response client_wishes(Call&) { return wishes({"EC-P-256", {std::string(crypto::kClientAuth)}}); }

Response profile_wishes(Call& call) {
  const requests::CaConfig config = requests::ca_config(call.side.database());
  const requests::CaProfile& profile = config.profile(call.parameter("profile"));
  return wishes({profile.key_algorithms.front(), profile.extended_key_usage});
}

/// `Authorization: Basic`: the name, and a one-time code in the place of a password.
struct Basic {
  pool::Invitee who;
  std::string code;
};

[[noreturn]] void ask_for_code(const std::string& why) {
  throw HttpError(401, why, {{"www-authenticate", "Basic realm=\"poolkey\", charset=\"UTF-8\""}},
                  Errc::kDenied);
}

Basic credentials(const Call& call) {
  constexpr std::string_view kScheme = "basic ";
  const std::string_view header = call.request.header("authorization");
  const bool is_basic = std::ranges::equal(
      header.substr(0, kScheme.size()), kScheme,
      [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
  const std::string hint =
      "a first certificate is given for a one-time code: the name as the user, the code as the "
      "password; 'poolkey access invite NAME' makes one";
  if (!is_basic) ask_for_code(hint);
  std::string text;
  try {
    text = to_text(from_base64(header.substr(kScheme.size())));
  } catch (const Error&) {
    ask_for_code(hint);
  }
  const auto colon = text.find(':');
  if (colon == text.npos) ask_for_code(hint);
  return {{pool::InvitationKind::kClient, "", text.substr(0, colon)}, text.substr(colon + 1)};
}

/// Issues, and counts the signature for whoever is known by name: a code is good for one.
template <class Issue>
Response answer(Call& call, const Issue& issue) {
  const bool is_known = !call.principal.name.empty();
  const auto made = is_known ? counted(call, 1, issue) : issue();
  if (!made.already)
    call.shared.metrics().count_signatures("certificate", 1);
  else if (is_known)
    give_back_signatures(call, 1);
  return certificate_response(made.issued);
}

Response client_answer(Call& call, const std::string& name, const crypto::ParsedCsr& csr) {
  return answer(call, [&] {
    return requests::client_certificate(call.context(), requests::ca_config(call.side.database()),
                                        name, csr);
  });
}

/// The code is bound only to a request that will be certified.
Response enrol_client(Call& call) {
  const Basic given = credentials(call);
  keys::Context& context = call.context();
  try {
    (void)pool::invitation_of(context.database, given.who, given.code, context.clock.now());
  } catch (const Error& error) {
    if (error.code() != Errc::kDenied) throw;
    ask_for_code(error.what());
  }
  const crypto::ParsedCsr csr = request_of(call);
  context.actor = "code " + given.who.name;
  requests::check_client_request(context, given.who.name, csr);
  pool::redeem(context, given.who, given.code, hex(crypto::sha256(csr.der)));
  return client_answer(call, given.who.name, csr);
}

/// The dispatcher lets one that has ended renew itself, as members that were away may.
void refuse_ended(const Call& call) {
  if (call.request.peer.certificate_ended)
    throw HttpError(401, "the client certificate has ended; ask the operator for another one", {},
                    Errc::kDenied);
}

/// RFC 7030 4.2.2: for the names that the present certificate has.
Response reenrol_client(Call& call) {
  if (call.principal.kind != policy::PrincipalKind::kClient)
    throw Error(Errc::kDenied,
                "this renews the certificate of a person or an application; members and accounts "
                "of this host have calls of their own");
  refuse_ended(call);
  const crypto::ParsedCsr csr = request_of(call);
  if (csr.has_san)
    throw Error(Errc::kInvalidArgument,
                "the request has alternative names, and the certificate that it is to renew has "
                "none (RFC 7030 4.2.2)");
  return client_answer(call, call.principal.name, csr);
}

Response profile_answer(Call& call, const crypto::ParsedCsr& csr) {
  return answer(call, [&] {
    return requests::sign_foreign(call.context(), requests::ca_config(call.side.database()), csr,
                                  call.parameter("profile"));
  });
}

Response enrol(Call& call) { return profile_answer(call, request_of(call)); }

/// A certificate of the profile is the right to have it renewed, for the very names in it; that it
/// is good was seen when the call was let in. Nothing where none was shown.
std::optional<crypto::Certificate> own_certificate(Call& call) {
  const Peer& peer = call.request.peer;
  if (peer.certificate.empty()) return std::nullopt;
  auto shown = crypto::Certificate::from_der(peer.certificate);
  const auto standing =
      keys::standing_of(call.side.database(), shown.serial(), hex(shown.sha256()));
  if (!standing || standing->profile != call.parameter("profile")) return std::nullopt;
  return shown;
}

Response reenrol(Call& call) {
  refuse_ended(call);
  const std::optional<crypto::Certificate> present = own_certificate(call);
  if (!present) {
    if (call.principal.kind == policy::PrincipalKind::kAnonymous)
      throw HttpError(401,
                      "show the certificate that is to be renewed, or one of a requester for this "
                      "profile, in the TLS handshake",
                      {}, Errc::kDenied);
    authorize(call, AccessAction::kCertificateSign, {.profile = call.parameter("profile")});
    return enrol(call);
  }
  const crypto::ParsedCsr csr = request_of(call);
  if (csr.name.common_name != present->common_name() || csr.sans != present->alternative_names())
    throw Error(Errc::kInvalidArgument,
                "the request has other names than the certificate that it is to renew (RFC 7030 "
                "4.2.2)");
  return profile_answer(call, csr);
}

Route get(std::string_view path, std::string_view summary, Response (*handle)(Call&)) {
  return {.method = "GET",
          .path = path,
          .access = Access::kPublic,
          .action = AccessAction::kPublicRead,
          .summary = summary,
          .handle = handle};
}

Route post(std::string_view path, Access access, AccessAction action, std::string_view summary,
           Response (*handle)(Call&)) {
  return {.method = "POST",
          .path = path,
          .access = access,
          .action = action,
          .summary = summary,
          .body = kRequestBody,
          .repeat = Repeat::kIdempotent,
          .handle = handle};
}

constexpr std::string_view kCaSummary = "EST: the issuing CA and what stands above it, PKCS#7";
constexpr std::string_view kWishSummary = "EST: what a request should say, CsrAttrs";
constexpr std::string_view kFirstSummary =
    "EST: a person's or an application's first certificate, for a one-time code";
constexpr std::string_view kNextSummary = "EST: the caller's own client certificate anew";

}  // namespace

std::span<const Route> est_routes() {
  static const auto& routes = *new std::vector<Route>{
      get("/.well-known/est/cacerts", kCaSummary, ca_certificates),
      get("/.well-known/est/{profile}/cacerts", kCaSummary, ca_certificates),
      get("/.well-known/est/csrattrs", kWishSummary, client_wishes),
      get("/.well-known/est/client/csrattrs", kWishSummary, client_wishes),
      get("/.well-known/est/{profile}/csrattrs", kWishSummary, profile_wishes),
      post("/.well-known/est/simpleenroll", Access::kCode, AccessAction::kIdentityEnrol,
           kFirstSummary, enrol_client),
      post("/.well-known/est/client/simpleenroll", Access::kCode, AccessAction::kIdentityEnrol,
           kFirstSummary, enrol_client),
      post("/.well-known/est/simplereenroll", Access::kPolicy, AccessAction::kIdentityRenew,
           kNextSummary, reenrol_client),
      post("/.well-known/est/client/simplereenroll", Access::kPolicy, AccessAction::kIdentityRenew,
           kNextSummary, reenrol_client),
      post("/.well-known/est/{profile}/simpleenroll", Access::kPolicy,
           AccessAction::kCertificateSign, "EST: a certificate under a profile", enrol),
      post("/.well-known/est/{profile}/simplereenroll", Access::kHolder,
           AccessAction::kCertificateSign,
           "EST: a certificate under a profile anew, shown by the one that it is to follow",
           reenrol),
  };
  return routes;
}

}  // namespace poolkey::service
