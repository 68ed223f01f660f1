#include "service/openapi.h"

#include <algorithm>
#include <array>

#include "service/handlers.h"
#include "service/schema.h"

namespace poolkey::service {
namespace {

constexpr std::string_view kDescription =
    "Key replication and certificate requests of pools of machines. Calls are made with a client "
    "certificate of the service's own CA; what each caller may do says its access policy, by the "
    "action that stands with the operation as x-poolkey-action.";

json::object reference(std::string_view schema) {
  return {{"$ref", "#/components/schemas/" + std::string(schema)}};
}

json::object text_of(std::int64_t longest) {
  return {{"type", "string"}, {"minLength", 1}, {"maxLength", longest}};
}

/// What the parameters of paths are; any other is a text.
struct ParameterSchema {
  std::string_view name;
  std::string_view schema;
};
constexpr std::array kParameters{
    ParameterSchema{"pool", "Name"},
    ParameterSchema{"member", "Name"},
    ParameterSchema{"key", "KeyVersion"},
    ParameterSchema{"sha256", "Sha256"},
};

json::object parameter_schema(std::string_view name) {
  const auto row = std::ranges::find(kParameters, name, &ParameterSchema::name);
  return row == kParameters.end() ? text_of(256) : reference(row->schema);
}

json::object parameter(std::string_view name, std::string_view in, json::object schema,
                       std::string_view description = "") {
  json::object out{{"name", std::string(name)}, {"in", std::string(in)}};
  if (in == "path") out["required"] = true;
  if (!description.empty()) out["description"] = std::string(description);
  out["schema"] = std::move(schema);
  return out;
}

json::array parameters_of(const Route& route) {
  json::array out;
  for (std::size_t at = route.path.find('{'); at != route.path.npos;) {
    const std::size_t end = route.path.find('}', at);
    const std::string_view name = route.path.substr(at + 1, end - at - 1);
    out.emplace_back(parameter(name, "path", parameter_schema(name)));
    at = route.path.find('{', end);
  }
  for (std::string_view rest = route.query; !rest.empty();) {
    const std::size_t blank = std::min(rest.find(' '), rest.size());
    const std::string_view name = rest.substr(0, blank);
    out.emplace_back(parameter(
        name, "query",
        name == "limit" ? json::object{{"type", "integer"}, {"minimum", 1}, {"maximum", 1000}}
                        : parameter_schema(name)));
    rest.remove_prefix(std::min(blank + 1, rest.size()));
  }
  if (route.repeat == Repeat::kKeyed)
    out.emplace_back(
        parameter("Idempotency-Key", "header", text_of(128),
                  "repeated with the same key, the call is answered as the first time"));
  if (route.repeat == Repeat::kSafe && route.access != Access::kPublic) {
    out.emplace_back(parameter("If-None-Match", "header", text_of(256)));
    out.emplace_back(parameter("Prefer", "header", text_of(64),
                               "with If-None-Match: wait=N (RFC 7240) answers as soon as there is "
                               "something new, or 304 after N seconds"));
  }
  return out;
}

json::object content(std::string_view type, json::object schema) {
  json::object media;
  if (!schema.empty()) media["schema"] = std::move(schema);
  return {{std::string(type), std::move(media)}};
}

json::object responses_of(const Route& route) {
  json::object good{{"description", "done"}};
  if (!route.answer.empty()) good["content"] = content("application/json", reference(route.answer));
  json::object out{{"2XX", std::move(good)}};
  if (route.repeat == Repeat::kSafe) out["304"] = json::object{{"description", "nothing new"}};
  out["default"] = json::object{{"$ref", "#/components/responses/Problem"}};
  return out;
}

json::array security_of(Access access) {
  if (access == Access::kPublic) return {};
  return json::array{
      json::object{{access == Access::kCode ? "oneTimeCode" : "clientCertificate", json::array{}}}};
}

std::string action_of(const Route& route) {
  if (route.access == Access::kPublic) return "public";
  return route.access == Access::kCode ? "code" : std::string(policy::word(route.action));
}

/// "get_v1_pools_pool": unique, as method and path are.
std::string operation_id(const Route& route) {
  std::string out(route.method);
  for (const char c : route.path) {
    if (c == '{' || c == '}') continue;
    out += (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '_';
  }
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  });
  return out;
}

json::object operation(const Route& route) {
  json::object out{{"operationId", operation_id(route)},
                   {"summary", std::string(route.summary)},
                   {"x-poolkey-action", action_of(route)},
                   {"security", security_of(route.access)}};
  if (json::array parameters = parameters_of(route); !parameters.empty())
    out["parameters"] = std::move(parameters);
  if (!route.body.type.empty()) {
    out["requestBody"] =
        json::object{{"required", true},
                     {"description", "at most " + std::to_string(route.body.limit) + " octets"},
                     {"content", content(route.body.type, route.body.schema.empty()
                                                              ? json::object{}
                                                              : reference(route.body.schema))}};
  }
  out["responses"] = responses_of(route);
  return out;
}

json::object components() {
  return {{"schemas", schemas()},
          {"responses",
           json::object{{"Problem", json::object{{"description", "refused or failed"},
                                                 {"content", content("application/problem+json",
                                                                     reference("Problem"))}}}}},
          {"securitySchemes",
           json::object{{"clientCertificate", json::object{{"type", "mutualTLS"}}},
                        {"oneTimeCode", json::object{{"type", "http"}, {"scheme", "bearer"}}}}}};
}

std::string lower(std::string_view method) {
  std::string out(method);
  for (char& c : out) c = static_cast<char>(c | 0x20);
  return out;
}

Response give_document(Call& call) {
  static const auto& octets =
      *new std::string(json::compact(openapi_document(all_routes())) + "\n");
  return tagged_octets(call.request, "application/json", octets);
}

}  // namespace

json::object openapi_document(std::span<const Route> routes) {
  json::object paths;
  for (const Route& route : routes) {
    json::value& item = paths[std::string(route.path)];
    if (!item.is_object()) item = json::object{};
    item.get_object()[lower(route.method)] = operation(route);
  }
  return {{"openapi", "3.1.0"},
          {"info",
           json::object{
               {"title", "poolkey"}, {"version", "1"}, {"description", std::string(kDescription)}}},
          {"paths", std::move(paths)},
          {"components", components()}};
}

std::span<const Route> openapi_routes() {
  static const auto& routes = *new std::vector<Route>{
      {.method = "GET",
       .path = "/v1/openapi.json",
       .access = Access::kPublic,
       .summary = "This document",
       .answer = "OpenApi",
       .handle = give_document},
  };
  return routes;
}

}  // namespace poolkey::service
