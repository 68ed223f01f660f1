#include "requests/names.h"

#include "tests/requests/fixture.h"
#include "tests/support/matchers.h"

namespace poolkey::requests {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::UnorderedElementsAreArray;

const PoolName kEdge("edge");
const PoolName kPool("pool");

/// The role of ours that a certificate of the fixture has.
Role role_of(const std::string& name) {
  if (name == "director-default") return Role::kDirector;
  if (name == "default") return Role::kFrontEnd;
  return parse_role(name);
}

/// Each worked topology, with all of its certificates, as Microsoft prints them.
TEST(NamesTest, ComeOutAsMicrosoftPrintsThem) {
  int certificates = 0;
  const json::value fixture = edge_fixture();
  for (const json::value& item : json::as_array(fixture.as_object(), "topologies", "edge.json")) {
    const json::object& example = item.as_object();
    const std::string id = json::text(example, "id", "t");
    SCOPED_TRACE(id);
    const Topology topology = parse_topology(topology_text(example), id);
    for (const json::value& entry : json::as_array(example, "certificates", "t")) {
      const json::object& certificate = entry.as_object();
      const std::string role = json::text(certificate, "role", "t");
      const RequestedNames names = names_for(topology, kPool, role_of(role));
      EXPECT_EQ(names.common_name.name, json::text(certificate, "subject_cn", "t")) << role;
      EXPECT_THAT(names.dns_sans(), UnorderedElementsAreArray(strings(certificate, "san_dns")))
          << role;
      EXPECT_TRUE(needs(topology.pool(kPool), certificate_kind(role_of(role)))) << role;
      ++certificates;
    }
  }
  EXPECT_EQ(certificates, 20);
}

TEST(NamesTest, TakeTheOptionalNamesOfTheTables) {
  // The optional wildcard stands in for meet and dialin, and sip.<domain> comes with strict DNS
  // matching.
  const auto with = [](const std::string& id, const std::string& more) {
    return parse_topology(topology_text(example(id)) + more, id);
  };
  std::string text = topology_text(example("lync2013-reverse-proxy"));
  text.insert(text.find("[web]\n") + 6, "wildcards = [\"*.contoso.com\"]\n");
  EXPECT_THAT(names_for(parse_topology(text, "t"), kPool, Role::kReverseProxy).dns_sans(),
              ElementsAre("webext.contoso.com", "webdirext.contoso.com", "*.contoso.com",
                          "officewebapps01.contoso.com", "lyncdiscover.contoso.com"));
  const Topology strict =
      with("lync2013-fe-pool", "sip_domains = [\"contoso.com\", \"fabrikam.com\"]\n");
  EXPECT_THAT(
      names_for(strict, kPool, Role::kFrontEnd).dns_sans(),
      ElementsAre("eepool.contoso.com", "ee01.contoso.com", "sip.contoso.com", "sip.fabrikam.com"));
}

TEST(NamesTest, AreIssuableWhereAPublicCaIsAsked) {
  const Topology topology = parse_topology(topology_text(example("lync2013-fe-pool")), "t");
  const RequestedNames names = names_for(topology, kPool, Role::kWebExternal, CaKind::kPublic);
  EXPECT_EQ(names.common_name.name, "webcon01.contoso.com");
  EXPECT_EQ(names.dns_sans().front(), "webcon01.contoso.com");
}

TEST(NamesTest, OfAServerSayWhichServer) {
  std::string text = topology_text(example("lync2013-fe-pool"));
  const auto replace = [&](const std::string& from, const std::string& to) {
    text.replace(text.find(from), from.size(), to);
  };
  replace("[\"m1\"]", "[\"m1\", \"m2\"]");
  replace("[\"ee01.contoso.com\"]", "[\"ee01.contoso.com\", \"ee02.contoso.com\"]");
  const Topology topology = parse_topology(text, "t");
  EXPECT_THAT([&] { names_for(topology, kPool, Role::kFrontEnd); },
              ThrowsErrc(Errc::kInvalidArgument, "say which with --server (m1, m2)"));
  EXPECT_THAT(
      names_for(topology, kPool, Role::kFrontEnd, CaKind::kInternal, MemberName("m2")).dns_sans(),
      ElementsAre("eepool.contoso.com", "ee02.contoso.com"));
  EXPECT_THAT(
      [&] { names_for(topology, kPool, Role::kFrontEnd, CaKind::kInternal, MemberName("m3")); },
      ThrowsErrc(Errc::kNotFound, "has no server 'm3'"));
  EXPECT_THAT([&] { names_for(topology, kPool, Role::kEdgeExternal); },
              ThrowsErrc(Errc::kInvalidArgument, "of the kind 'front-end'"));
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

/// The shipped example with a change to its pool.
template <class Change>
std::vector<std::string> external_after(Change change) {
  Topology topology = edge_topology();
  change(std::get<EdgeServices>(topology.pools[0].services));
  return names_for(topology, kEdge, Role::kEdgeExternal).dns_sans();
}

TEST(NamesTest, LeaveSipDomainsOutWithoutAutoConfigurationAndFederation) {
  EXPECT_EQ(external_after([](EdgeServices& e) { e.auto_configuration = false; }).size(), 3U);
  EXPECT_THAT(external_after([](EdgeServices& e) { e.auto_configuration = e.federation = false; }),
              ElementsAre("sip.contoso.com", "webcon.contoso.com"));
}

TEST(NamesTest, StandOnceWhereOneNameServesAll) {
  EXPECT_THAT(external_after([](EdgeServices& e) { e.web_conferencing = e.access; }),
              ElementsAre("sip.contoso.com", "sip.fabrikam.com"));
}

TEST(NamesTest, OfASeparateAvCertificateAreItsOwn) {
  Topology topology = edge_topology();
  const CertificateKind& av = certificate_kind(Role::kAvAuthentication);
  EXPECT_FALSE(needs(topology.pools[0], av));
  std::get<EdgeServices>(topology.pools[0].services).has_av_certificate = true;
  EXPECT_TRUE(needs(topology.pools[0], av));
  EXPECT_THAT(names_for(topology, kEdge, Role::kAvAuthentication).dns_sans(),
              ElementsAre("av.contoso.com"));
}

TEST(NamesTest, RepeatTheInternalNameForAPublicCa) {
  EXPECT_TRUE(names_for(edge_topology(), kEdge, Role::kEdgeInternal).sans.empty());
  EXPECT_THAT(names_for(edge_topology(), kEdge, Role::kEdgeInternal, CaKind::kPublic).dns_sans(),
              ElementsAre("lsedge.contoso.net"));
}

TEST(NamesTest, RefuseUnknownRoles) {
  EXPECT_EQ(parse_role(policy::word(Role::kEdgeInternal)), Role::kEdgeInternal);
  EXPECT_THAT([] { parse_role("root"); },
              ThrowsErrc(Errc::kInvalidArgument, "edge-external, av-authentication"));
}

}  // namespace
}  // namespace poolkey::requests
