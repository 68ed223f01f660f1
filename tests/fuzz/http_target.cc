#include "fuzz/target.h"
#include "service/router.h"

namespace poolkey::fuzz {

/// "METHOD TARGET", as the request line has it.
void http_target(ByteView octets) {
  const std::string_view line = text_of(octets);
  const std::size_t blank = std::min(line.find(' '), line.size());
  const std::string_view method = line.substr(0, blank);
  accepted([&] {
    const service::Target target =
        service::parse_target(line.substr(std::min(blank + 1, line.size())));
    require(target.path.starts_with('/'), "a path begins with '/'");
    require(target.path.find('\0') == target.path.npos, "and has no NUL");
    require(("/" + target.path + "/").find("/../") == std::string::npos, "and goes nowhere up");
    const service::Match found = service::match(service::all_routes(), method, target.path);
    if (found.route == nullptr) return;
    require(!found.methods.empty(), "a route is one of its path's");
    require(found.route->method == (method == "HEAD" ? "GET" : method), "and has the method");
    std::string filled(found.route->path);
    // From the last on: a value may look like a parameter before it.
    for (auto at_last = found.parameters.rbegin(); at_last != found.parameters.rend(); ++at_last) {
      const auto& [name, value] = *at_last;
      require(!value.empty() && value.find('/') == value.npos, "a parameter is one segment");
      const std::size_t at = filled.find("{" + name + "}");
      require(at != filled.npos, "and stands in the template");
      filled.replace(at, name.size() + 2, value);
    }
    require(filled == target.path, "the template, filled in, is the path");
  });
}

}  // namespace poolkey::fuzz
