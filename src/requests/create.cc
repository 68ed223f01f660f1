#include "requests/create.h"

#include "crypto/csr.h"
#include "crypto/digest.h"
#include "keys/signer.h"
#include "pool/repository.h"
#include "pool/safeguard.h"

namespace poolkey::requests {
namespace {

std::string request_id(const CreateOptions& o) {
  return o.pool.str() + "." + std::string(policy::word(o.role)) + "." + o.key.str() + "." +
         std::string(policy::word(o.ca));
}

crypto::CsrSpec specification(const RequestedNames& names, const CreateOptions& options,
                              const policy::Policy& policy) {
  crypto::CsrSpec spec;
  spec.subject.common_name = names.common_name.name;
  spec.subject.organization = options.organization;
  spec.dns_sans = names.dns_sans();
  for (const auto& usage : policy.request().key_usage.value) {
    const bool rsa_only = usage.value == policy::KeyUsage::kKeyEncipherment;
    if (rsa_only && policy.key().algorithm.value != policy::Algorithm::kRsa) continue;
    spec.key_usage.insert(crypto::parse_key_usage(policy::word(usage.value)));
  }
  for (const auto& usage : policy.request().extended_key_usage.value)
    spec.extended_key_usage.push_back(crypto::parse_extended_key_usage(policy::word(usage.value)));
  spec.hash = policy.request().hash.value == policy::Hash::kSha384 ? "SHA384" : "SHA256";
  return spec;
}

/// Profiles without a finding of severity error, and all findings.
struct Linted {
  std::vector<Profile> passed;
  std::vector<std::pair<Profile, Finding>> findings;
  std::string errors;
};

Linted lint_all(const LintSubject& subject, const policy::Policy& policy, Time now) {
  Linted out;
  for (const auto& profile : policy.request().lint_profiles.value) {
    bool passed = true;
    for (const Finding& f : lint(subject, profile.value, now)) {
      out.findings.emplace_back(profile.value, f);
      if (f.severity != Severity::kError) continue;
      passed = false;
      out.errors += "\n  " + f.rule + " (" + std::string(policy::word(profile.value)) +
                    "): " + f.message + "; " + f.fix;
    }
    if (passed) out.passed.push_back(profile.value);
  }
  return out;
}

policy::Facts request_facts(const CreateOptions& options, const keys::StoredKey& key,
                            const policy::Policy& policy, Duration age) {
  policy::Facts facts{.action = policy::Action::kRequest, .key = key.name, .pool = options.pool};
  facts.algorithm = key.public_key.algorithm();
  facts.key_age = age;
  facts.role = options.role;
  facts.ca = options.ca;
  facts.validity = policy.lifetime().certificate.value;
  facts.hash = policy.request().hash.value;
  state_usages(policy, facts);
  return facts;
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& n : names) out += (out.empty() ? "" : " ") + n;
  return out;
}

/// True if a stored request is what would be asked for now: the topology may have changed.
bool says_the_same(const crypto::ParsedCsr& csr, const crypto::CsrSpec& spec) {
  return same_names(csr.sans.dns, spec.dns_sans) && csr.name == spec.subject;
}

Bytes sign_request(keys::Context& context, const std::string& id, const keys::StoredKey& key,
                   const crypto::CsrSpec& spec, const std::string& rule,
                   const store::Operation& operation) {
  const crypto::EvpPkey signer = keys::signing_key(context, policy::Usage::kCsr, key);
  Bytes out;
  keys::record(context, "request sign", id, rule, &operation, [&]() -> json::object {
    out = crypto::build_csr(spec, signer.get(), context.library);
    return {{"subject", spec.subject.common_name}, {"sans", joined(spec.dns_sans)}};
  });
  return out;
}

void store_request(keys::Context& context, const CreateOptions& options, const CreatedRequest& made,
                   const crypto::ParsedCsr& parsed, const std::string& rule,
                   const store::Operation& operation) {
  keys::record(context, "request create", made.id, rule, &operation, [&]() -> json::object {
    context.database.run(
        "INSERT INTO request (id, pool, key_name, version, role, state, subject, sans, csr,"
        " created_at) VALUES (:id, :pool, :name, :version, :role, 'signed', :subject, :sans,"
        " :csr, :now) ON CONFLICT (id) DO UPDATE SET state = 'signed',"
        " subject = excluded.subject, sans = excluded.sans, csr = excluded.csr,"
        " created_at = excluded.created_at",
        {{"id", made.id},
         {"pool", options.pool.str()},
         {"name", options.key.key.str()},
         {"version", std::int64_t{options.key.version}},
         {"role", std::string(policy::word(options.role))},
         {"subject", made.subject},
         {"sans", joined(parsed.sans.dns)},
         {"csr", base64(made.csr)},
         {"now", rfc3339(context.clock.now())}});
    return {{"subject", made.subject}, {"sans", joined(parsed.sans.dns)}};
  });
}

/// What a request says, and with which key.
std::string digest_of(const crypto::CsrSpec& spec, const keys::StoredKey& key) {
  return hex(
      crypto::sha256(view(spec.subject.common_name + "\n" + spec.subject.organization + "\n" +
                          joined(spec.dns_sans) + "\n" + hex(key.public_key.spki_sha256()))));
}

}  // namespace

