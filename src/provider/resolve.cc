#include "provider/resolve.h"

#include <algorithm>

#include "provider/certificates.h"
#include "provider/pool_uri.h"

namespace poolkey::provider {
namespace {

using Version = home::Statement::Version;

std::string name_of(const PoolUri& uri) {
  return uri.key.str() + (uri.version ? "@" + std::to_string(*uri.version) : "");
}

const Version& version_of(const home::Statement& statement, const PoolUri& uri) {
  const Time now = SystemClock().now();
  const auto is_named = [&](const Version& version) {
    return version.key.key == uri.key && (uri.version ? version.key.version == *uri.version
                                                      : home::is_in_force(statement, version, now));
  };
  const auto found = std::ranges::find_if(statement.versions, is_named);
  if (found == statement.versions.end() || (uri.pool && statement.member.pool != *uri.pool))
    throw Error(Errc::kNotFound, "this member of pool '" + statement.member.pool.str() +
                                     "' has no key '" + name_of(uri) + "' by its statement " +
                                     std::to_string(statement.sequence) +
                                     "; see 'poolkey member status'");
  return *found;
}

Named pool_key(const Provider& provider, std::string_view text) {
  const PoolUri uri = parse_pool_uri(text);
  const Settings settings = provider.tokens->settings();
  if (!settings.pool)
    throw Error(Errc::kNotFound, "'" + std::string(text) +
                                     "' is the name of a pool key, and openssl.cnf names no home "
                                     "of a member; set poolkey-home, or use a pkcs11: URI");
  const auto statement = provider.state->statement(settings);
  if (!statement)
    throw Error(Errc::kNotFound, "the member in '" + settings.home.string() +
                                     "' has no statement of its origin yet; run 'poolkey member "
                                     "receive'");
  const Version& version = version_of(*statement, uri);
  Named out{.uri = {}, .text = version.key.str(), .spki = version.spki};
  out.uri.token = statement->token_label;
  out.uri.serial = statement->member.token_serial;
  out.uri.id = version.id;
  return out;
}

Bytes sha256(ByteView message, OSSL_LIB_CTX* libctx) {
  const crypto::EvpMd md(EVP_MD_fetch(libctx, "SHA256", kOthers));
  Bytes out(EVP_MAX_MD_SIZE);
  unsigned int size = 0;
  if (!md || EVP_Digest(message.data(), message.size(), out.data(), &size, md.get(), nullptr) != 1)
    throw Error(Errc::kInternal, "OpenSSL could not compute a fingerprint");
  out.resize(size);
  return out;
}

/// Puts the chain behind the certificates that a URI named, as far as the token holds it.
void add_chain(const Provider& provider, hsm::Uri uri, std::vector<Found>& found,
               const PinSource& prompt) {
  uri.object.reset();
  uri.id.reset();
  std::vector<Bytes> leaves, all;
  for (Found& one : found) leaves.push_back(std::move(one.certificate));
  for (Found& one : look_up(*provider.tokens, uri, Expected::kCertificate, prompt))
    all.push_back(std::move(one.certificate));
  found.clear();
  for (Bytes& der : with_chain(std::move(leaves), all, provider.child.get()))
    found.push_back({nullptr, std::move(der)});
}

/// Asked before the module is: SoftHSM computes with the same OpenSSL, and where that knows no
/// digest it says that the PIN is wrong.
void require_others(const Provider& provider) {
  try {
    static_cast<void>(provider.digests->find("SHA256"));
  } catch (const Error&) {
    throw Error(Errc::kUnsupported,
                "no other provider is active, and poolkey computes no digests itself; add "
                "'default = default_section' to the providers in openssl.cnf, and a "
                "[default_section] with 'activate = 1'");
  }
}

}  // namespace

Named parse_any_uri(const Provider& provider, std::string_view text) {
  require_others(provider);
  if (text.starts_with(kPoolScheme)) return pool_key(provider, text);
  return {parse_object_uri(text, provider.tokens->uri_rules())};
}

std::vector<Found> find(const Provider& provider, const Named& named, Expected expected,
                        const PinSource& prompt) {
  std::vector<Found> found = look_up(*provider.tokens, named.uri, expected, prompt);
  for (const Found& one : found)
    if (named.spki && one.key && spki_der(one.key->part) != *named.spki)
      throw Error(Errc::kConflict, "the token has another key where the pool key " + named.text +
                                       " should be; nothing was loaded");
  const bool wants_certificates = expected == Expected::kCertificate || named.uri.type == "cert";
  if (wants_certificates && (named.uri.object || named.uri.id))
    add_chain(provider, named.uri, found, prompt);
  return found;
}

std::shared_ptr<const Key> resolve(const Provider& provider, const crypto::KeyReference& reference,
                                   const PinSource& prompt) {
  const Named named = parse_any_uri(provider, reference.uri);
  const auto key = find(provider, named, Expected::kPrivateKey, prompt).front().key;
  if (!reference.fingerprint.empty() &&
      sha256(spki_der(key->part), provider.child.get()) != reference.fingerprint)
    throw Error(Errc::kConflict, "the private key '" + named.uri.str() +
                                     "' is not the one that the key reference was written for: its "
                                     "fingerprint differs; nothing was loaded");
  return key;
}

}  // namespace poolkey::provider
