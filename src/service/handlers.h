// The tables of routes, one for each file of handlers. Called by: routes.cc, which joins them.
#pragma once

#include <span>

#include "service/router.h"
#include "service/shared.h"

namespace poolkey::service {

std::span<const Route> openapi_routes();
std::span<const Route> health_routes();
std::span<const Route> pool_routes();
std::span<const Route> member_routes();
std::span<const Route> key_routes();
std::span<const Route> request_routes();
std::span<const Route> certificate_routes();
std::span<const Route> est_routes();
std::span<const Route> invitation_routes();
std::span<const Route> rollover_routes();
std::span<const Route> audit_routes();
std::span<const Route> command_routes();

/// The limit of a body that is a JSON document, or a PKCS#10, or receipts.
inline constexpr std::size_t kSmallBody = 64U << 10;
/// Of a batch of a thousand requests.
inline constexpr std::size_t kLargeBody = 4U << 20;

inline constexpr Body kNoBody{};
constexpr Body json_body(std::string_view schema, std::size_t limit = kSmallBody) {
  return {"application/json", limit, schema};
}

}  // namespace poolkey::service
