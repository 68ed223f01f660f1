// The OpenAPI 3.1 document: made from the same rows that the router has, and the schemas that
// bodies are checked against, so it cannot tell of another interface.
// May touch: policy. Called by: the route /v1/openapi.json, and tests.
#pragma once

#include "service/router.h"

namespace poolkey::service {

/// The document of these routes. Beside what OpenAPI has, each operation says `x-poolkey-action`:
/// the action of the access policy, "public", or "code" for what a one-time code opens.
json::object openapi_document(std::span<const Route> routes);

}  // namespace poolkey::service
