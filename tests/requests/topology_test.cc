#include "requests/topology.h"

#include "requests/fqdn.h"
#include "tests/requests/fixture.h"
#include "tests/support/matchers.h"

namespace poolkey::requests {
namespace {

using namespace test;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kGood = R"(version = 1
product = "sfb-2015"
[pool.edge]
kind = "edge"
members = ["edge1", "edge2"]
internal = "lsedge.contoso.net"
access = "sip.contoso.com"
web_conferencing = "webcon.contoso.com"
av = "av.contoso.com"
sip_domains = ["contoso.com"]
)";

/// kGood with one line replaced, or left out where `line` is empty.
std::string with(std::string_view key, const std::string& line) {
  std::string out;
  std::string_view rest = kGood;
  while (!rest.empty()) {
    const std::string_view old = rest.substr(0, rest.find('\n') + 1);
    rest.remove_prefix(old.size());
    if (!old.starts_with(key))
      out += old;
    else if (!line.empty())
      out += line + "\n";
  }
  return out;
}

auto refuses(const std::string& text, const std::string& why) {
  EXPECT_THAT([&] { parse_topology(text, "t.toml"); }, ThrowsErrc(Errc::kInvalidArgument, why));
}

TEST(TopologyTest, ReadsTheShippedExample) {
  const Topology topology = edge_topology();
  EXPECT_EQ(topology.product, Product::kLync2013);
  EXPECT_TRUE(topology.warnings.empty());
  const Pool& pool = topology.pool(PoolName("edge"));
  EXPECT_THAT(pool.members,
              ElementsAre(MemberName("edge1"), MemberName("edge2"), MemberName("edge3")));
  const auto& edge = std::get<EdgeServices>(pool.services);
  EXPECT_EQ(edge.access.value, "sip.contoso.com");
  EXPECT_EQ(edge.internal.value, "lsedge.contoso.net");
  EXPECT_EQ(edge.sip_domains.size(), 2U);
  EXPECT_TRUE(edge.federation);
  EXPECT_THAT([&] { topology.pool(PoolName("fe")); },
              ThrowsErrc(Errc::kNotFound, "no pool 'fe'; it has edge"));
}

TEST(TopologyTest, ReadsTheWholeDeploymentOfTheDocuments) {
  const Topology topology = parse_topology(
      read_file(std::string(POOLKEY_SOURCE_DIR) + "/docs/topology.toml"), "topology.toml");
  EXPECT_TRUE(topology.warnings.empty());
  EXPECT_EQ(topology.pools.size(), 4U);
  EXPECT_EQ(topology.roll_out, Days(2));
  const Pool& edge = topology.pool(PoolName("edge"));
  EXPECT_EQ(authority_for(topology, edge, Role::kEdgeExternal).kind, CaKind::kPublic);
  const Authority& corporate = authority_for(topology, edge, Role::kAvAuthentication);
  EXPECT_EQ(corporate.name, "corporate");
  EXPECT_EQ(corporate.route, Route::kFile);
  EXPECT_EQ(corporate.turnaround, Days(1));
  EXPECT_EQ(corporate.ad_cs_template->name, "WebServer");
  EXPECT_EQ(authority_for(topology, edge, Role::kEdgeInternal).route, Route::kEmbedded);
  EXPECT_EQ(topology.authority("partner").route, Route::kEst);
  EXPECT_EQ(topology.authority("partner").est.url, "https://ca.partner.example:8443");
  const Pool& proxy = topology.pool(PoolName("proxy"));
  EXPECT_EQ(authority_for(topology, proxy, Role::kReverseProxy).name, "public");
}

/// kGood, and more lines after it.
std::string and_then(const std::string& more) { return std::string(kGood) + more; }

TEST(TopologyTest, SaysWhatIsWrongWithACaByEst) {
  const std::string good =
      "[ca.corp]\nkind = \"internal\"\nroute = \"est\"\n[ca.corp.est]\n"
      "url = \"https://ca:8443\"\ntrust = \"/t\"\ncertificate = \"/c\"\nkey = \"/k\"\n";
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return and_then(text.replace(text.find(from), from.size(), to));
  };
  EXPECT_EQ(parse_topology(and_then(good), "t").authority("corp").est.key, "/k");
  refuses(changed("https://ca:8443", "http://ca:8443"), "https://HOST:PORT");
  refuses(changed("https://ca:8443", "https://ca:8443/est"), "https://HOST:PORT");
  refuses(changed("https://ca:8443", "https://"), "https://HOST:PORT");
  refuses(changed("trust = \"/t\"\n", ""), "'trust' is missing");
  refuses(changed("\"/c\"", "\"c\""), "absolute path");
  refuses(changed("certificate = \"/c\"\n", ""), "belong together");
  refuses(changed("certificate = \"/c\"\nkey = \"/k\"\n", ""), "who we are there");
  refuses(changed("key = \"/k\"\n", "key = \"/k\"\nuser = \"u\"\n"), "belong together");
  refuses(changed("key = \"/k\"\n", "key = \"/k\"\nuser = \"u\"\npassword = \"secret\"\n"),
          "says where it is");
  refuses(changed("key = \"/k\"\n", "key = \"/k\"\nlabel = \"a/b\"\n"), "one segment");
  refuses(changed("route = \"est\"\n", ""), "'est' is for route");
  refuses(and_then("[ca.corp]\nkind = \"internal\"\nroute = \"est\"\n"), "'ca.corp.est'");
}

