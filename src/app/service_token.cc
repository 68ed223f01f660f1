#include "app/service_token.h"

#include "crypto/digest.h"
#include "home/pin.h"
#include "hsm/key_pair.h"
#include "hsm/uri.h"
#include "keys/possession.h"

namespace poolkey::app {
namespace {

constexpr const char* kLabel = "poolkey-service";
constexpr const char* kVerb = "service init";
constexpr const char* kSetting = "service.key";  // "SERIAL ID SPKI"
constexpr std::size_t kIdSize = 16;

std::string owner_of(const home::Service& service) {
  return "the user of token '" + service.token_label + "'";
}

struct OwnKey {
  Bytes id;
  crypto::PublicKey public_key;
};

/// The key that was made in the token with this serial.
std::optional<OwnKey> find_key(store::Database& database, const std::string& serial) {
  const auto stored = keys::setting(database, kSetting);
  if (!stored || !stored->starts_with(serial + " ")) return std::nullopt;
  const std::string rest = stored->substr(serial.size() + 1);
  const auto blank = rest.find(' ');
  return OwnKey{from_hex(rest.substr(0, blank)),
                crypto::PublicKey::from_spki_der(from_base64(rest.substr(blank + 1)))};
}

OwnKey own_key(store::Database& database, const home::Service& service) {
  if (!service.token_serial.empty())
    if (auto key = find_key(database, service.token_serial)) return std::move(*key);
  throw Error(Errc::kNotFound,
              "the service has no key of its own yet; run 'poolkey service init' (again, if it was "
              "interrupted)");
}

std::shared_ptr<hsm::Token> open(const std::shared_ptr<hsm::Module>& module,
                                 const home::Service& service, const Pin& pin) {
  auto token = hsm::Token::open(module, {service.token_label, service.token_serial});
  token->login(hsm::Role::kUser, pin);
  return token;
}

/// Nobody needs this token's security officer: what he could do is set a new user PIN, and the
/// token is made anew at less cost. A run that was interrupted finds the same PIN again.
Pin so_pin(const Pin& user) {
  Bytes text = to_bytes("security officer of the service's token: ");
  const ByteView pin = user.view();
  text.insert(text.end(), pin.begin(), pin.end());
  return Pin(hex(crypto::sha256(text)).substr(0, 32));
}

std::string serial_of_new(const std::shared_ptr<hsm::Module>& module, const home::Service& service,
                          const Pin& pin, bool begun_before) {
  return hsm::init_token(module, service.token_label, so_pin(pin), pin, begun_before).serial;
}

/// A token that is there: empty, and no other part's.
std::string serial_of_existing(const std::shared_ptr<hsm::Module>& module,
                               const home::Service& service, const Pin& pin) {
  const auto token = open(module, service, pin);
  const hsm::Lease lease = token->lease();
  if (!hsm::find_private_keys(*lease, {}).empty())
    throw Error(Errc::kConflict, token->name().str() +
                                     " holds private keys already; the service wants a token of "
                                     "its own");
  return token->info().serial;
}

hsm::KeyPairSpec specification(Bytes id) {
  hsm::KeyPairSpec spec;
  spec.algorithm = "EC-P-256";
  AttributeSet& own = spec.private_attributes;
  own = {{"CKA_PRIVATE", true}, {"CKA_SENSITIVE", true}, {"CKA_EXTRACTABLE", false}};
  for (const char* usage : {"CKA_SIGN_RECOVER", "CKA_DECRYPT", "CKA_UNWRAP", "CKA_DERIVE"})
    own.push_back({usage, false});
  own.push_back({"CKA_SIGN", true});
  own.push_back({"CKA_ALLOWED_MECHANISMS", std::vector<std::string>{"CKM_ECDSA"}});
  own.push_back({"CKA_COPYABLE", false});
  own.push_back({"CKA_MODIFIABLE", false});
  spec.public_attributes = {{"CKA_PRIVATE", false},        {"CKA_VERIFY", true},
                            {"CKA_VERIFY_RECOVER", false}, {"CKA_ENCRYPT", false},
                            {"CKA_WRAP", false},           {"CKA_DERIVE", false}};
  spec.label = kLabel;
  spec.id = std::move(id);
  return spec;
}

void make_key(keys::Context& context, const std::shared_ptr<hsm::Token>& token,
              store::Operation& operation) {
  const std::string serial = token->info().serial;
  const Bytes id =
      from_hex(operation.step("id", [] { return hex(crypto::random_bytes(kIdSize)); }));
  const std::string spki = operation.step("generate", [&] {
    std::string made;
    keys::record(context, "service key", token->name().str(), "", &operation,
                 [&]() -> json::object {
                   const crypto::PublicKey key = keys::obtain_pair(*token, specification(id)).key;
                   made = base64(key.spki_der());
                   return {{"algorithm", key.algorithm()}, {"spki_sha256", hex(key.spki_sha256())}};
                 });
    return made;
  });
  operation.step("record", [&]() -> std::string {
    keys::set_setting(context.database, kSetting, serial + " " + hex(id) + " " + spki);
    return "done";
  });
}

void check_same(const Config& config, const home::Service& wanted) {
  if (wanted.token_label == config.token_label)
    throw Error(Errc::kInvalidArgument, "'" + wanted.token_label +
                                            "' is the origin's own token; the service has another, "
                                            "whose key is worth less");
  if (config.service && config.service->token_label != wanted.token_label)
    throw Error(Errc::kAlreadyExists, "the service has the token '" + config.service->token_label +
                                          "' already; nothing was changed");
}

}  // namespace

ServiceToken::ServiceToken(keys::Context& origin, const home::Service& service)
    : token_(open(origin.token->shared_module(), service,
                  home::read_pin(home::parse_pin_source(service.pin_source), owner_of(service)))),
      provider_(token_),
      public_key_(own_key(origin.database, service).public_key),
      id_(own_key(origin.database, service).id) {}

ServiceIdentity ServiceToken::identity(keys::Context& origin, const home::Service& service,
                                       requests::Renewal renewal) const {
  const requests::ClientCertificate made =
      requests::service_certificate(origin, requests::ca_config(origin.database), service.names,
                                    service.addresses, public_key_, renewal);
  ServiceIdentity out{provider_.load_private_key(hsm::private_key_uri(token_->name(), id_)),
                      made.issued.pem, made.issued.not_before, made.issued.not_after};
  if (!(crypto::PublicKey::from_evp(out.key.get()) == public_key_))
    throw Error(Errc::kConflict, token_->name().str() +
                                     " has another key where the service's "
                                     "should be; nothing is served with it");
  for (const crypto::Certificate& above : made.chain) out.chain += above.pem();
  return out;
}

home::Service set_up_service(App& side, home::Service wanted, TokenIs token) {
  Config config = side.config();
  check_same(config, wanted);
  wanted.token_serial = config.service ? config.service->token_serial : "";
  config.service = wanted;
  keys::Context& context = side.context();
  const auto write = [&](const std::string& serial) {
    config.service->token_serial = serial;
    home::write_config(side.home(), config);
  };
  if (!wanted.token_serial.empty() && find_key(context.database, wanted.token_serial)) {
    context.journal.settle(kVerb, wanted.token_label);
    write(wanted.token_serial);
    return *config.service;
  }
  const home::PinSource source = home::parse_pin_source(wanted.pin_source);
  const bool fresh = token == TokenIs::kMade && wanted.token_serial.empty();
  const Pin pin = fresh ? home::read_new_pin(source, owner_of(wanted))
                        : home::read_pin(source, owner_of(wanted));
  const auto module = context.token->shared_module();
  store::Operation operation = context.journal.begin(kVerb, wanted.token_label);
  operation.step("configuration", [&]() -> std::string {
    write("");
    return "done";
  });
  const std::string serial = operation.step("token", [&] {
    return token == TokenIs::kThere ? serial_of_existing(module, wanted, pin)
                                    : serial_of_new(module, wanted, pin, operation.resumed());
  });
  write(serial);
  make_key(context, open(module, *config.service, pin), operation);
  operation.finish();
  return *config.service;
}

}  // namespace poolkey::app
