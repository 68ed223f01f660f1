#include "requests/ca/rollover.h"

#include "keys/certificate_object.h"
#include "keys/generate.h"
#include "keys/issued.h"
#include "pool/safeguard.h"
#include "requests/ca/revocation_list.h"

namespace poolkey::requests {
namespace {

using keys::OriginRole;
using keys::OriginSigner;

constexpr std::string_view kVerb = "ca rollover";

std::vector<crypto::Certificate> with(const crypto::Certificate& first,
                                      const std::vector<crypto::Certificate>& rest) {
  std::vector<crypto::Certificate> out{first};
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

policy::Policy policy_for(keys::Context& context, const std::optional<policy::Policy>& given,
                          OriginRole role) {
  if (given) return *given;
  return keys::policy_of(context.database,
                         keys::origin_versions(context.database, role).back().key);
}

/// One run of a rollover, its steps told apart by the role they are about ("root/issue").
class Roll {
 public:
  Roll(keys::Context& context, const CaConfig& config, const std::optional<policy::Policy>& policy,
       store::Operation& operation)
      : context_(context), config_(config), policy_(policy), operation_(operation) {}

  /// A new key version of the role.
  keys::StoredKey key(OriginRole role) {
    const KeyName name{std::string(keys::key_name(role))};
    const auto newest = [&] { return keys::newest_version(context_.database, name); };
    const std::string before = step(role, "before", [&] { return std::to_string(newest()); });
    const std::string made = step(role, "key", [&] {
      if (std::to_string(newest()) == before)
        keys::generate(context_, name, std::nullopt, policy_for(context_, policy_, role));
      context_.journal.settle("key generate", name.str());
      return std::to_string(newest());
    });
    return keys::key(context_.database, {name, static_cast<std::uint32_t>(std::stoul(made))});
  }

  crypto::Certificate certificate(OriginRole role, const char* name,
                                  const keys::Certification& what) {
    return crypto::Certificate::from_der(from_base64(step(role, name, [&] {
      return base64(keys::certify(context_, what, keys::policy_of(context_.database, what.subject),
                                  operation_)
                        .der());
    })));
  }

  /// From here on the version is in force.
  void put_in_force(OriginRole role, const keys::StoredKey& key,
                    const crypto::Certificate& certificate,
                    const std::vector<crypto::Certificate>& chain) {
    step(role, "record", [&]() -> std::string {
      keys::insert_certificate(context_.database, {certificate, chain, key.name, ""},
                               context_.clock.now());
      return "done";
    });
    step(role, "token", [&]() -> std::string {
      return keys::put_certificate(*context_.token, certificate, key.name.str(), key.id) ? "written"
                                                                                         : "there";
    });
  }

  OriginSigner issuing(const OriginSigner& root) {
    const keys::StoredKey subject = key(OriginRole::kIssuingCa);
    keys::Certification what{.role = OriginRole::kIssuingCa,
                             .subject = subject,
                             .name = root.certificate.content().name,
                             .issuer = root,
                             .pointers = config_.pointers(root.key.name)};
    // A name of its own: each issuing CA's CRL covers what that one issued, by whatever rule a
    // relying party looks for it.
    what.name.common_name = std::string(keys::common_name(OriginRole::kIssuingCa)) + " " +
                            std::to_string(subject.name.version);
    const crypto::Certificate made = certificate(OriginRole::kIssuingCa, "issue", what);
    const std::vector<crypto::Certificate> chain =
        root.chain.empty() ? std::vector{root.certificate} : root.chain;
    put_in_force(OriginRole::kIssuingCa, subject, made, chain);
    return {subject, made, chain};
  }

  void crls() {
    operation_.step("crls", [&]() -> std::string {
      make_crls(context_, config_);
      return "done";
    });
  }

 private:
  std::string step(OriginRole role, const char* name, const std::function<std::string()>& act) {
    return operation_.step(std::string(keys::key_name(role)) + "/" + name, act);
  }

  keys::Context& context_;
  const CaConfig& config_;
  const std::optional<policy::Policy>& policy_;
  store::Operation& operation_;
};

OriginSigner newest_root(keys::Context& context) {
  std::vector<OriginSigner> roots = keys::origin_versions(context.database, OriginRole::kRoot);
  if (roots.empty()) return keys::origin_signer(context.database, OriginRole::kRoot);  // throws
  if (pool::is_elsewhere(context.database, roots.back().key.name))
    throw Error(Errc::kUnsupported,
                "the key of " + roots.back().key.name.str() +
                    " is not in this token: it was lost with the origin that this one took the "
                    "place of. Its CA cannot be renewed; set up a new origin");
  return std::move(roots.back());
}

/// One rollover goes on before another begins: both would change which issuing CA is in force.
void refuse_beside(keys::Context& context, std::string_view other) {
  for (const store::PendingOperation& pending : context.journal.pending())
    if (pending.verb == kVerb && pending.subject == other)
      throw Error(Errc::kConflict, "a rollover was interrupted; run 'poolkey ca rollover " +
                                       std::string(other) + "' again first");
}

/// Asked before anything is begun: a rollover that no policy allows would stay unfinished.
void require_allowed(keys::Context& context, const std::optional<policy::Policy>& given,
                     OriginRole role, const OriginSigner& root) {
  const policy::Policy policy = policy_for(context, given, role);
  const KeyName name{std::string(keys::key_name(role))};
  const KeyVersion next{name, keys::newest_version(context.database, name) + 1};
  for (const policy::Usage usage : {policy::Usage::kCertificate, policy::Usage::kRevocation})
    if (!policy::contains(policy.key().usages, usage))
      throw Error(Errc::kDenied, policy.key().usages.where.str() + " key.usages lacks '" +
                                     std::string(policy::word(usage)) +
                                     "', which a CA needs; give another policy by --policy");
  keys::permit(context, policy,
               {.action = policy::Action::kGenerate,
                .key = next,
                .algorithm = policy.algorithm_name(),
                .wrap_with_trusted = keys::wrap_with_trusted(*context.token)});
  keys::permit(context, keys::policy_of(context.database, root.key),
               {.action = policy::Action::kSign,
                .key = root.key.name,
                .algorithm = root.key.public_key.algorithm(),
                .key_age = context.clock.now() - root.key.created,
                .usage = policy::Usage::kCertificate,
                .validity = Days(1)});
}

crypto::Certificate cross(Roll& roll, const char* step, const CaConfig& config,
                          const OriginSigner& subject, const OriginSigner& issuer, Time now) {
  return roll.certificate(OriginRole::kRoot, step,
                          {.role = OriginRole::kRoot,
                           .subject = subject.key,
                           .name = subject.certificate.content().name,
                           .issuer = issuer,
                           .profile = std::string(kCrossProfile),
                           // Old with new holds from when the old key began (RFC 4210 4.4.1).
                           .not_before = std::min(now, subject.certificate.not_before()),
                           .not_after = subject.certificate.not_after(),
                           .pointers = config.pointers(issuer.key.name)});
}

}  // namespace

std::vector<CrossCertificate> cross_certificates(store::Database& database) {
  std::vector<CrossCertificate> out;
  const auto roots = keys::origin_versions(database, OriginRole::kRoot);
  for (const store::Row& row :
       database.rows("SELECT issuer_name, issuer_version, pem FROM ca_certificate WHERE profile ="
                     " :profile AND state = 'good' ORDER BY issued_at, issuer_version",
                     {{"profile", std::string(kCrossProfile)}})) {
    const auto certificate = crypto::Certificate::from_pem(row.text("pem"));
    for (const OriginSigner& root : roots)
      if (root.certificate.public_key() == certificate.public_key())
        out.push_back({root.key.name,
                       {KeyName(row.text("issuer_name")),
                        static_cast<std::uint32_t>(row.integer("issuer_version"))},
                       certificate});
  }
  return out;
}

Rollover roll_issuing(keys::Context& context, const CaConfig& config,
                      const std::optional<policy::Policy>& policy) {
  refuse_beside(context, "root");
  const OriginSigner root = newest_root(context);
  require_allowed(context, policy, OriginRole::kIssuingCa, root);
  store::Operation operation = context.journal.begin(kVerb, "issuing");
  Roll roll(context, config, policy, operation);
  Rollover out{.root = {}, .crosses = {}, .issuing = roll.issuing(root)};
  roll.crls();
  operation.finish();
  return out;
}

Rollover roll_root(keys::Context& context, const CaConfig& config,
                   const std::optional<policy::Policy>& policy) {
  refuse_beside(context, "issuing");
  for (const OriginRole role : {OriginRole::kRoot, OriginRole::kIssuingCa})
    require_allowed(context, policy, role, newest_root(context));
  store::Operation operation = context.journal.begin(kVerb, "root");
  Roll roll(context, config, policy, operation);
  const KeyVersion before = parse_key_version(
      operation.step("root/old", [&] { return newest_root(context).key.name.str(); }));
  std::vector<OriginSigner> roots = keys::origin_versions(context.database, OriginRole::kRoot);
  const OriginSigner old = *std::ranges::find_if(
      roots, [&](const OriginSigner& root) { return root.key.name == before; });
  const keys::StoredKey key = roll.key(OriginRole::kRoot);
  OriginSigner root{
      key,
      roll.certificate(
          OriginRole::kRoot, "issue",
          {.role = OriginRole::kRoot, .subject = key, .name = old.certificate.content().name}),
      {}};
  const Time now = root.certificate.not_before();
  const crypto::Certificate new_with_old = cross(roll, "new-with-old", config, root, old, now);
  const crypto::Certificate old_with_new = cross(roll, "old-with-new", config, old, root, now);
  // Its chain leads to the root that was pinned first, by way of every cross-certificate since.
  root.chain = with(new_with_old, old.chain.empty() ? std::vector{old.certificate} : old.chain);
  roll.put_in_force(OriginRole::kRoot, key, root.certificate, root.chain);
  Rollover out{
      .root = root,
      .crosses = {{key.name, old.key.name, new_with_old}, {old.key.name, key.name, old_with_new}},
      .issuing = roll.issuing(root)};
  roll.crls();
  operation.finish();
  return out;
}

}  // namespace poolkey::requests
