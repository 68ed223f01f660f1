// The worked examples of tests/data/edge.json, and topologies made from them.
#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "requests/topology.h"

namespace poolkey::test {

inline std::string data_file(const std::string& name) {
  return read_file(std::string(POOLKEY_SOURCE_DIR) + "/tests/data/" + name);
}

inline json::value edge_fixture() { return json::parse(data_file("edge.json"), "edge.json"); }

inline std::vector<std::string> strings(const json::object& o, std::string_view key) {
  std::vector<std::string> out;
  if (!o.contains(key)) return out;
  for (const json::value& item : json::as_array(o, key, "edge.json"))
    out.emplace_back(item.as_string());
  return out;
}

inline std::string quoted(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "\"" : ", \"") + name + "\"";
  return "[" + out + "]";
}

/// A topology file with one pool "edge", from the "inputs" of a worked example. The single-server
/// examples get a second member: it changes no name.
inline std::string topology_text(const json::object& inputs, const std::string& product) {
  const auto text = [&](std::string_view key) {
    return "\"" + json::text(inputs, key, "edge.json") + "\"\n";
  };
  return "version = 1\nproduct = \"" + product + "\"\n[pool.edge]\nkind = \"edge\"\n" +
         "members = [\"edge1\", \"edge2\"]\ninternal = " + text("edge_pool_fqdn_internal") +
         "access = " + text("access_edge_fqdn") +
         "web_conferencing = " + text("web_conferencing_edge_fqdn") +
         "av = " + text("av_edge_fqdn") +
         "sip_domains = " + quoted(strings(inputs, "sip_domains")) + "\n" +
         "xmpp = " + quoted(strings(inputs, "xmpp_sans")) + "\n";
}

/// The shipped example.
inline requests::Topology edge_topology() {
  return requests::parse_topology(data_file("edge-pool.toml"), "edge-pool.toml");
}

inline requests::EdgeServices edge_services() {
  return std::get<requests::EdgeServices>(edge_topology().pool(PoolName("edge")).services);
}

}  // namespace poolkey::test
