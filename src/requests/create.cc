#include "requests/create.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/parallel.h"
#include "crypto/csr.h"
#include "crypto/digest.h"
#include "crypto/merkle.h"
#include "keys/signer.h"
#include "pool/repository.h"
#include "pool/safeguard.h"

namespace poolkey::requests {
namespace {

constexpr std::string_view kVerb = "request create";
/// Signatures at the same time, as keys::DocumentSigner has it.
constexpr unsigned kMostSigners = 4;
/// Requests that are worth a thread. Fewer come from a service, which has other threads busy.
constexpr std::size_t kWorth = 4;

/// A key version with its policy, for all requests of a batch that are for it.
struct Key {
  keys::StoredKey stored;
  policy::Policy policy;
  bool safeguarded;
};

/// What the requests of a batch share: read once, then by several threads.
class Batch {
 public:
  Batch(keys::Context& context, std::span<const CreateOptions> options) {
    for (const CreateOptions& one : options) {
      if (!topologies_.contains(one.pool))
        topologies_.emplace(one.pool, topology_of(context.database, one.pool));
      if (!keys_.contains(one.key.str())) keys_.emplace(one.key.str(), read(context, one.key));
    }
  }

  const Topology& topology(const PoolName& pool) const { return topologies_.at(pool); }
  const Key& key(const KeyVersion& name) const { return keys_.at(name.str()); }

 private:
  static Key read(keys::Context& context, const KeyVersion& name) {
    keys::StoredKey stored = keys::key(context.database, name);
    policy::Policy policy = keys::policy_of(context.database, stored);
    return {std::move(stored), std::move(policy), pool::safeguarded(context.database, name)};
  }

