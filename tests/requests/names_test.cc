#include "requests/names.h"

#include "tests/requests/fixture.h"
#include "tests/support/matchers.h"

namespace poolkey::requests {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::UnorderedElementsAreArray;

const PoolName kEdge("edge");

TEST(NamesTest, ComeOutAsMicrosoftPrintsThem) {
  int certificates = 0;
  const json::value fixture = edge_fixture();
  for (const json::value& item : json::as_array(fixture.as_object(), "topologies", "edge.json")) {
    const json::object& example = item.as_object();
    const bool is_lync = json::text(example, "product", "t").starts_with("Lync");
    for (const json::value& entry : json::as_array(example, "certificates", "t")) {
      const json::object& certificate = entry.as_object();
      const std::string role = json::text(certificate, "role", "t");
      // Reverse proxies, Directors and Front Ends are not derived yet.
      if (!role.starts_with("edge-") || !json::boolean(certificate, "derivable_from_inputs", "t"))
        continue;
      const Topology topology =
          parse_topology(topology_text(json::as_object(example, "inputs", "t"),
                                       is_lync ? "lync-2013" : "sfb-2015"),
                         json::text(example, "id", "t"));
      const RequestedNames names = names_for(topology, kEdge, parse_role(role));
      EXPECT_EQ(names.common_name.name, json::text(certificate, "subject_cn", "t"));
      EXPECT_THAT(names.dns_sans(), UnorderedElementsAreArray(strings(certificate, "san_dns")))
          << json::text(example, "id", "t") << " " << role;
      ++certificates;
    }
  }
  EXPECT_EQ(certificates, 14);  // 9 external, 5 internal
}

TEST(NamesTest, SayWhichRuleAndLinePutThemThere) {
  const RequestedNames names = names_for(edge_topology(), kEdge, Role::kEdgeExternal);
  EXPECT_THAT(names.dns_sans(),
              ElementsAre("sip.contoso.com", "webcon.contoso.com", "sip.fabrikam.com"));
  EXPECT_EQ(names.common_name.source, "edge-pool.toml:14:1");
  EXPECT_EQ(names.sans[1].rule, "Web Conferencing Edge FQDN");
  EXPECT_EQ(names.sans[2].rule,
            "sip.<domain> for SIP domain fabrikam.com (automatic client configuration)");
  EXPECT_EQ(names.sans[2].source, "edge-pool.toml:17:31");
}

TEST(NamesTest, LeaveSipDomainsOutWithoutAutoConfigurationAndFederation) {
  EdgeServices edge = edge_services();
  edge.auto_configuration = false;
  EXPECT_EQ(names_for(edge, Role::kEdgeExternal).sans.size(), 3U);
  edge.federation = false;
  EXPECT_THAT(names_for(edge, Role::kEdgeExternal).dns_sans(),
              ElementsAre("sip.contoso.com", "webcon.contoso.com"));
}

TEST(NamesTest, StandOnceWhereOneNameServesAll) {
  EdgeServices edge = edge_services();
  edge.web_conferencing = edge.access;
  EXPECT_THAT(names_for(edge, Role::kEdgeExternal).dns_sans(),
              ElementsAre("sip.contoso.com", "sip.fabrikam.com"));
}

TEST(NamesTest, RepeatTheInternalNameForAPublicCa) {
  EXPECT_TRUE(names_for(edge_topology(), kEdge, Role::kEdgeInternal).sans.empty());
  EXPECT_THAT(names_for(edge_topology(), kEdge, Role::kEdgeInternal, CaKind::kPublic).dns_sans(),
              ElementsAre("lsedge.contoso.net"));
}

TEST(NamesTest, RefuseUnknownRoles) {
  EXPECT_EQ(parse_role(policy::word(Role::kEdgeInternal)), Role::kEdgeInternal);
  EXPECT_THAT([] { parse_role("director"); },
              ThrowsErrc(Errc::kInvalidArgument, "edge-external, edge-internal"));
}

}  // namespace
}  // namespace poolkey::requests
