// The documents of the interface: JSON Schemas as data, and the check of what comes against them.
// May touch: base. Called by: Call::document, openapi.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "service/problem.h"

namespace poolkey::service {

/// Every schema by its name, as `components.schemas` of the OpenAPI document has them.
const json::object& schemas();

/// Reads a body strictly (UTF-8, no member twice, 64-bit integers only, at most 32 levels, nothing
/// after it) and checks it against the schema of that name: types, ranges, lengths, patterns, and
/// no member that the schema does not have. Throws BodyError.
json::value read_body(std::string_view body, std::string_view schema);

/// The check alone. `schema` is one of JSON Schema 2020-12 in the keywords that we use: $ref, type,
/// enum, properties, required, additionalProperties, items, minItems, maxItems, minLength,
/// maxLength, pattern, minimum, maximum. Any other keyword but description is a defect (kInternal),
/// and so is a pattern that the table in schema.cc does not have.
void check(const json::value& document, const json::object& schema);

}  // namespace poolkey::service