bool same_names(std::vector<std::string> a, std::vector<std::string> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

void state_usages(const policy::Policy& policy, policy::Facts& facts) {
  for (const auto& u : policy.request().key_usage.value) facts.key_usage.push_back(u.value);
  for (const auto& u : policy.request().extended_key_usage.value)
    facts.extended_key_usage.push_back(u.value);
}

Topology topology_of(store::Database& database, const PoolName& pool) {
  const pool::Topology stored = pool::topology_of(database, pool);
  return parse_topology(stored.text, stored.file);
}

CreatedRequest create_request(keys::Context& context, const CreateOptions& options) {
  const Topology topology = topology_of(context.database, options.pool);
  const keys::StoredKey key = keys::key(context.database, options.key);
  if (key.pool != options.pool)
    throw Error(Errc::kDenied,
                options.key.str() + " is not a key of pool '" + options.pool.str() + "'");
  const policy::Policy policy = keys::policy_of(context.database, key);
  CreatedRequest out{
      request_id(options), names_for(topology, options.pool, options.role, options.ca), "", {}, {}};
  const crypto::CsrSpec spec = specification(out.names, options, policy);
  policy::Facts facts = request_facts(options, key, policy, context.clock.now() - key.created);
  facts.safeguarded = pool::safeguarded(context.database, key.name);
  // Nothing is signed that could not be asked for; the linter judges what was signed.
  for (const auto& profile : policy.request().lint_profiles.value)
    facts.linted.push_back(profile.value);
  const std::string rule = keys::permit(context, policy, facts).rule();
  const auto stored =
      context.database.row("SELECT csr FROM request WHERE id = :id", {{"id", out.id}});
  if (stored) out.csr = from_base64(stored->text("csr"));
  const bool reuse = stored && says_the_same(crypto::parse_csr(out.csr), spec);
  std::optional<store::Operation> operation;
  if (reuse) {
    context.journal.settle("request create", out.id);
  } else {
    operation.emplace(context.journal.begin("request create", out.id, digest_of(spec, key)));
    out.csr = from_base64(operation->step("sign", [&] {
      return base64(sign_request(context, out.id, key, spec, rule, *operation));
    }));
  }
  const crypto::ParsedCsr parsed = crypto::parse_csr(out.csr);
  out.subject = parsed.subject;
  const Linted linted =
      lint_all({parsed, pool_context(topology, options.pool, options.role, options.ca)}, policy,
               context.clock.now());
  out.findings = linted.findings;
  if (!linted.errors.empty()) {
    if (operation) operation->give_up();
    throw Error(Errc::kDenied, "the request for " + options.key.str() +
                                   " breaks rules that its policy asks for (" +
                                   policy.request().lint_profiles.where.str() +
                                   "); it was not kept:" + linted.errors);
  }
  facts.linted = linted.passed;
  policy::Permit allowed = keys::permit(context, policy, facts);
  allowed.require(policy::Action::kRequest, options.key.str());
  if (!operation) return out;
  operation->step("record", [&]() -> std::string {
    store_request(context, options, out, parsed, allowed.rule(), *operation);
    return "done";
  });
  operation->finish();
  return out;
}

StoredRequest find_request(store::Database& database, const std::string& id) {
  const auto row = database.row(
      "SELECT pool, key_name, version, role, csr FROM request WHERE id = :id", {{"id", id}});
  if (!row) {
    std::string known;
    for (const store::Row& r : database.rows("SELECT id FROM request ORDER BY id"))
      known += (known.empty() ? "" : ", ") + r.text("id");
    throw Error(Errc::kNotFound, "there is no request '" + id +
                                     "' (requests: " + (known.empty() ? "none" : known) + ")");
  }
  return {id,
          PoolName(row->text("pool")),
          {KeyName(row->text("key_name")), static_cast<std::uint32_t>(row->integer("version"))},
          parse_role(row->text("role")),
          from_base64(row->text("csr"))};
}

}  // namespace poolkey::requests
