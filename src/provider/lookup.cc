#include "provider/lookup.h"

#include <algorithm>

#include "hsm/object.h"

namespace poolkey::provider {
namespace {

hsm::Template of_class(const hsm::Uri& uri, CK_OBJECT_CLASS object_class) {
  hsm::Template out = uri.object_template();
  out.set(CKA_CLASS, CK_ULONG{object_class});
  return out;
}

bool names_one(const hsm::Uri& uri) { return uri.object || uri.id || uri.type == "private"; }

/// One search of one token, under one lease.
class Search {
 public:
  Search(SigningToken& token, const hsm::Uri& uri, Expected expected)
      : token_(token), lease_(token.lease()), uri_(uri), expected_(expected) {}

  std::vector<Found> run() {
    if (wants("private", Expected::kPrivateKey)) add_private_keys();
    if (wants("public", Expected::kPublicKey)) add_public_keys();
    if (wants("cert", Expected::kCertificate)) add_certificates();
    // A token may keep no public object beside an RSA key.
    if (expected_ == Expected::kPublicKey && found_.empty() && uri_.type != "cert")
      for (const auto& key : private_keys()) add(std::make_shared<Key>(Key{key->part, nullptr}));
    return std::move(found_);
  }

 private:
  bool wants(std::string_view type, Expected kind) const {
    return (!uri_.type || *uri_.type == type) &&
           (expected_ == Expected::kAnything || expected_ == kind);
  }

  void add(std::shared_ptr<const Key> key) { found_.push_back({std::move(key), {}}); }

  /// Different private keys; several objects that hold one key count once.
  std::vector<std::shared_ptr<const Key>> private_keys() {
    std::vector<std::shared_ptr<const Key>> out;
    for (const CK_OBJECT_HANDLE object :
         hsm::find_objects(*lease_, of_class(uri_, CKO_PRIVATE_KEY))) {
      const auto part = public_part_of_private(*lease_, object);
      Bytes id = hsm::read_bytes(*lease_, object, CKA_ID).value_or(Bytes{});
      std::string label = to_text(hsm::read_bytes(*lease_, object, CKA_LABEL).value_or(Bytes{}));
      if (!part) {
        nameless_ = label;
        continue;
      }
      if (std::ranges::none_of(out, [&](const auto& key) { return key->part == *part; }))
        out.push_back(std::make_shared<Key>(
            Key{*part, token_.private_key(object, *part, std::move(id), std::move(label))}));
    }
    return out;
  }

  void add_private_keys() {
    const auto keys = private_keys();
    const bool one = names_one(uri_) || expected_ == Expected::kPrivateKey;
    if (one && keys.size() > 1)
      throw Error(Errc::kConflict, "'" + uri_.str() + "' names " + std::to_string(keys.size()) +
                                       " different private keys; name one by id= or object=");
    if (one && keys.empty() && nameless_)
      throw Error(Errc::kUnsupported,
                  "the private key '" + *nameless_ + "' of token '" + token_.info().label +
                      "' has no public key object with the same id beside it, or is neither RSA "
                      "nor Ed25519 nor on P-256, P-384 or P-521");
    for (const auto& key : keys) add(key);
  }

  void add_public_keys() {
    for (const CK_OBJECT_HANDLE object :
         hsm::find_objects(*lease_, of_class(uri_, CKO_PUBLIC_KEY))) {
      const auto part = read_public_part(*lease_, object);
      // A pair is listed once, and so is a key that stands twice.
      if (part &&
          std::ranges::none_of(found_, [&](const Found& f) { return f.key->part == *part; }))
        add(std::make_shared<Key>(Key{*part, nullptr}));
    }
  }

  void add_certificates() {
    for (const CK_OBJECT_HANDLE object :
         hsm::find_objects(*lease_, of_class(uri_, CKO_CERTIFICATE))) {
      auto der = hsm::read_bytes(*lease_, object, CKA_VALUE);
      if (der && !der->empty()) found_.push_back({nullptr, std::move(*der)});
    }
  }

  SigningToken& token_;
  hsm::Lease lease_;
  const hsm::Uri& uri_;
  Expected expected_;
  std::vector<Found> found_;
  std::optional<std::string> nameless_;  ///< a private key whose public part cannot be had
};

std::string_view noun(Expected expected) {
  switch (expected) {
    case Expected::kPrivateKey:
      return "private key";
    case Expected::kPublicKey:
      return "public key";
    case Expected::kCertificate:
      return "certificate";
    case Expected::kAnything:
      break;
  }
  return "key or certificate";
}

}  // namespace

hsm::Uri parse_object_uri(std::string_view text) {
  hsm::Uri uri = hsm::parse_uri(text);
  for (const auto& [name, value] : uri.query)
    if (name == "pin-value" || name == "pin-source" || name == "module-path" ||
        name == "module-name")
      throw Error(Errc::kDenied, "the PKCS#11 URI has a '" + name +
                                     "', which is refused: modules and PINs come from openssl.cnf "
                                     "(poolkey-module, poolkey-pin-source) or a prompt only");
  if (uri.type == "secret-key" || uri.type == "data")
    throw Error(Errc::kUnsupported, "PKCS#11 URI: objects of the type '" + *uri.type +
                                        "' are not served; only private, public and cert");
  return uri;
}

std::vector<Found> look_up(Tokens& tokens, const hsm::Uri& uri, Expected expected,
                           const PinSource& prompt) {
  const std::shared_ptr<SigningToken> token = tokens.find(uri);
  const bool maybe_private = (!uri.type || uri.type == "private") &&
                             (expected == Expected::kAnything || expected == Expected::kPrivateKey);
  if (maybe_private) tokens.login(*token, prompt);
  std::vector<Found> found = Search(*token, uri, expected).run();
  // Public objects may be hidden, too: SoftHSM makes keys private by default.
  if (found.empty() && !token->logged_in()) {
    tokens.login(*token, prompt);
    found = Search(*token, uri, expected).run();
  }
  if (found.empty())
    throw Error(Errc::kNotFound, "there is no " + std::string(noun(expected)) + " '" + uri.str() +
                                     "' in token '" + token->info().label + "'");
  return found;
}

std::optional<PublicPart> public_part_of_private(hsm::Session& session, CK_OBJECT_HANDLE object) {
  if (auto own = read_public_part(session, object)) return own;
  hsm::Template wanted;
  wanted.set(CKA_CLASS, CK_ULONG{CKO_PUBLIC_KEY});
  const auto id = hsm::read_bytes(session, object, CKA_ID);
  const auto label = hsm::read_bytes(session, object, CKA_LABEL);
  if (id && !id->empty())
    wanted.set(CKA_ID, ByteView(*id));
  else if (label && !label->empty())
    wanted.set(CKA_LABEL, ByteView(*label));
  else
    return std::nullopt;
  // The twin is of the same kind and curve: pairs of different kinds may share an id.
  if (const auto type = hsm::read_ulong(session, object, CKA_KEY_TYPE))
    wanted.set(CKA_KEY_TYPE, *type);
  if (const auto curve = hsm::read_bytes(session, object, CKA_EC_PARAMS))
    wanted.set(CKA_EC_PARAMS, ByteView(*curve));
  std::optional<PublicPart> out;
  for (const CK_OBJECT_HANDLE twin : hsm::find_objects(session, std::move(wanted))) {
    auto part = read_public_part(session, twin);
    if (part && out && *part != *out) return std::nullopt;  // which of them is not to be guessed
    if (part) out = std::move(part);
  }
  return out;
}

}  // namespace poolkey::provider