TEST(TopologyTest, SaysWhatIsWrongWithACa) {
  const std::string ca = "[ca.corp]\nkind = \"internal\"\n";
  refuses(and_then("ca = { edge-external = \"digicert\" }\n"), "there is no CA 'digicert'");
  refuses(and_then("ca = { director = \"public\" }\n"), "unknown key 'pool.edge.ca.director'");
  refuses(and_then("[ca.internal]\nkind = \"internal\"\n"), "poolkey's own CA");
  refuses(and_then("[ca.Corp]\nkind = \"internal\"\n"), "is no name for a CA");
  refuses(and_then("[ca.corp]\n"), "'ca.corp.kind' is missing");
  refuses(and_then("[ca.public]\nkind = \"\"\n"), "'ca.public.kind'");
  refuses(and_then(ca + "route = \"acme\"\n"), "'ca.corp.route'");
  refuses(and_then(ca + "roots = [\"12:34\"]\n"), "no SHA-256 fingerprint");
  for (const char* bad : {"1.3.6.1..4", "1.3.6.1:100.x", "9.1.2", "1.3.6:100.3.4.", ""})
    refuses(and_then(ca + "template = \"" + bad + "\"\n"), "is no AD CS template");
  EXPECT_EQ(
      parse_topology(and_then("[ca.public]\nturnaround_days = 2\n"), "t").authority("public").kind,
      CaKind::kPublic);
  const Topology good =
      parse_topology(and_then(ca + "template = \"1.3.6.1.4.1.311.21.8.1.2.3:100.3\"\nroots = [\"" +
                              std::string(63, 'a') + "B\"]\n"),
                     "t");
  EXPECT_EQ(good.authority("corp").ad_cs_template->major, 100U);
  EXPECT_EQ(good.authority("corp").ad_cs_template->minor, 3U);
  EXPECT_EQ(good.authority("corp").roots.front(), std::string(63, 'a') + "b");
  EXPECT_THAT([&] { (void)good.authority("digicert"); },
              ThrowsErrc(Errc::kNotFound, "it has internal, public, corp"));
}

TEST(TopologyTest, SaysWhatIsWrongWithServers) {
  const std::string fe = "[pool.fe]\nkind = \"front-end\"\nmembers = [\"fe1\", \"fe2\"]\n";
  const std::string named = fe + "fqdn = \"fe.contoso.net\"\n";
  refuses(and_then(fe), "'pool.fe.fqdn' is missing");
  refuses(and_then(named), "'pool.fe.servers' has 0 names for 2 members");
  refuses(and_then(named + "servers = [\"fe1.contoso.net\", \"fe1.contoso.net\"]\n"),
          "is listed twice");
  refuses(and_then(named + "servers = [\"fe1.contoso.net\", \"fe2.contoso.net\"]\n"),
          "'pool.fe.web_external' is missing");
  refuses(and_then("[web]\nwildcards = [\"meet.contoso.com\"]\n"), "is no wildcard");
  refuses(and_then("[pool.p]\nkind = \"reverse-proxy\"\nmembers = [\"p1\"]\n"),
          "'pool.p.web_external' is missing");
}

