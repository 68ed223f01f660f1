// Requests at the origin: from the plan to the accepted certificate.
#include <algorithm>
#include <array>

#include "app/view.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/finding.h"
#include "crypto/csr.h"
#include "crypto/der_guard.h"
#include "crypto/digest.h"
#include "keys/origin.h"
#include "requests/ad_cs.h"
#include "requests/batch.h"
#include "requests/create.h"
#include "requests/est_route.h"
#include "requests/file_route.h"
#include "requests/plan.h"

namespace poolkey::cli {
namespace {

using Words = std::vector<std::string>;

std::string day(Time time) { return rfc3339(time).substr(0, 10); }

json::object planned_json(const requests::PlannedCertificate& p) {
  json::array sans, existing;
  for (const requests::RequestedName& n : p.names.sans)
    sans.emplace_back(json::object{{"name", n.name}, {"rule", n.rule}, {"source", n.source}});
  for (const requests::Existing& e : p.existing)
    existing.emplace_back(json::object{{"request", e.request},
                                       {"key", e.key.str()},
                                       {"state", std::string(name(e.state))},
                                       {"not_after", e.not_after ? rfc3339(*e.not_after) : ""}});
  Words members;
  for (const MemberName& m : p.members) members.push_back(m.str());
  const auto by = p.ask_by();
  return {{"certificate", p.id},
          {"pool", p.pool.str()},
          {"role", std::string(policy::word(p.kind->role))},
          {"server", p.server ? p.server->str() : ""},
          {"serves", p.serves},
          {"types", p.types},
          {"common_name", p.names.common_name.name},
          {"sans", std::move(sans)},
          {"extended_key_usage", p.kind->needs_server_auth ? "serverAuth" : ""},
          {"policy", p.kind->policy},
          {"exportable", p.exportable},
          {"scope", std::string(name(p.kind->scope))},
          {"shared_by", app::words_view(members)},
          {"ca", p.authority.name},
          {"ca_kind", std::string(policy::word(p.authority.kind))},
          {"route", std::string(name(p.authority.route))},
          {"why", std::string(p.kind->key_rule)},
          {"source", std::string(p.kind->source)},
          {"existing", std::move(existing)},
          {"ask_by", by ? rfc3339(*by) : ""}};
}

void say_planned(Output& out, const requests::PlannedCertificate& p, Time now) {
  Words members;
  for (const MemberName& m : p.members) members.push_back(m.str());
  out.say("");
  out.say(p.id + ": " + p.serves);
  out.say("  CN " + p.names.common_name.name + "  (" + p.names.common_name.rule + ", " +
          p.names.common_name.source + ")");
  for (const requests::RequestedName& n : p.names.sans)
    out.say("  DNS " + n.name + "  (" + n.rule + ", " + n.source + ")");
  if (p.names.sans.empty()) out.say("  no SAN is asked for");
  out.say(std::string("  EKU ") + (p.kind->needs_server_auth ? "serverAuth" : "none needed"));
  out.say("  key: " +
          (p.exportable ? "exportable, under policies/" + std::string(p.kind->policy) +
                              ".toml, held by " + listed(members)
                        : "made on " + listed(members) +
                              ", not exportable; have its request "
                              "certified by 'poolkey ca sign', or by its CA") +
          "; " + std::string(p.kind->key_rule) + " [" + std::string(p.kind->source) + "]");
  out.say("  by the CA '" + p.authority.name + "' (" + std::string(policy::word(p.authority.kind)) +
          ", " + std::string(name(p.authority.route)) + "), which takes " +
          std::to_string(std::chrono::ceil<Days>(p.authority.turnaround).count()) + " day(s)");
  for (const requests::Existing& e : p.existing)
    out.say("  there is " + e.request + ", " + std::string(name(e.state)) +
            (e.not_after ? ", until " + rfc3339(*e.not_after) : ""));
  const auto by = p.ask_by();
  out.say(!by         ? "  ask now: there is no certificate yet"
          : *by > now ? "  ask by " + day(*by)
                      : "  ask NOW: it should have been asked for by " + day(*by));
}

/// What an origin knows of it, where one is given.
void add_known(Call& call, std::vector<requests::PlannedCertificate>& plan) {
  if (call.options.home.empty() || !home::has_config(call.options.home)) return;
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  requests::add_existing(plan, side.database());
}

int request_plan(Call& call) {
  const std::string file = call.arguments.one("TOPOLOGY");
  const requests::Topology topology =
      requests::parse_topology(read_file(file, crypto::kMaxForeign), file);
  std::vector<requests::PlannedCertificate> plan = requests::plan(topology);
  add_known(call, plan);
  const Time now = SystemClock().now();
  for (const toml::Fault& warning : topology.warnings)
    call.out.say("warning: " + warning.where.str() + ": " + warning.sentence);
  std::vector<Words> rows;
  json::array certificates;
  for (const requests::PlannedCertificate& p : plan) {
    const auto by = p.ask_by();
    rows.push_back({p.id, p.names.common_name.name, std::to_string(p.names.sans.size()),
                    p.authority.name, p.exportable ? "shared" : "own",
                    p.current() != nullptr ? day(p.current()->not_after.value_or(now)) : "none",
                    by && *by > now ? day(*by) : "now"});
    certificates.emplace_back(planned_json(p));
  }
  call.out.say("The deployment (" + std::string(name(topology.product)) + ") needs " +
               std::to_string(plan.size()) + " certificates.");
  call.out.table({"CERTIFICATE", "COMMON NAME", "SANS", "CA", "KEY", "UNTIL", "ASK BY"}, rows);
  for (const requests::PlannedCertificate& p : plan) say_planned(call.out, p, now);
  call.out.result({{"product", std::string(name(topology.product))},
                   {"certificates", std::move(certificates)}});
  return 0;
}

void say_created(Output& out, const requests::CreatedRequest& made) {
  out.say("Request " + made.id + ": " + made.subject + ", for the CA '" + made.ca + "'");
  for (const requests::RequestedName& n : made.names.sans)
    out.say("  " + n.name + "  (" + n.rule + ", " + n.source + ")");
  for (const auto& [profile, finding] : made.findings) say_finding(out, profile, finding);
}

std::optional<requests::Override> override_of(const Call& call) {
  if (!call.arguments.has("--override")) return std::nullopt;
  requests::Override out{{}, call.arguments.one("--reason")};
  for (const std::string& word : call.arguments.all("--override"))
    out.profiles.push_back(requests::parse_profile(word));
  if (out.reason.empty())
    throw Error(Errc::kInvalidArgument, "--override needs --reason TEXT: the audit log says why");
  return out;
}

int request_create(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  requests::CreateOptions options{PoolName(call.arguments.one("--pool")),
                                  requests::parse_role(call.arguments.one("--role")),
                                  parse_key_version(call.arguments.one("--key"))};
  options.ca = call.arguments.one("--ca");
  options.organization = call.arguments.one("--organization");
  if (call.arguments.has("--server")) options.server = MemberName(call.arguments.one("--server"));
  options.override_lint = override_of(call);
  side.use_token();
  const requests::CreatedRequest made = requests::create_request(side.context(), options);
  keys::checkpoint_origin(side.context());
  say_created(call.out, made);
  write_or_print(call, crypto::csr_pem(made.csr));
  call.out.result(app::created_view(made));
  return 0;
}

int request_batch(Call& call) {
  const std::string file = call.arguments.one("FILE");
  const std::vector<requests::CreateOptions> batch =
      requests::read_batch(read_file(file, crypto::kMaxForeign), file);
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  side.use_token();
  const auto made = requests::create_requests(side.context(), batch);
  keys::checkpoint_origin(side.context());
  std::string pem;
  json::array list;
  for (const requests::CreatedRequest& one : made) {
    say_created(call.out, one);
    pem += crypto::csr_pem(one.csr);
    list.emplace_back(app::created_view(one));
  }
  write_or_print(call, pem);
  call.out.result({{"requests", std::move(list)}});
  return 0;
}

int request_list(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  std::optional<PoolName> pool;
  if (call.arguments.has("--pool")) pool = PoolName(call.arguments.one("--pool"));
  std::vector<Words> rows;
  json::array list;
  for (const requests::StoredRequest& r : requests::all_requests(side.database(), pool)) {
    rows.push_back({r.id, std::string(name(r.state)), r.ca, r.subject, app::next_of(r)});
    list.emplace_back(app::request_view(r));
  }
  if (rows.empty())
    call.out.say("There is no request.");
  else
    call.out.table({"REQUEST", "STATE", "CA", "SUBJECT", "NEXT"}, rows);
  call.out.result({{"requests", std::move(list)}});
  return 0;
}

void say_history(Output& out, const requests::StoredRequest& r) {
  std::vector<Words> rows;
  for (const json::value& item : r.history) {
    const json::object& step = item.as_object();
    rows.push_back({json::text(step, "at", r.id), json::text(step, "state", r.id),
                    json::text(step, "by", r.id),
                    step.contains("note") ? json::text(step, "note", r.id) : ""});
  }
  out.table({"WHEN", "STATE", "BY", ""}, rows);
}

int request_show(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  const requests::StoredRequest r =
      requests::find_request(side.database(), call.arguments.one("REQUEST"));
  call.out.say(r.id + ": " + r.subject);
  for (const std::string& san : r.sans) call.out.say("  DNS " + san);
  call.out.say("  for " + r.key.str() + ", by the CA '" + r.ca + "'");
  if (!r.csr.empty()) call.out.say("  SHA-256 of the request " + hex(crypto::sha256(r.csr)));
  if (r.details.contains("findings"))
    for (const json::value& item : r.details.at("findings").as_array()) {
      const json::object& f = item.as_object();
      call.out.say("  " + json::text(f, "severity", r.id) + " " + json::text(f, "rule", r.id) +
                   " (" + json::text(f, "profile", r.id) + "): " + json::text(f, "message", r.id));
    }
  const auto bound = keys::certificate_of_request(side.database(), r.id);
  if (bound)
    call.out.say("  certificate: serial " + bound->certificate.serial() + ", by '" +
                 bound->certificate.issuer() + "', until " +
                 rfc3339(bound->certificate.not_after()));
  for (const crypto::Certificate& c : requests::answers(side.database(), r.id))
    if (!bound || !(bound->certificate == c))
      call.out.say("  came and is not accepted: SHA-256 " + hex(c.sha256()));
  say_history(call.out, r);
  if (const std::string next = app::next_of(r); !next.empty()) call.out.say("Next: " + next);
  json::object out = app::request_view(r);
  out["details"] = r.details;
  out["history"] = r.history;
  out["csr"] = r.csr.empty() ? "" : crypto::csr_pem(r.csr);
  out["certificate"] = bound ? bound->certificate.pem() : "";
  call.out.result(std::move(out));
  return 0;
}

/// "edge.edge-external.av@1.public" as a file's name on any system.
std::string file_name(const std::string& id) {
  std::string out = id;
  for (char& c : out)
    if (c == '@') c = '-';
  return out;
}

void write_certreq(Call& call, const requests::StoredRequest& r,
                   const requests::Authority& authority) {
  const std::filesystem::path folder = call.arguments.one("--certreq");
  std::filesystem::create_directories(folder);
  const std::string base = file_name(r.id);
  write_file(folder / (base + ".req"), crypto::csr_pem(r.csr));
  write_file(folder / (base + ".inf"), requests::certreq_inf(r, authority));
  write_file(folder / (base + ".cmd"), requests::certreq_commands(r, authority, base + ".req"));
  call.out.say("In " + folder.string() + ": " + base + ".req, .inf and .cmd for certreq.");
}

int request_export(Call& call) {
  const bool der = call.arguments.has("--der");
  const std::string out = call.arguments.one("--out");
  if (der && out.empty())
    throw Error(Errc::kInvalidArgument, "--der needs --out FILE: DER is not for a terminal");
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  const requests::StoredRequest request =
      requests::find_request(side.database(), call.arguments.one("REQUEST"));
  if (request.route() == requests::Route::kEst)
    throw Error(Errc::kInvalidArgument, "the request '" + request.id +
                                            "' goes to its CA by EST: 'poolkey request submit'; "
                                            "'poolkey request show' has its PKCS#10");
  if (request.ca == requests::kEmbeddedAuthority)
    throw Error(Errc::kInvalidArgument, "the request '" + request.id +
                                            "' is for poolkey's own CA; "
                                            "have it issued with 'poolkey certificate issue'");
  side.use_token();
  const requests::StoredRequest r = requests::submit_request(side.context(), request.id).request;
  keys::checkpoint_origin(side.context());
  const std::string pem = crypto::csr_pem(r.csr);
  if (call.arguments.has("--certreq"))
    write_certreq(call, r, requests::topology_of(side.database(), r.pool).authority(r.ca));
  if (der)
    write_file(out, ByteView(r.csr));
  else if (!out.empty() || !call.arguments.has("--certreq"))
    write_or_print(call, pem);
  if (!out.empty()) call.out.say(r.id + " is in " + out + ", for the CA '" + r.ca + "'.");
  json::object result = app::request_view(r);
  result["csr"] = pem;
  call.out.result(std::move(result));
  return 0;
}

int request_import(Call& call) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const std::string& file : call.arguments.all("FILE"))
    files.emplace_back(file, read_file(file, crypto::kMaxForeign));
  std::optional<std::string> only;
  if (call.arguments.has("--request")) only = call.arguments.one("--request");
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  side.use_token();
  json::array list;
  bool left = false;
  for (const auto& [file, text] : files) {
    call.out.say(file + ":");
    for (const requests::Imported& one :
         requests::import_file(side.context(), file, view(text), only)) {
      call.out.say("  " + one.what + ": " + one.sentence);
      left = left || !one.taken;
      list.emplace_back(json::object{{"file", file},
                                     {"what", one.what},
                                     {"sentence", one.sentence},
                                     {"request", one.request},
                                     {"taken", one.taken}});
    }
  }
  keys::checkpoint_origin(side.context());
  call.out.result({{"imported", std::move(list)}});
  return left ? kExitDifferences : 0;
}

