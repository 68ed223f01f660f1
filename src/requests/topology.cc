#include "requests/topology.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/error.h"
#include "requests/fqdn.h"

namespace poolkey::requests {
namespace {

struct ProductRow {
  Product product;
  std::string_view name;
  bool has_xmpp;  // gone in 2019 (Skype for Business Server 2019 release notes)
};
constexpr std::array kProducts{
    ProductRow{Product::kLync2013, "lync-2013", true},
    ProductRow{Product::kSfb2015, "sfb-2015", true},
    ProductRow{Product::kSfb2019, "sfb-2019", false},
    ProductRow{Product::kSfbSe, "sfb-se", false},
};

constexpr std::size_t kFewestMembers = 2;
constexpr std::size_t kMostMembers = 20;       // what Topology Builder lets one enter
constexpr std::size_t kSupportedMembers = 12;  // what Microsoft supports
constexpr std::size_t kCommonNameLimit = 64;   // RFC 5280 appendix A.1, ub-common-name

const ProductRow& row(Product product) {
  return *std::ranges::find(kProducts, product, &ProductRow::product);
}

/// Reads one pool; files what is wrong with it, and what is merely odd, where it stands.
class PoolReader {
 public:
  PoolReader(std::string_view name, toml::Reader& reader, std::vector<toml::Fault>& warnings)
      : name_(name), reader_(reader), warnings_(warnings) {}

  std::optional<Pool> read(Product product) {
    const std::optional<PoolName> pool = pool_name();
    reader_.choice("kind", {"edge"});
    std::vector<MemberName> members = read_members();
    EdgeServices edge = read_edge(product);
    reader_.finish();
    if (!pool) return std::nullopt;
    return Pool{*pool, std::move(members), std::move(edge), reader_.where()};
  }

 private:
  std::string full(std::string_view key) const {
    return "'pool." + std::string(name_) + "." + std::string(key) + "'";
  }

  std::optional<PoolName> pool_name() {
    try {
      return PoolName(name_);
    } catch (const Error& error) {
      reader_.fault(reader_.where(), error.what());
      return std::nullopt;
    }
  }

  std::vector<MemberName> read_members() {
    std::vector<MemberName> out;
    const auto listed = reader_.strings("members");
    for (const auto& member : listed.value) {
      try {
        const MemberName name(member.value);
        if (std::ranges::find(out, name) != out.end())
          reader_.fault(member.where, "member '" + member.value + "' is listed twice");
        out.push_back(name);
      } catch (const Error& error) {
        reader_.fault(member.where, error.what());
      }
    }
    const std::size_t count = listed.value.size();
    if (reader_.node("members") != nullptr && (count < kFewestMembers || count > kMostMembers))
      reader_.fault(listed.where, full("members") + " has " + std::to_string(count) +
                                      " members; a pool has " + std::to_string(kFewestMembers) +
                                      " to " + std::to_string(kMostMembers));
    if (count > kSupportedMembers && count <= kMostMembers)
      warn(listed.where, full("members") + " has " + std::to_string(count) +
                             " members; Microsoft supports at most " +
                             std::to_string(kSupportedMembers) + " Edge Servers in a pool");
    return out;
  }

  EdgeServices read_edge(Product product) {
    EdgeServices out;
    out.internal = host("internal",
                        "the internal FQDN of the pool is the internal certificate's "
                        "common name; write internal = \"edge.contoso.net\"");
    out.access = host("access",
                      "the Access Edge FQDN is the external certificate's common name; "
                      "write access = \"sip.contoso.com\"");
    out.web_conferencing = host("web_conferencing",
                                "the Web Conferencing Edge FQDN must be in the external "
                                "certificate; write web_conferencing = \"webcon.contoso.com\"");
    out.av = host("av",
                  "the A/V Edge FQDN is what the request is checked to leave out; write "
                  "av = \"av.contoso.com\"");
    if (const auto flag = reader_.optional_boolean("auto_configuration"))
      out.auto_configuration = flag->value;
    if (const auto flag = reader_.optional_boolean("federation")) out.federation = flag->value;
    out.sip_domains = read_sip_domains(out.auto_configuration || out.federation);
    out.xmpp = read_xmpp(product);
    for (const HostName* name : {&out.internal, &out.access})
      if (name->value.size() > kCommonNameLimit)
        reader_.fault(name->where, "'" + name->value + "' has " +
                                       std::to_string(name->value.size()) +
                                       " octets; a common name has room for 64, so choose a "
                                       "shorter FQDN");
    if (out.federation && !out.access.value.empty() && !out.sip_domains.empty() &&
        std::ranges::none_of(out.sip_domains, [&](const HostName& domain) {
          return is_federation_name(domain.value, out.access.value);
        }))
      warn(out.access.where, "'" + out.access.value +
                                 "' is not one label and a SIP domain; federation with Skype for "
                                 "Business Online would refuse it");
    return out;
  }

