#include "pool/member_side.h"

#include "base/file.h"
#include "crypto/cms.h"
#include "crypto/digest.h"
#include "home/oids.h"
#include "hsm/key_pair.h"
#include "hsm/wrap.h"
#include "keys/certificate_object.h"
#include "keys/outside_head.h"
#include "keys/possession.h"
#include "keys/repository.h"
#include "pool/software.h"

namespace poolkey::pool {
namespace {

constexpr std::size_t kIdSize = 16;

struct Row {
  OwnRole role;
  std::string_view label;
  std::string_view algorithm;
  std::string_view usage;      ///< the one thing that the private key may do
  std::string_view mechanism;  ///< the one way to do it
};

constexpr std::array kRows{
    Row{OwnRole::kIdentity, "poolkey-identity", "EC-P-256", "CKA_SIGN", "CKM_ECDSA"},
    Row{OwnRole::kTransport, "poolkey-transport", "RSA-3072", "CKA_UNWRAP", "CKM_RSA_PKCS_OAEP"},
};

const Row& row_of(OwnRole role) { return role == OwnRole::kIdentity ? kRows[0] : kRows[1]; }

AttributeSet private_attributes(const Row& row) {
  AttributeSet out{{"CKA_PRIVATE", true}, {"CKA_SENSITIVE", true}, {"CKA_EXTRACTABLE", false}};
  for (const char* usage :
       {"CKA_SIGN", "CKA_SIGN_RECOVER", "CKA_DECRYPT", "CKA_UNWRAP", "CKA_DERIVE"})
    out.push_back({usage, row.usage == usage});
  out.push_back({"CKA_ALLOWED_MECHANISMS", std::vector<std::string>{std::string(row.mechanism)}});
  out.push_back({"CKA_COPYABLE", false});
  out.push_back({"CKA_MODIFIABLE", false});
  return out;
}

AttributeSet public_attributes(const Row& row) {
  return {{"CKA_PRIVATE", false},        {"CKA_VERIFY", row.role == OwnRole::kIdentity},
          {"CKA_VERIFY_RECOVER", false}, {"CKA_ENCRYPT", false},
          {"CKA_WRAP", false},           {"CKA_DERIVE", false}};
}

hsm::KeyPairSpec specification(const Row& row, Bytes id) {
  hsm::KeyPairSpec spec;
  spec.algorithm = row.algorithm;
  spec.private_attributes = private_attributes(row);
  spec.public_attributes = public_attributes(row);
  if (row.role == OwnRole::kTransport)
    spec.private_extra.set(CKA_UNWRAP_TEMPLATE, hsm::transport_unwrap_template());
  spec.label = row.label;
  spec.id = std::move(id);
  return spec;
}

std::string setting_name(const Row& row) { return std::string(row.label) + ".spki"; }

}  // namespace

Address MemberSide::address() const {
  return {pool, name, software ? software->serial() : context.token->info().serial};
}

std::string MemberSide::token_label() const {
  return software ? name.str() + " (software)" : context.token->info().label;
}

OwnKey ensure_own_key(MemberSide& side, OwnRole role) {
  const Row& row = row_of(role);
  keys::Context& context = side.context;
  if (keys::setting(context.database, setting_name(row))) {
    context.journal.settle("member key", row.label);
    return own_key(side, role);
  }
  if (side.software) {  // made with the home
    keys::set_setting(context.database, setting_name(row),
                      "00 " + base64(side.software->public_key(role).spki_der()));
    return own_key(side, role);
  }
  store::Operation operation = context.journal.begin("member key", std::string(row.label));
  const Bytes id =
      from_hex(operation.step("id", [] { return hex(crypto::random_bytes(kIdSize)); }));
  const hsm::KeyPairSpec spec = specification(row, id);
  const std::string spki = operation.step("generate", [&] {
    std::optional<crypto::PublicKey> key;
    keys::record(context, "member key", spec.label, "", &operation, [&]() -> json::object {
      key = keys::obtain_pair(*context.token, spec).key;
      return {{"algorithm", key->algorithm()}, {"spki_sha256", hex(key->spki_sha256())}};
    });
    return base64(key->spki_der());
  });
  operation.step("record", [&]() -> std::string {
    keys::set_setting(context.database, setting_name(row), hex(id) + " " + spki);
    return "done";
  });
  operation.finish();
  return own_key(side, role);
}

OwnKey own_key(MemberSide& side, OwnRole role) {
  const auto stored = keys::setting(side.context.database, setting_name(row_of(role)));
  if (!stored)
    throw Error(Errc::kNotFound,
                "this member has no keys of its own yet; run 'poolkey member enrol' first");
  const auto blank = stored->find(' ');
  return {crypto::PublicKey::from_spki_der(from_base64(stored->substr(blank + 1))),
          from_hex(stored->substr(0, blank))};
}

hsm::KeyObject own_object(MemberSide& side, hsm::Session& session, const OwnKey& key,
                          std::string_view what) {
  auto found = hsm::find_private_key(session, key.public_key, key.id);
  if (!found)
    throw Error(Errc::kConflict, "the member's " + std::string(what) + " key is no longer in " +
                                     side.context.token->name().str() +
                                     "; restore the token, or enrol the member anew");
  return std::move(*found);
}

Bytes sign_as_member(MemberSide& side, ByteView message) {
  if (side.software) return side.software->sign(message);
  const OwnKey key = own_key(side, OwnRole::kIdentity);
  const hsm::Lease lease = side.context.token->lease();
  const hsm::KeyObject object = own_object(side, *lease, key, "identity");
  return keys::sign_with_object(*lease, object.handle, key.public_key, message);
}

crypto::Certificate pinned_root(MemberSide& side) {
  const auto pem = keys::setting(side.context.database, "root.pem");
  if (!pem)
    throw Error(Errc::kNotFound,
                "this member has not pinned an origin's root yet; run 'poolkey member confirm'");
  const crypto::Certificate root = crypto::Certificate::from_pem(*pem);
  if (side.software) return root;
  for (const crypto::Certificate& in_token :
       keys::certificates_labelled(*side.context.token, "poolkey-root"))
    if (!(in_token == root))
      throw Error(Errc::kCorrupt, "the root pinned in " + side.context.token->name().str() +
                                      " is not the one in this member's state; nothing is accepted "
                                      "until that is understood");
  return root;
}

std::string verified_document(MemberSide& side, const std::filesystem::path& file,
                              std::string_view content_type) {
  return verified_content(side, read_file(file), file, content_type);
}

std::string verified_content(MemberSide& side, std::string_view cms,
                             const std::filesystem::path& file, std::string_view content_type) {
  try {
    return to_text(
        crypto::cms::verify(view(cms), content_type, pinned_root(side), home::oid::kEnvelopeSigner)
            .content);
  } catch (const Error& error) {
    throw Error(error.code(), "'" + file.string() + "': " + error.what());
  }
}

void check_addressee(const MemberSide& side, const Address& address, const std::string& what) {
  const Address me = side.address();
  if (address == me) return;
  throw Error(Errc::kDenied, what + " is for member '" + address.member.str() + "' of pool '" +
                                 address.pool.str() + "' (token serial " + address.token_serial +
                                 "), and this is '" + me.member.str() + "' of '" + me.pool.str() +
                                 "' (token serial " + me.token_serial + "); nothing was changed");
}

void checkpoint_member(MemberSide& side) {
  keys::checkpoint(
      side.context, [&](ByteView message) { return sign_as_member(side, message); },
      hex(own_key(side, OwnRole::kIdentity).public_key.spki_sha256()));
}

}  // namespace poolkey::pool
