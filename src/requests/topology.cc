#include "requests/topology.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "requests/fqdn.h"
#include "requests/topology_reader.h"

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

constexpr std::int64_t kMostTokenHours = 180 * 24;  // Set-CsAVEdgeConfiguration -MaxTokenLifetime
constexpr std::int64_t kMostRollOutHours = 90 * 24;

const ProductRow& row(Product product) {
  return *std::ranges::find(kProducts, product, &ProductRow::product);
}

Product read_product(toml::Reader& reader) {
  std::vector<std::string> products;
  for (const ProductRow& known : kProducts) products.emplace_back(known.name);
  const auto word = reader.choice("product", products);
  const auto found = std::ranges::find(kProducts, word.value, &ProductRow::name);
  return found == kProducts.end() ? Product::kLync2013 : found->product;
}

void read_hours(toml::Reader& reader, std::string_view key, std::int64_t most, Duration& out) {
  if (const auto hours = reader.optional_integer(key, 1, most))
    out = std::chrono::hours(hours->value);
}

WebNames read_web(toml::Reader& top) {
  WebNames out;
  auto reader = top.optional_table("web");
  if (!reader) return out;
  NameReader names("web", *reader);
  out.meet = names.hosts("meet");
  out.dialin = names.hosts("dialin");
  out.admin = names.hosts("admin");
  out.lyncdiscover = names.hosts("lyncdiscover");
  out.lyncdiscover_internal = names.hosts("lyncdiscover_internal");
  out.office_web_apps = names.hosts("office_web_apps");
  out.wildcards = names.hosts("wildcards", /*wildcards=*/true);
  for (const HostName& name : out.wildcards)
    if (!is_wildcard(name.value))
      reader->fault(name.where, "'" + name.value + "' is no wildcard; write \"*.contoso.com\"");
  reader->finish();
  return out;
}

/// The OAuth certificate is one for the whole deployment.
void check_oauth(const Topology& topology, toml::Reader& reader) {
  const Pool* first = nullptr;
  for (const Pool& pool : topology.pools) {
    const auto* servers = std::get_if<ServerServices>(&pool.services);
    if (servers == nullptr || !servers->oauth) continue;
    if (first != nullptr)
      reader.fault(pool.where, "pools '" + first->name.str() + "' and '" + pool.name.str() +
                                   "' both have oauth = true; the deployment has one OAuth "
                                   "certificate, so leave it at one of them");
    first = &pool;
  }
}

}  // namespace

std::string_view name(Product product) { return row(product).name; }

const Pool& Topology::pool(const PoolName& name) const {
  const auto found = std::ranges::find(pools, name, &Pool::name);
  if (found != pools.end()) return *found;
  std::string known;
  for (const Pool& pool : pools) known += (known.empty() ? "" : ", ") + pool.name.str();
  throw Error(Errc::kNotFound, "the topology has no pool '" + name.str() + "'; it has " + known);
}

const Authority& Topology::authority(std::string_view name) const {
  const auto found = std::ranges::find(authorities, name, &Authority::name);
  if (found != authorities.end()) return *found;
  std::string known;
  for (const Authority& authority : authorities)
    known += (known.empty() ? "" : ", ") + authority.name;
  throw Error(Errc::kNotFound, "the topology has no CA '" + std::string(name) + "'; it has " +
                                   known + ". Write a table [ca." + std::string(name) + "]");
}

Topology parse_topology(std::string_view text, const std::string& file) {
  toml::Faults faults;
  const toml::Node root = toml::parse(text, file, faults);
  // A syntax error leaves an empty table: its missing keys would only bury the one real fault.
  faults.throw_if_any("topology " + file);
  toml::Reader reader(root, "", faults);
  Topology out;
  reader.integer("version", 1, 1);
  out.product = read_product(reader);
  read_hours(reader, "av_token_hours", kMostTokenHours, out.av_token_lifetime);
  read_hours(reader, "oauth_token_hours", kMostTokenHours, out.oauth_token_lifetime);
  read_hours(reader, "roll_out_hours", kMostRollOutHours, out.roll_out);
  out.authorities = read_authorities(reader);
  out.web = read_web(reader);
  const FileContext context{row(out.product).has_xmpp, row(out.product).name, out.authorities};
  for (auto& [name, table] : reader.tables("pool"))
    if (auto pool = read_pool(name, table, context, out.warnings))
      out.pools.push_back(std::move(*pool));
  const toml::Node* pools = reader.node("pool");
  const auto* tables = pools != nullptr ? std::get_if<toml::Table>(&pools->value) : nullptr;
  if (pools == nullptr || (tables != nullptr && tables->empty()))
    reader.fault(reader.where(), "there is no pool; write a table [pool.NAME] for each");
  check_oauth(out, reader);
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