void say_accepted(Call& call, const std::string& id, const requests::Accepted& accepted) {
  const crypto::Certificate& certificate = accepted.certificate.certificate;
  call.out.say("Accepted for " + accepted.certificate.key.str() + ": " + certificate.subject() +
               ", serial " + certificate.serial() + ", until " + rfc3339(certificate.not_after()));
  std::string chain;
  for (const crypto::Certificate& c : accepted.certificate.chain) {
    call.out.say("  under '" + c.subject() + "'");
    chain += c.pem();
  }
  for (const std::string& remark : accepted.remarks) call.out.say("  remark: " + remark);
  call.out.result({{"request", id},
                   {"key", accepted.certificate.key.str()},
                   {"serial", certificate.serial()},
                   {"not_after", rfc3339(certificate.not_after())},
                   {"certificate", certificate.pem()},
                   {"chain", chain},
                   {"remarks", app::words_view(accepted.remarks)}});
}

int request_accept(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  side.use_token();
  const std::string id = call.arguments.one("REQUEST");
  const requests::Accepted accepted =
      requests::accept_request(side.context(), id, call.arguments.one("--certificate"));
  keys::checkpoint_origin(side.context());
  say_accepted(call, id, accepted);
  return 0;
}

/// By EST: what comes back at once is accepted, or says why not; what waits is asked for again by
/// the same verb.
int request_submit(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  const std::string id = call.arguments.one("REQUEST");
  if (requests::find_request(side.database(), id).route() != requests::Route::kEst)
    throw Error(Errc::kInvalidArgument, "the CA of '" + id +
                                            "' is not reached by EST; see 'poolkey request show " +
                                            id + "' for what is to be done");
  side.use_token();
  const requests::Submission done = requests::submit_request(side.context(), id);
  keys::checkpoint_origin(side.context());
  if (done.certificate) {
    say_accepted(call, id, {*done.certificate, done.remarks});
    return 0;
  }
  const auto again = requests::ask_again_at(done.request);
  const std::string at = again ? rfc3339(*again) : "";
  call.out.say("The CA '" + done.request.ca + "' has not decided; run this again after " + at +
               ".");
  call.out.result(app::request_view(done.request));
  call.out.result({{"again", at}});
  return 0;
}

}  // namespace

