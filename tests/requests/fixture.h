// The worked examples of tests/data/edge.json, and topologies made from them.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "requests/lint/lint.h"
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

/// A worked example by its id.
inline json::object example(const std::string& id) {
  const json::value fixture = edge_fixture();
  for (const json::value& item : json::as_array(fixture.as_object(), "topologies", "edge.json"))
    if (json::text(item.as_object(), "id", "edge.json") == id) return item.as_object();
  throw Error(Errc::kNotFound, "edge.json has no topology '" + id + "'");
}

/// A topology file with one pool "pool", from a worked example. The examples name no members.
inline std::string topology_text(const json::object& example) {
  const json::object& inputs = json::as_object(example, "inputs", "edge.json");
  const std::string kind = json::text(example, "topology", "edge.json");
  const bool is_lync = json::text(example, "product", "edge.json").starts_with("Lync");
  std::string web = "[web]\n";
  const auto text = [&](std::string_view key) {
    return "\"" + json::text(inputs, key, "edge.json") + "\"\n";
  };
  const auto list = [&](const std::string& key) {
    if (!inputs.contains(key)) return;
    web += key + " = " +
           (inputs.at(key).is_array() ? quoted(strings(inputs, key)) + "\n"
                                      : "[\"" + json::text(inputs, key, "edge.json") + "\"]\n");
  };
  for (const char* key : {"meet", "dialin", "admin", "lyncdiscover", "office_web_apps"}) list(key);
  std::string pool = "[pool.pool]\nmembers = [\"m1\"]\n";
  if (kind == "reverse-proxy") {
    pool += "kind = \"reverse-proxy\"\nweb_external = " + text("web_external_fqdn_pool") +
            "other_web_external = [\"" +
            json::text(inputs, "web_external_fqdn_director", "edge.json") + "\"]\n";
  } else if (kind == "director-single") {
    // The topic prints the simple URLs in the certificate only.
    web +=
        "dialin = [\"dialin.contoso.com\"]\nmeet = [\"meet.contoso.com\"]\n"
        "lyncdiscover = [\"lyncdiscover.contoso.com\"]\n"
        "lyncdiscover_internal = [\"lyncdiscoverinternal.contoso.com\"]\n";
    pool += "kind = \"director\"\noauth = true\nfqdn = " + text("director_fqdn") + "servers = [\"" +
            json::text(inputs, "director_fqdn", "edge.json") + "\"]\n";
  } else if (kind == "front-end-pool") {
    pool += "kind = \"front-end\"\nfqdn = " + text("pool_fqdn") + "servers = [\"" +
            json::text(inputs, "server_fqdn", "edge.json") +
            "\"]\nweb_external = " + text("web_external_fqdn");
  } else {
    pool += "kind = \"edge\"\ninternal = " + text("edge_pool_fqdn_internal") +
            "access = " + text("access_edge_fqdn") +
            "web_conferencing = " + text("web_conferencing_edge_fqdn") +
            "av = " + text("av_edge_fqdn") +
            "sip_domains = " + quoted(strings(inputs, "sip_domains")) + "\n" +
            "xmpp = " + quoted(strings(inputs, "xmpp_sans")) + "\n";
  }
  return "version = 1\nproduct = \"" + std::string(is_lync ? "lync-2013" : "sfb-2015") + "\"\n" +
         web + pool;
}

/// The shipped example.
inline requests::Topology edge_topology() {
  return requests::parse_topology(data_file("edge-pool.toml"), "edge-pool.toml");
}

inline requests::PoolContext edge_context(requests::Role role) {
  return requests::pool_context(edge_topology(), PoolName("edge"), role);
}

}  // namespace poolkey::test