  std::map<PoolName, Topology> topologies_;
  std::map<std::string, Key> keys_;
};

// The stages, each made from the one before it.

struct Drafted {
  const CreateOptions* options;
  const Key* key;
  const Topology* topology;
  const Authority* authority;
  StoredRequest request;
  RequestedNames names;
  crypto::CsrSpec spec;
};

struct Verdict {
  std::vector<std::pair<Profile, Finding>> findings;
  std::vector<Profile> passed;
  std::vector<Profile> failed;
};

struct Linted {
  Drafted draft;
  Verdict verdict;
};

struct Approved {
  Linted linted;
  policy::Permit permit;
};

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

crypto::CertificateTemplate template_of(const Template& t) {
  crypto::CertificateTemplate out{.name = t.name, .oid = t.oid};
  if (t.major != 0 || t.minor != 0) {
    out.major = t.major;
    out.minor = t.minor;
  }
  return out;
}

const std::string& actor_of(const keys::Context& context, const CreateOptions& options) {
  return options.actor.empty() ? context.actor : options.actor;
}

Drafted draft(const keys::Context& context, const Batch& batch, const CreateOptions& options) {
  const Topology& topology = batch.topology(options.pool);
  const Pool& pool = topology.pool(options.pool);
  const Key& key = batch.key(options.key);
  if (key.stored.pool != options.pool)
    throw Error(Errc::kDenied,
                options.key.str() + " is not a key of pool '" + options.pool.str() + "'");
  const Authority& authority = options.ca.empty() ? authority_for(topology, pool, options.role)
                                                  : topology.authority(options.ca);
  RequestedNames names =
      names_for(topology, options.pool, options.role, authority.kind, options.server);
  crypto::CsrSpec spec = specification(names, options, key.policy);
  if (authority.ad_cs_template) spec.adcs_template = template_of(*authority.ad_cs_template);
  StoredRequest request{
      .id = request_id(options.pool, options.role, options.server, options.key, authority.name),
      .pool = options.pool,
      .key = options.key,
      .role = options.role,
      .server = options.server,
      .ca = authority.name,
      .ca_kind = authority.kind,
      .state = State::kDrafted,
      .subject = crypto::subject_text(spec.subject),
      .sans = spec.dns_sans,
      .csr = {},
      .created = context.clock.now(),
      .details = {},
      .history = {}};
  if (authority.route == Route::kEst) request.details["route"] = name(Route::kEst);
  advance(request, State::kDrafted, context.clock.now(), actor_of(context, options), "");
  return {&options,         &key,           &topology, &authority, std::move(request),
          std::move(names), std::move(spec)};
}

std::vector<Drafted> draft_all(const keys::Context& context, const Batch& batch,
                               std::span<const CreateOptions> options) {
  std::vector<std::optional<Drafted>> drafts(options.size());
  for_each_index(
      options.size(), kMostSigners,
      [&](std::size_t i) { drafts[i] = draft(context, batch, options[i]); }, kWorth);
  std::vector<Drafted> out;
  out.reserve(drafts.size());
  for (auto& one : drafts) out.push_back(std::move(*one));
  return out;
}

json::array findings_json(const std::vector<std::pair<Profile, Finding>>& findings) {
  json::array out;
  for (const auto& [profile, f] : findings)
    out.emplace_back(json::object{{"rule", f.rule},
                                  {"profile", std::string(policy::word(profile))},
                                  {"severity", std::string(name(f.severity))},
                                  {"message", f.message}});
  return out;
}

/// Pure: many are judged at the same time.
Verdict judge(const Drafted& draft, const WeakKeys& weak_keys, Time now) {
  const CreateOptions& options = *draft.options;
  LintSubject subject{crypto::draft_csr(draft.spec, draft.key->stored.public_key),
                      pool_context(draft.names, draft.topology->pool(options.pool), options.role)};
  subject.key_exportable = draft.key->policy.exports().wrapped.has_value();
  Verdict out;
  for (const auto& profile : draft.key->policy.request().lint_profiles.value) {
    bool passed = true;
    for (Finding& f : lint(subject, profile.value, now, weak_keys)) {
      passed = passed && f.severity != Severity::kError;
      out.findings.emplace_back(profile.value, std::move(f));
    }
    (passed ? out.passed : out.failed).push_back(profile.value);
  }
  return out;
}

std::vector<Linted> lint_all(const keys::Context& context, std::vector<Drafted> drafts) {
  std::vector<Verdict> verdicts(drafts.size());
  const Time now = context.clock.now();
  const WeakKeys weak_keys = WeakKeys::of_home(context.home);
  for_each_index(
      drafts.size(), kMostSigners,
      [&](std::size_t i) { verdicts[i] = judge(drafts[i], weak_keys, now); }, kWorth);
  std::vector<Linted> out;
  out.reserve(drafts.size());
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    StoredRequest& request = drafts[i].request;
    advance(request, State::kLinted, now, actor_of(context, *drafts[i].options), "");
    request.details["findings"] = findings_json(verdicts[i].findings);
    out.push_back({std::move(drafts[i]), std::move(verdicts[i])});
  }
  return out;
}

/// "uid:0 root" is the account "root".
std::string account(const std::string& actor) {
  return actor.substr(std::min(actor.find(' ') + 1, actor.size()));
}

policy::Facts facts_of(const keys::Context& context, const Linted& linted) {
  const CreateOptions& options = *linted.draft.options;
  const Key& key = *linted.draft.key;
  policy::Facts facts{
      .action = policy::Action::kRequest, .key = key.stored.name, .pool = options.pool};
  facts.algorithm = key.stored.public_key.algorithm();
  facts.key_age = context.clock.now() - key.stored.created;
  facts.role = options.role;
  facts.ca = linted.draft.authority->kind;
  facts.validity = key.policy.lifetime().certificate.value;
  facts.hash = key.policy.request().hash.value;
  facts.safeguarded = key.safeguarded;
  facts.linted = linted.verdict.passed;
  if (options.override_lint) {
    // What passes needs nobody's word.
    for (const Profile profile : options.override_lint->profiles)
      if (std::ranges::find(linted.verdict.failed, profile) != linted.verdict.failed.end())
        facts.overridden.push_back(profile);
    facts.overrider = account(context.actor);
  }
  state_usages(key.policy, facts);
  return facts;
}

std::string errors_of(const Linted& linted, const std::vector<Profile>& overridden) {
  std::string out;
  for (const auto& [profile, f] : linted.verdict.findings)
    if (f.severity == Severity::kError &&
        std::ranges::find(overridden, profile) == overridden.end())
      out += "\n  " + f.rule + " (" + std::string(policy::word(profile)) + "): " + f.message +
             "; " + f.fix;
  return out;
}

/// What is made anew under an id goes on with the life that it had.
void go_on_from(const StoredRequest& stored, StoredRequest& request) {
  request.history.insert(request.history.begin(), stored.history.begin(), stored.history.end());
}

/// Nothing is signed where one of the batch is refused by the linter: its state tells why.
void refuse_unlinted(keys::Context& context, std::span<const Linted> all) {
  std::string errors;
  const Linted* first = nullptr;
  for (const Linted& linted : all) {
    const std::string found = errors_of(linted, facts_of(context, linted).overridden);
    if (found.empty()) continue;
    if (first == nullptr) first = &linted;
    errors += (all.size() > 1 ? "\n" + linted.draft.request.id + ":" : "") + found;
    StoredRequest request = linted.draft.request;
    const auto stored = look_up_request(context.database, request.id);
    if (stored && is_signed(*stored)) continue;  // stays what it is
    if (stored) go_on_from(*stored, request);
    put_request(context.database, request);
  }
  if (first == nullptr) return;
  throw Error(Errc::kDenied, "the request for " + first->draft.options->key.str() +
                                 " breaks rules that its policy asks for (" +
                                 first->draft.key->policy.request().lint_profiles.where.str() +
                                 "); nothing was signed:" + errors);
}

Approved approve(keys::Context& context, Linted linted) {
  const policy::Facts facts = facts_of(context, linted);
  policy::Permit permit = keys::permit(context, linted.draft.key->policy, facts);
  permit.require(policy::Action::kRequest, linted.draft.options->key.str());
  json::object approval{{"rule", permit.rule()}};
  std::string note = permit.rule();
  if (!facts.overridden.empty()) {
    const Override& override_lint = *linted.draft.options->override_lint;
    approval["overridden_by"] = facts.overrider;
    approval["reason"] = override_lint.reason;
    note = "the linter was overridden: " + override_lint.reason;
  }
  linted.draft.request.details["approval"] = std::move(approval);
  advance(linted.draft.request, State::kApproved, context.clock.now(),
          actor_of(context, *linted.draft.options), note);
  return {std::move(linted), std::move(permit)};
}

/// True if a stored request is what would be asked for now: the topology may have changed.
bool says_the_same(const StoredRequest& stored, const crypto::CsrSpec& spec) {
  if (stored.csr.empty()) return false;
  const crypto::ParsedCsr csr = crypto::parse_csr(stored.csr);
  return same_names(csr.sans.dns, spec.dns_sans) && csr.name == spec.subject &&
         csr.adcs_template == spec.adcs_template;
}

/// Signers by key version: each needs one permit, and loads its key once.
class Signers {
 public:
  Signers(keys::Context& context, std::span<Approved* const> requests) {
    for (const Approved* a : requests) {
      const keys::StoredKey& key = a->linted.draft.key->stored;
      if (signers_.contains(key.name.str())) continue;
      keys_.push_back(keys::signing_key(context, policy::Usage::kCsr, key));
      signers_.emplace(key.name.str(), crypto::CsrSigner(keys_.back().get(), context.library));
    }
  }