TEST(TopologyTest, HasOneOauthCertificate) {
  const auto directors = [](const std::string& name) {
    return "[pool." + name + "]\nkind = \"director\"\nmembers = [\"d\"]\noauth = true\nfqdn = \"" +
           name + ".contoso.net\"\nservers = [\"" + name + ".contoso.net\"]\n";
  };
  EXPECT_NO_THROW(parse_topology(and_then(directors("a")), "t"));
  refuses(and_then(directors("a") + directors("b")), "both have oauth = true");
}

TEST(TopologyTest, BringsNamesToLowerCase) {
  const Topology topology =
      parse_topology(with("access", "access = \"SIP.Contoso.COM\""), "t.toml");
  EXPECT_EQ(std::get<EdgeServices>(topology.pools[0].services).access.value, "sip.contoso.com");
}

TEST(TopologyTest, SaysWhichNameIsMissingAndWhatToDo) {
  refuses(with("access", ""),
          "t.toml:3:7: 'pool.edge.access' is missing: the Access Edge FQDN is the external "
          "certificate's common name; write access = ");
  refuses(with("internal", ""), "'pool.edge.internal' is missing");
  refuses(with("web_conferencing", ""), "'pool.edge.web_conferencing' is missing");
  refuses(with("av", ""), "'pool.edge.av' is missing");
  refuses(with("sip_domains", ""), "'pool.edge.sip_domains' names no domain");
  refuses(with("sip_domains", "sip_domains = []"), "t.toml:10:1: 'pool.edge.sip_domains'");
  refuses(with("members", ""), "'pool.edge.members' is missing");
  refuses(with("kind", ""), "'pool.edge.kind' is missing");
  refuses(with("kind", "kind = \"edgy\""), "must be one of");
  refuses("version = 1\nproduct = \"lync-2013\"\n", "there is no pool");
}

TEST(TopologyTest, NeedsNoSipDomainWithoutAutoConfigurationAndFederation) {
  EXPECT_NO_THROW(parse_topology(
      with("sip_domains", "auto_configuration = false\nfederation = false"), "t.toml"));
}

TEST(TopologyTest, ReportsAllFaultsAtOnce) {
  const std::string text = R"(version = 2
product = "lync-2012"
colour = "red"
[pool.edge]
kind = "edge"
members = ["edge1", "Edge 2", "edge1"]
internal = "lsedge"
access = 7
web_conferencing = "web_con.contoso.com"
av = "av.contoso.com."
sip_domains = ["contoso.com", "CONTOSO.com", "131.107.155.10"]
acces = "x"
)";
  try {
    parse_topology(text, "t.toml");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("has 12 faults"), HasSubstr("t.toml:1:1: "),
                      HasSubstr("t.toml:2:1: "), HasSubstr("t.toml:3:1: unknown key 'colour'"),
                      HasSubstr("t.toml:6:21: "), HasSubstr("'edge1' is listed twice"),
                      HasSubstr("t.toml:7:1: "), HasSubstr("short name")));
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("'pool.edge.access' must be a string"), HasSubstr("underscore"),
                      HasSubstr("ends in a dot"), HasSubstr("'contoso.com' is listed twice"),
                      HasSubstr("ends in a number"),
                      HasSubstr("unknown key 'pool.edge.acces'; did you mean 'access'?")));
  }
}

TEST(TopologyTest, ReportsASyntaxErrorAlone) {
  try {
    parse_topology("version = \n", "t.toml");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("has 1 fault\n"));
  }
}