std::span<const Command> request_commands() {
  static const Option kOut{"--out", "FILE", "write the PEM here instead of to stdout"};
  static const Option kRequest{"REQUEST", "ID", "as 'request list' shows it", true};
  static const auto& commands = *new std::vector<Command>{
      {"request plan",
       "either",
       "which certificates a topology needs, why, and when to ask for them",
       {{"TOPOLOGY", "FILE", "topology (TOML); with --home also what there is already", true}},
       request_plan},
      {"request create",
       "origin",
       "build, lint and sign a certificate request from the topology",
       {{"--pool", "POOL", "the pool", true},
        {"--role", "ROLE", "what it is for, as 'request plan' lists them", true},
        {"--key", "KEY@N", "the key version that it is for", true},
        {"--server", "MEMBER", "the server, where each has a certificate of its own"},
        {"--ca", "NAME", "who is to issue it (default: as the topology says)"},
        {"--organization", "NAME", "O in the subject"},
        {"--override", "PROFILE",
         "sign in spite of this lint profile's errors, if policy names you", false, true},
        {"--reason", "TEXT", "why, for the audit log"},
        kOut},
       request_create},
      {"request batch",
       "origin",
       "the same for up to 1,000 requests, as one operation",
       {{"FILE", "FILE", "JSON: {\"requests\": [{\"pool\", \"role\", \"key\", ...}]}", true}, kOut},
       request_batch},
      {"request list",
       "origin",
       "list requests, their states, and what is to be done next",
       {{"--pool", "POOL", "of this pool only"}},
       request_list},
      {"request show", "origin", "show a request and its whole life", {kRequest}, request_show},
      {"request export",
       "origin",
       "give the PKCS#10 for a CA, which then is submitted",
       {kRequest,
        {"--out", "FILE", "write it here instead of to stdout"},
        {"--der", "", "DER instead of PEM"},
        {"--certreq", "DIR", "write request, INF and command lines for a Microsoft CA here"}},
       request_export},
      {"request submit",
       "origin",
       "send a request to its CA by EST and accept the answer; again where it waits",
       {kRequest},
       request_submit},
      {"request import",
       "origin",
       "take what a CA sent: certificates, chains, CRLs; PEM, DER or PKCS#7, in any order",
       {{"FILE", "FILE", "what came", true, true},
        {"--request", "ID", "take certificates for this request only"}},
       request_import},
      {"request accept",
       "origin",
       "check the certificate that came for a request, and bind it to its key",
       {kRequest, {"--certificate", "SHA256", "which, where several came: how its SHA-256 begins"}},
       request_accept},
  };
  return commands;
}

}  // namespace poolkey::cli