  Bytes sign(const Approved& approved, crypto::SelfCheck check) const {
    const Drafted& draft = approved.linted.draft;
    const crypto::CsrSigner& signer = signers_.at(draft.options->key.str());
    return signer.sign(draft.spec, check);
  }

 private:
  std::vector<crypto::EvpPkey> keys_;
  std::map<std::string, crypto::CsrSigner> signers_;
};

json::object signed_json(std::span<Approved* const> requests, const std::vector<Bytes>& csrs) {
  const Approved& first = *requests.front();
  json::object out;
  if (requests.size() == 1) {
    out["subject"] = first.linted.draft.request.subject;
    out["sans"] = pool::joined(first.linted.draft.request.sans);
    out["sha256"] = hex(crypto::sha256(csrs.front()));
  } else {
    out["requests"] = static_cast<std::int64_t>(requests.size());
    out["merkle_root"] = hex(crypto::merkle_root(csrs));
  }
  const json::object& approval = first.linted.draft.request.details.at("approval").as_object();
  if (requests.size() == 1 && approval.contains("reason")) out["override"] = approval;
  return out;
}

std::vector<Bytes> sign_all(keys::Context& context, std::span<Approved* const> requests,
                            crypto::SelfCheck check) {
  const Signers signers(context, requests);
  std::vector<Bytes> out(requests.size());
  for_each_index(
      requests.size(), kMostSigners,
      [&](std::size_t i) { out[i] = signers.sign(*requests[i], check); }, kWorth);
  return out;
}

void put_all(store::Database& database, store::Transaction& transaction,
             std::span<Approved* const> requests) {
  std::vector<const StoredRequest*> all;
  for (const Approved* a : requests) all.push_back(&a->linted.draft.request);
  put_requests(database, transaction, all);
}

/// What exactly a run signs, so that an interrupted one for something else is not taken up.
std::string digest_of(std::span<Approved* const> requests) {
  std::string all;
  for (const Approved* a : requests) {
    const Drafted& d = a->linted.draft;
    all += d.request.id + "\n" + d.spec.subject.common_name + "\n" + d.spec.subject.organization +
           "\n" + pool::joined(d.spec.dns_sans) + "\n" +
           hex(d.key->stored.public_key.spki_sha256()) + "\n";
  }
  return hex(crypto::sha256(view(all)));
}

/// What the journal calls a run: the same for the same wishes, whatever of them is made already.
std::string subject_of(std::span<Approved* const> requests) {
  return requests.size() == 1 ? requests.front()->linted.draft.request.id
                              : "batch " + digest_of(requests).substr(0, 16);
}

/// Notes the signatures in the requests.
void take_signatures(keys::Context& context, std::span<Approved* const> requests,
                     const std::vector<Bytes>& csrs, const std::string& operation) {
  const Time now = context.clock.now();
  for (std::size_t i = 0; i < requests.size(); ++i) {
    StoredRequest& request = requests[i]->linted.draft.request;
    request.csr = csrs[i];
    if (requests.size() > 1)
      request.details["batch"] =
          json::object{{"operation", operation}, {"position", static_cast<std::int64_t>(i)}};
    advance(request, State::kSigned, now, actor_of(context, *requests[i]->linted.draft.options),
            "");
  }
}

/// Two transactions, whatever the number: what is to be signed, with the intent; and what was, with
/// the outcome. Nothing leaves before the second. A run that died in between signs anew.
void sign_and_store(keys::Context& context, std::span<Approved* const> requests,
                    const std::string& subject, crypto::SelfCheck check) {
  store::Operation operation = context.journal.begin(kVerb, subject, digest_of(requests));
  const CreateOptions& asked = *requests.front()->linted.draft.options;
  audit::Act act{.actor = actor_of(context, asked),
                 .verb = std::string(kVerb),
                 .subject = subject,
                 .rule = requests.front()->permit.rule(),
                 .operation = operation.id()};
  if (!asked.access_rule.empty()) act.detail["access"] = asked.access_rule;
  std::optional<audit::Scope> scope;
  try {
    operation.write("approve", [&](store::Transaction& transaction) {
      put_all(context.database, transaction, requests);
      scope.emplace(context.audit, transaction, act);
    });
  } catch (const Error&) {
    if (scope) scope->forget();
    throw;
  }
  if (!scope) scope.emplace(context.audit, act);
  const std::vector<Bytes> csrs = scope->run([&] { return sign_all(context, requests, check); });
  take_signatures(context, requests, csrs, operation.id());
  operation.write_last("record", [&](store::Transaction& transaction) {
    put_all(context.database, transaction, requests);
    scope->succeed(transaction, signed_json(requests, csrs));
  });
}

void refuse_twins(std::span<const CreateOptions> options, std::span<const Linted> all) {
  std::set<std::string> ids;
  for (std::size_t i = 0; i < options.size(); ++i)
    if (!ids.insert(all[i].draft.request.id).second)
      throw Error(Errc::kInvalidArgument,
                  "'" + all[i].draft.request.id + "' is asked for twice in one batch");
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

std::vector<CreatedRequest> create_requests(keys::Context& context,
                                            std::span<const CreateOptions> options,
                                            crypto::SelfCheck check) {
  const Batch batch(context, options);
  std::vector<Linted> linted = lint_all(context, draft_all(context, batch, options));
  refuse_twins(options, linted);
  refuse_unlinted(context, linted);
  std::vector<Approved> approved;
  approved.reserve(linted.size());
  for (Linted& one : linted) approved.push_back(approve(context, std::move(one)));
  std::vector<std::string> ids;
  for (const Approved& one : approved) ids.push_back(one.linted.draft.request.id);
  std::map<std::string, StoredRequest> known = look_up_requests(context.database, ids);
  std::vector<Approved*> all, unsigned_ones;
  for (Approved& one : approved) {
    all.push_back(&one);
    StoredRequest& request = one.linted.draft.request;
    const auto stored = known.find(request.id);
    if (stored == known.end()) {
      unsigned_ones.push_back(&one);
    } else if (says_the_same(stored->second, one.linted.draft.spec)) {
      request = std::move(stored->second);
      context.journal.settle(kVerb, request.id);
    } else {
      go_on_from(stored->second, request);
      unsigned_ones.push_back(&one);
    }
  }
  const std::string subject = subject_of(all);
  if (!unsigned_ones.empty())
    sign_and_store(context, unsigned_ones,
                   unsigned_ones.size() == 1 ? subject_of(unsigned_ones) : subject, check);
  // One that was interrupted may have been for all of them, when fewer had been made.
  if (unsigned_ones.size() < all.size()) context.journal.settle(kVerb, subject);
  std::vector<CreatedRequest> out;
  for (Approved& one : approved) {
    Drafted& d = one.linted.draft;
    out.push_back({d.request.id, d.request.ca, std::move(d.names), d.request.subject, d.request.csr,
                   std::move(one.linted.verdict.findings)});
  }
  return out;
}

CreatedRequest create_request(keys::Context& context, const CreateOptions& options) {
  return std::move(
      create_requests(context, std::span(&options, 1), crypto::SelfCheck::kAlways).front());
}

}  // namespace poolkey::requests