TEST(TopologyTest, CountsMembers) {
  const auto members = [](int count) {
    std::string list;
    for (int i = 1; i <= count; ++i)
      list += (i > 1 ? ", " : "") + ("\"e" + std::to_string(i) + "\"");
    return with("members", "members = [" + list + "]");
  };
  refuses(members(0), "1 to 20");
  EXPECT_NO_THROW(parse_topology(members(1), "t"));
  refuses(members(21), "has 21 members");
  EXPECT_TRUE(parse_topology(members(12), "t").warnings.empty());
  const Topology large = parse_topology(members(13), "t.toml");
  ASSERT_EQ(large.warnings.size(), 1U);
  EXPECT_THAT(large.warnings[0].sentence, HasSubstr("at most 12"));
  EXPECT_EQ(large.warnings[0].where.str(), "t.toml:5:1");
  EXPECT_EQ(parse_topology(members(20), "t").pools[0].members.size(), 20U);
}

TEST(TopologyTest, KnowsWhichProductsHaveXmpp) {
  const std::string xmpp = "\nxmpp = [\"xmpp.contoso.com\", \"*.contoso.com\"]";
  const std::string sfb2015 = with("av", "av = \"av.contoso.com\"" + xmpp);
  EXPECT_NO_THROW(parse_topology(sfb2015, "t.toml"));
  std::string sfb2019 = sfb2015;
  sfb2019.replace(sfb2019.find("2015"), 4, "2019");
  refuses(sfb2019, "has no XMPP gateway");
  refuses(with("access", "access = \"*.contoso.com\""), "'pool.edge.access'");
}

TEST(TopologyTest, RefusesCommonNamesThatAreTooLong) {
  refuses(with("access", "access = \"" + std::string(60, 'a') + ".contoso.com\""),
          "72 octets; a common name has room for 64");
}

TEST(TopologyTest, WarnsOfAnAccessNameThatFederationRefuses) {
  const Topology topology =
      parse_topology(with("access", "access = \"sip.contoso-edge.com\""), "t.toml");
  ASSERT_EQ(topology.warnings.size(), 1U);
  EXPECT_THAT(topology.warnings[0].sentence, HasSubstr("federation"));
}

TEST(TopologyTest, AgreesWithTheFederationVectors) {
  const json::value fixture = edge_fixture();
  for (const json::value& item :
       json::as_array(fixture.as_object(), "federation_name_vectors", "edge.json")) {
    const json::object& vector = item.as_object();
    EXPECT_EQ(is_federation_name(json::text(vector, "sip_domain", "v"),
                                 json::text(vector, "edge_fqdn", "v")),
              json::boolean(vector, "federation_suffix_ok", "v"))
        << json::text(vector, "edge_fqdn", "v");
  }
}

TEST(FqdnTest, KnowsGoodFromBad) {
  for (const char* good : {"sip.contoso.com", "a.b", "A-1.x9.com", "xn--bcher-kva.contoso.com"})
    EXPECT_FALSE(fqdn_fault(good)) << good;
  const std::string long_label = std::string(64, 'a') + ".com";
  std::string long_name = "com";
  while (long_name.size() < 254) long_name = "aaaaaaaa." + long_name;
  for (const std::string& bad :
       {std::string(), std::string("."), std::string("a"), std::string("a..b"), std::string(".a.b"),
        std::string("a.b."), std::string("a_b.c"), std::string("-a.b"), std::string("a-.b"),
        std::string("a b.c"), std::string("b\xc3\xbc.de"), std::string("a\0.b", 4),
        std::string("10.1.2.3"), std::string("*.a.b"), long_label, long_name})
    EXPECT_TRUE(fqdn_fault(bad)) << bad;
  EXPECT_TRUE(is_wildcard("*.contoso.com"));
  EXPECT_FALSE(is_wildcard("*.com"));
  EXPECT_FALSE(is_wildcard("*a.contoso.com"));
  EXPECT_TRUE(has_private_suffix("edge.contoso.LOCAL"));
  EXPECT_FALSE(has_private_suffix("local.contoso.com"));
}

}  // namespace
}  // namespace poolkey::requests
