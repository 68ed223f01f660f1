// All routes in one table.
#include "service/handlers.h"

namespace poolkey::service {

const std::vector<Route>& all_routes() {
  static const auto& all = *new std::vector<Route>([] {
    std::vector<Route> out;
    for (const auto routes :
         {openapi_routes(), health_routes(), pool_routes(), member_routes(), key_routes(),
          request_routes(), invitation_routes(), certificate_routes(), est_routes(),
          rollover_routes(), audit_routes(), command_routes()})
      out.insert(out.end(), routes.begin(), routes.end());
    return out;
  }());
  return all;
}

}  // namespace poolkey::service
