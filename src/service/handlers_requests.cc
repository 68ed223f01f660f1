// Certificate requests for pool keys: made and signed in the token, handed over, answered.
#include <map>
#include <set>

#include "app/view.h"
#include "crypto/csr.h"
#include "keys/origin.h"
#include "requests/batch.h"
#include "requests/file_route.h"
#include "requests/route.h"
#include "service/handlers.h"
#include "service/problem.h"

namespace poolkey::service {
namespace {

using policy::AccessAction;

void authorize_wish(Call& call, const requests::CreateOptions& wish) {
  authorize(call, AccessAction::kRequestCreate,
            {.pool = wish.pool.str(), .profile = std::string(policy::word(wish.role))});
}

Response created_response(const requests::CreatedRequest& made) {
  Response out = json_response(app::created_view(made), 201);
  out.headers.emplace_back("location", "/v1/requests/" + made.id);
  return out;
}

/// One call alone, or again after several together were refused for one of them.
Response create_alone(Call& call, const requests::CreateOptions& wish) {
  try {
    return created_response(requests::create_request(call.context(), wish));
  } catch (const Error& error) {
    give_back_signatures(call, 1);
    return refusal(call.shared, call.request, error);
  }
}

/// One operation for what one principal asks for by one rule.
void create_group(std::span<Call> calls, const std::vector<std::size_t>& group,
                  const std::vector<requests::CreateOptions>& wishes, std::vector<Response>& out) {
  Call& first = calls[group.front()];
  std::vector<requests::CreateOptions> batch;
  for (const std::size_t i : group) batch.push_back(wishes[i]);
  try {
    const auto made = requests::create_requests(first.context(), batch);
    for (std::size_t k = 0; k < group.size(); ++k) out[group[k]] = created_response(made[k]);
    first.shared.metrics().count_signatures("csr", made.size());
  } catch (const Error&) {
    for (const std::size_t i : group) out[i] = create_alone(calls[i], wishes[i]);
  }
}

std::vector<Response> create_together(std::span<Call> calls) {
  std::vector<Response> out(calls.size());
  std::map<std::pair<std::string, std::string>, std::vector<std::size_t>> groups;
  std::vector<requests::CreateOptions> wishes(calls.size(),
                                              {PoolName("none"), {}, {KeyName("none"), 1}});
  for (std::size_t i = 0; i < calls.size(); ++i) {
    try {
      wishes[i] = requests::read_wish(calls[i].document(), "the request's body");
      authorize_wish(calls[i], wishes[i]);
      wishes[i].actor = calls[i].actor;
      wishes[i].access_rule = calls[i].rule;
      spend_signatures(calls[i], 1);
      groups[{calls[i].actor, calls[i].rule}].push_back(i);
    } catch (const Error& error) {
      out[i] = refusal(calls[i].shared, calls[i].request, error);
    }
  }
  for (const auto& [who, group] : groups) create_group(calls, group, wishes, out);
  return out;
}

Response create_batch(Call& call) {
  const auto wishes = requests::read_batch(call.document(), "the request's body");
  std::set<std::pair<std::string, policy::Role>> asked;
  for (const requests::CreateOptions& wish : wishes)
    if (asked.emplace(wish.pool.str(), wish.role).second) authorize_wish(call, wish);
  const auto number = static_cast<std::uint32_t>(wishes.size());
  const auto made =
      counted(call, number, [&] { return requests::create_requests(call.context(), wishes); });
  call.shared.metrics().count_signatures("csr", made.size());
  json::array list;
  for (const requests::CreatedRequest& one : made) list.emplace_back(app::created_view(one));
  return json_response(json::object{{"requests", std::move(list)}}, 201);
}

Response list_requests(Call& call) {
  std::optional<PoolName> only;
  if (const auto pool = call.query("pool")) only = PoolName(*pool);
  std::vector<Entry> entries;
  for (const requests::StoredRequest& r : requests::all_requests(call.side.database(), only))
    if (may(call, AccessAction::kRequestRead, {.pool = r.pool.str()}))
      entries.push_back({r.id, app::request_view(r)});
  return list_response(call, "requests", std::move(entries));
}

requests::StoredRequest wanted(Call& call, AccessAction action) {
  const std::string& id = call.parameter("request");
  const auto found = requests::look_up_request(call.side.database(), id);
  if (!found) throw Error(Errc::kNotFound, "there is no request '" + id + "'");
  authorize(call, action,
            {.pool = found->pool.str(), .profile = std::string(policy::word(found->role))});
  return *found;
}

json::object whole_view(Call& call, const requests::StoredRequest& r) {
  json::object out = app::request_view(r);
  out["details"] = r.details;
  out["history"] = r.history;
  out["csr"] = requests::is_signed(r) ? crypto::csr_pem(r.csr) : "";
  const auto bound = keys::certificate_of_request(call.side.database(), r.id);
  out["certificate"] = bound ? bound->certificate.pem() : "";
  out["chain"] = bound ? app::pem_of(bound->chain) : "";
  return out;
}

Response show_request(Call& call) {
  return tagged_response(call.request, whole_view(call, wanted(call, AccessAction::kRequestRead)));
}

Response give_csr(Call& call) {
  const requests::StoredRequest r = wanted(call, AccessAction::kRequestRead);
  if (!requests::is_signed(r))
    throw Error(Errc::kConflict, "the request '" + r.id + "' was not signed");
  return tagged_octets(call.request, "application/x-pem-file", crypto::csr_pem(r.csr));
}

Response submit(Call& call) {
  const requests::StoredRequest r = wanted(call, AccessAction::kRequestCreate);
  const requests::Submission done = requests::submit_request(call.context(), r.id);
  return json_response(whole_view(call, done.request), done.certificate ? 200 : 202);
}

Response take_answer(Call& call) {
  const requests::StoredRequest r = wanted(call, AccessAction::kRequestComplete);
  json::array list;
  for (const requests::Imported& one :
       requests::import_file(call.context(), "the request's body", view(call.request.body), r.id))
    list.emplace_back(json::object{{"what", one.what},
                                   {"sentence", one.sentence},
                                   {"request", one.request},
                                   {"taken", one.taken}});
  return json_response(json::object{{"imported", std::move(list)}});
}

Response accept(Call& call) {
  const requests::StoredRequest r = wanted(call, AccessAction::kRequestComplete);
  const requests::Accepted accepted =
      requests::accept_request(call.context(), r.id, call.query("certificate").value_or(""));
  json::object out = whole_view(call, requests::find_request(call.side.database(), r.id));
  out["remarks"] = app::words_view(accepted.remarks);
  return json_response(out);
}

}  // namespace

std::span<const Route> request_routes() {
  static const auto& routes = *new std::vector<Route>{
      {.method = "POST",
       .path = "/v1/requests",
       .action = AccessAction::kRequestCreate,
       .summary = "A PKCS#10 for a pool's key, from the topology: linted, approved, signed",
       .body = json_body("RequestWish"),
       .repeat = Repeat::kIdempotent,
       .answer = "CreatedRequest",
       .together = create_together},
      {.method = "POST",
       .path = "/v1/request-batches",
       .action = AccessAction::kRequestCreate,
       .summary = "The same for up to 1,000 requests, as one operation: all or none",
       .body = json_body("RequestBatch", kLargeBody),
       .repeat = Repeat::kIdempotent,
       .answer = "CreatedRequestList",
       .handle = create_batch},
      {.method = "GET",
       .path = "/v1/requests",
       .action = AccessAction::kRequestRead,
       .summary = "Requests and their states",
       .query = "after limit pool",
       .answer = "RequestList",
       .handle = list_requests},
      {.method = "GET",
       .path = "/v1/requests/{request}",
       .action = AccessAction::kRequestRead,
       .summary = "A request, its life, and its certificate",
       .answer = "Request",
       .handle = show_request},
      {.method = "GET",
       .path = "/v1/requests/{request}/csr",
       .action = AccessAction::kRequestRead,
       .summary = "The PKCS#10, PEM",
       .handle = give_csr},
      {.method = "POST",
       .path = "/v1/requests/{request}/submission",
       .action = AccessAction::kRequestCreate,
       .summary = "Hands the request to its CA; the internal one answers at once",
       .repeat = Repeat::kIdempotent,
       .answer = "Request",
       .handle = submit},
      {.method = "PUT",
       .path = "/v1/requests/{request}/answer",
       .action = AccessAction::kRequestComplete,
       .summary = "What a CA sent: certificates, chains, CRLs; PEM, DER or PKCS#7",
       .body = {"*/*", 1U << 20, ""},
       .repeat = Repeat::kIdempotent,
       .answer = "Imported",
       .handle = take_answer},
      {.method = "POST",
       .path = "/v1/requests/{request}/acceptance",
       .action = AccessAction::kRequestComplete,
       .summary = "Checks the certificate that came, and binds it to the key",
       .repeat = Repeat::kIdempotent,
       .query = "certificate",
       .answer = "Request",
       .handle = accept},
  };
  return routes;
}

}  // namespace poolkey::service
