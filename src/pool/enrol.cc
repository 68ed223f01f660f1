#include "pool/enrol.h"

#include "base/file.h"
#include "crypto/cms.h"
#include "crypto/digest.h"
#include "home/oids.h"
#include "hsm/wrap.h"
#include "keys/certificate_object.h"
#include "pool/evict.h"
#include "pool/recipient.h"
#include "pool/registry.h"
#include "pool/software.h"
#include "pool/standby.h"
#include "pool/suite.h"

namespace poolkey::pool {
namespace {

constexpr std::string_view kRequestKind = "enrolment";
constexpr const char* kRequestSetting = "enrolment.request";

std::string trusted_label(const Address& a) { return a.pool.str() + "/" + a.member.str(); }

/// The certificate in the document that has the fingerprint which the operator was told.
crypto::Certificate carried_root(ByteView cms, ByteView sha256, const std::string& file) {
  std::string seen;
  for (const crypto::Certificate& c : crypto::cms::carried_certificates(cms)) {
    const Bytes fingerprint = c.sha256();
    if (std::equal(fingerprint.begin(), fingerprint.end(), sha256.begin(), sha256.end())) return c;
    if (c.subject() == c.issuer()) seen = fingerprint_text(fingerprint);
  }
  throw Error(Errc::kDenied, "the root in '" + file + "' has the fingerprint " +
                                 (seen.empty() ? "(it carries none)" : seen) +
                                 ", not the one given; nothing was pinned. Ask the origin's "
                                 "operator for the fingerprint again, by another way");
}

Member enrolled_member(const PendingEnrolment& pending) {
  const EnrolmentRequest& request = pending.request;
  Member out{.name = request.member.member};
  out.enrolled = true;
  out.token_label = request.token_label;
  out.token_serial = request.member.token_serial;
  out.identity = request.identity;
  out.transport = request.transport;
  out.fingerprint = hex(pending.fingerprint);
  out.token = request.token;
  return out;
}

}  // namespace

Bytes request_enrolment(MemberSide& side) {
  keys::Context& context = side.context;
  // First: a token that can open nothing gets no keys of ours.
  const TokenReport report = side.software ? software_report() : report_of(*context.token);
  const OwnKey identity = ensure_own_key(side, OwnRole::kIdentity);
  const OwnKey transport = ensure_own_key(side, OwnRole::kTransport);
  const std::string subject = side.pool.str() + "/" + side.name.str();
  store::Operation operation = context.journal.begin("member enrol", subject);
  const std::string document = operation.step("document", [&] {
    if (auto earlier = keys::setting(context.database, kRequestSetting)) return *earlier;
    EnrolmentRequest request{side.address(),      side.token_label(),       transport.public_key,
                             identity.public_key, crypto::random_bytes(32), report};
    if (is_standby(side.pool))
      for (const std::string& role : keys::delegated_roles())
        request.signers.push_back(
            {role, keys::key(context.database, {KeyName(role), 1}).public_key});
    const std::string statement = json::compact(to_json(request));
    return json::pretty(to_json(SignedStatement{statement, sign_as_member(side, view(statement))}));
  });
  const Bytes fingerprint = crypto::sha256(view(document));
  keys::record(context, "member enrol", subject, "", &operation, [&]() -> json::object {
    operation.step("record", [&]() -> std::string {
      keys::set_setting(context.database, kRequestSetting, document);
      return "done";
    });
    operation.step("post", [&]() -> std::string {
      side.mailbox.put(side.mailbox.to_origin(std::string(kRequestKind), side.pool, side.name),
                       view(document));
      return "done";
    });
    return {{"fingerprint", hex(fingerprint)}};
  });
  operation.finish();
  return fingerprint;
}

std::string requested_enrolment(MemberSide& side) {
  const auto document = keys::setting(side.context.database, kRequestSetting);
  if (!document) throw Error(Errc::kNotFound, "this member has not asked for enrolment yet");
  return *document;
}

crypto::Certificate confirm_enrolment(MemberSide& side, ByteView root_sha256) {
  keys::Context& context = side.context;
  const auto path = side.mailbox.to_member(side.pool, side.name, std::string(kConfirmationFile));
  if (!std::filesystem::exists(path))
    throw Error(Errc::kNotFound, "there is no confirmation for this member at '" + path.string() +
                                     "'; the origin has not admitted it yet");
  const std::string cms = read_file(path);
  const crypto::Certificate root = carried_root(view(cms), root_sha256, path.string());
  if (const auto pinned = keys::setting(context.database, "root.pem");
      pinned && !(crypto::Certificate::from_pem(*pinned) == root))
    throw Error(Errc::kAlreadyExists,
                "this member has pinned another root (" +
                    fingerprint_text(crypto::Certificate::from_pem(*pinned).sha256()) +
                    "); nothing was changed. A member of another origin is set up in a new home");
  const Confirmation claimed = confirmation(to_text(
      crypto::cms::verify(view(cms), home::oid::kConfirmation, root, home::oid::kEnvelopeSigner)
          .content));
  check_addressee(side, claimed.member, "the confirmation");
  const std::string request = keys::setting(context.database, kRequestSetting).value_or("");
  if (claimed.fingerprint != hex(crypto::sha256(view(request))))
    throw Error(Errc::kDenied,
                "the confirmation answers another enrolment request than this "
                "member's; nothing was pinned");
  const std::string subject = side.pool.str() + "/" + side.name.str();
  store::Operation operation = context.journal.begin("member confirm", subject, hex(root.sha256()));
  keys::record(context, "member confirm", subject, "", &operation, [&]() -> json::object {
    operation.step("pin", [&]() -> std::string {
      keep_signer_certificates(context, claimed, root);
      keys::set_setting(context.database, "root.pem", root.pem());
      return "done";
    });
    const std::string in_token = operation.step("token", [&]() -> std::string {
      if (side.software) return "no";
      try {
        keys::put_certificate(*context.token, root, "poolkey-root", root.sha256());
        return "yes";
      } catch (const Error& error) {
        // Some tokens hold no certificate objects: the state then has to do.
        if (error.code() != Errc::kUnsupported) throw;
        return "no";
      }
    });
    return {{"root_sha256", hex(root.sha256())}, {"in_token", in_token == "yes"}};
  });
  operation.finish();
  return root;
}

PendingEnrolment pending_enrolment(const Mailbox& mailbox, const PoolName& pool,
                                   const MemberName& member) {
  const auto path = mailbox.to_origin(std::string(kRequestKind), pool, member);
  if (!std::filesystem::exists(path))
    throw Error(Errc::kNotFound, "there is no enrolment request at '" + path.string() +
                                     "'; run 'poolkey member enrol' on the member");
  return checked_enrolment(read_file(path), path.string(), pool, member);
}

PendingEnrolment checked_enrolment(const std::string& document, const std::string& where,
                                   const PoolName& pool, const MemberName& member) {
  const SignedStatement signed_part = signed_statement(document);
  PendingEnrolment out{enrolment_request(signed_part.statement), crypto::sha256(view(document))};
  const EnrolmentRequest& request = out.request;
  if (!request.identity.verify("SHA256", view(signed_part.statement),
                               signed_part.identity_signature))
    throw Error(Errc::kCorrupt, "'" + where + "' is not signed by the identity key in it");
  if (request.member.pool != pool || request.member.member != member)
    throw Error(Errc::kCorrupt, "'" + where + "' is a request of member '" +
                                    request.member.member.str() + "' of pool '" +
                                    request.member.pool.str() + "'");
  if (request.identity.algorithm() != "EC-P-256")
    throw Error(Errc::kInvalidArgument, "the identity key in '" + where + "' is " +
                                            request.identity.algorithm() + ", not EC-P-256");
  crypto::check_transport_key(request.transport);
  if (request.token.software && is_standby(pool))
    throw Error(Errc::kUnsupported, "'" + where +
                                        "' is of a standby without a token; a standby hands keys "
                                        "on and needs one that enforces their attributes");
  const std::size_t signers = is_standby(pool) ? keys::delegated_roles().size() : 0;
  if (request.signers.size() != signers)
    throw Error(Errc::kCorrupt, "'" + where + "' names " + std::to_string(request.signers.size()) +
                                    " signers; a standby has " +
                                    std::to_string(keys::delegated_roles().size()) +
                                    ", a member none");
  return out;
}

void post_enrolment(const Mailbox& mailbox, const PoolName& pool, const MemberName& member,
                    const std::string& document) {
  mailbox.put(mailbox.to_origin(std::string(kRequestKind), pool, member), view(document));
}

void trust_member(keys::Context& context, const PendingEnrolment& pending, ByteView fingerprint) {
  const EnrolmentRequest& request = pending.request;
  const std::string subject = trusted_label(request.member);
  if (pending.fingerprint != Bytes(fingerprint.begin(), fingerprint.end()))
    throw Error(Errc::kDenied, "the request of " + subject + " has the fingerprint " +
                                   fingerprint_text(pending.fingerprint) +
                                   ", not the one given; nothing was trusted. Compare with what "
                                   "the member's operator reads out");
  if (is_standby(request.member.pool)) expect_standby(context, request.member.member);
  expect_not_evicted(context.database, request.identity, request.transport);
  const Member known = member(context.database, request.member.pool, request.member.member);
  if (known.enrolled && known.fingerprint != hex(pending.fingerprint))
    throw Error(Errc::kAlreadyExists, "member '" + known.name.str() +
                                          "' is enrolled with other "
                                          "keys (request " +
                                          known.fingerprint.substr(0, 16) +
                                          "...); evict it before it is enrolled anew");
  store::Operation operation =
      context.journal.begin("enrolment trust", subject, hex(pending.fingerprint));
  operation.step("trust", [&]() -> std::string {
    const hsm::Lease lease = context.token->lease();
    keys::record(context, "enrolment trust", subject, "", &operation, [&]() -> json::object {
      const auto turn = context.token->writing();
      if (hsm::find_trusted_key(*lease, request.transport) == CK_INVALID_HANDLE)
        hsm::import_trusted_key(*lease, request.transport, subject,
                                request.transport.spki_sha256());
      context.token->module().sync();
      return {{"transport_spki_sha256", hex(request.transport.spki_sha256())},
              {"keys_in", request.token.software ? "software" : "token"},
              {"fingerprint", hex(pending.fingerprint)}};
    });
    return "done";
  });
  operation.finish();
}

void confirm_member(keys::Context& context, const Mailbox& mailbox,
                    const PendingEnrolment& pending) {
  const EnrolmentRequest& request = pending.request;
  const std::string subject = trusted_label(request.member);
  store::Operation operation =
      context.journal.begin("enrolment confirm", subject, hex(pending.fingerprint));
  keys::record(context, "enrolment confirm", subject, "", &operation, [&]() -> json::object {
    operation.step("record", [&]() -> std::string {
      // What was posted, and asked, was for the token that it had before.
      if (!member(context.database, request.member.pool, request.member.member).enrolled) {
        for (const auto& file : mailbox.for_member(request.member.pool, request.member.member, ""))
          remove_file(file);
        forget_open_challenges(context.database, request.member.pool, request.member.member);
      }
      set_enrolled(context.database, request.member.pool, enrolled_member(pending),
                   context.clock.now());
      return "done";
    });
    if (is_standby(request.member.pool))
      operation.step("signers", [&]() -> std::string {
        (void)certify_standby(context, request, operation);
        return "done";
      });
    operation.step("post", [&]() -> std::string {
      const Confirmation confirmed{request.member, hex(pending.fingerprint),
                                   certify_standby(context, request, operation)};
      mailbox.put(mailbox.to_member(request.member.pool, request.member.member,
                                    std::string(kConfirmationFile)),
                  keys::sign_document(context, home::oid::kConfirmation, to_json(confirmed)));
      return "done";
    });
    return {{"identity_spki_sha256", hex(request.identity.spki_sha256())},
            {"keys_in", request.token.software ? "software" : "token"}};
  });
  inform_standbys(context, mailbox);
  operation.finish();
}

}  // namespace poolkey::pool