  HostName host(std::string_view key, std::string_view why) {
    if (reader_.node(key) == nullptr) {
      reader_.fault(reader_.where(), full(key) + " is missing: " + std::string(why));
      return {};
    }
    const auto text = reader_.optional_string(key);
    return text ? checked(key, *text) : HostName{};
  }

  HostName checked(std::string_view key, const toml::Located<std::string>& text) {
    if (const auto fault = fqdn_fault(text.value))
      reader_.fault(text.where, full(key) + ": '" + text.value +
                                    "' is no fully qualified domain "
                                    "name: " +
                                    *fault);
    return {lower_case(text.value), text.where};
  }

  std::vector<HostName> read_sip_domains(bool needed) {
    std::vector<HostName> out;
    const auto listed = reader_.optional_strings("sip_domains");
    if (listed)
      for (const auto& domain : listed->value) add(out, checked("sip_domains", domain));
    if (needed && (reader_.node("sip_domains") == nullptr || (listed && listed->value.empty())))
      reader_.fault(listed ? listed->where : reader_.where(),
                    full("sip_domains") +
                        " names no domain: with auto_configuration or federation the external "
                        "certificate needs sip.<domain> for each; write sip_domains = "
                        "[\"contoso.com\"]");
    return out;
  }

  std::vector<HostName> read_xmpp(Product product) {
    std::vector<HostName> out;
    const auto listed = reader_.optional_strings("xmpp");
    if (!listed) return out;
    for (const auto& name : listed->value) {
      // The topology tables print "*.contoso.com" here, so a wildcard is let through to the linter.
      if (is_wildcard(name.value))
        add(out, {lower_case(name.value), name.where});
      else
        add(out, checked("xmpp", name));
    }
    if (!out.empty() && !row(product).has_xmpp)
      reader_.fault(listed->where, full("xmpp") + ": " + std::string(requests::name(product)) +
                                       " has no XMPP gateway; remove the names");
    return out;
  }

  void add(std::vector<HostName>& list, HostName name) {
    if (std::ranges::find(list, name.value, &HostName::value) != list.end())
      reader_.fault(name.where, "'" + name.value + "' is listed twice");
    list.push_back(std::move(name));
  }

  void warn(const toml::Location& where, std::string sentence) {
    warnings_.push_back({where, std::move(sentence)});
  }

  std::string_view name_;
  toml::Reader& reader_;
  std::vector<toml::Fault>& warnings_;
};

}  // namespace

std::string_view name(Product product) { return row(product).name; }

const Pool& Topology::pool(const PoolName& name) const {
  std::string known;
  for (const Pool& pool : pools) {
    if (pool.name == name) return pool;
    known += (known.empty() ? "" : ", ") + pool.name.str();
  }
  throw Error(Errc::kNotFound, "the topology has no pool '" + name.str() + "'; it has " + known);
}

Topology parse_topology(std::string_view text, const std::string& file) {
  toml::Faults faults;
  const toml::Node root = toml::parse(text, file, faults);
  // A syntax error leaves an empty table: its missing keys would only bury the one real fault.
  faults.throw_if_any("topology " + file);
  toml::Reader reader(root, "", faults);
  Topology out;
  reader.integer("version", 1, 1);
  std::vector<std::string> products;
  for (const ProductRow& known : kProducts) products.emplace_back(known.name);
  const auto product = reader.choice("product", products);
  for (const ProductRow& known : kProducts)
    if (known.name == product.value) out.product = known.product;
  for (auto& [name, table] : reader.tables("pool"))
    if (auto pool = PoolReader(name, table, out.warnings).read(out.product))
      out.pools.push_back(std::move(*pool));
  const toml::Node* pools = reader.node("pool");
  const auto* tables = pools != nullptr ? std::get_if<toml::Table>(&pools->value) : nullptr;
  if (pools == nullptr || (tables != nullptr && tables->empty()))
    reader.fault(reader.where(), "there is no pool; write a table [pool.NAME] for each");
  reader.finish();
  faults.throw_if_any("topology " + file);
  return out;
}

bool is_federation_name(std::string_view sip_domain, std::string_view edge) {
  const std::string host = lower_case(edge);
  const std::size_t dot = host.find('.');
  return dot != std::string::npos && dot > 0 && host.substr(dot + 1) == lower_case(sip_domain);
}

}  // namespace poolkey::requests
