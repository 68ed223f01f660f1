#include "requests/ca/config.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "crypto/digest.h"
#include "requests/fqdn.h"

namespace poolkey::requests {
namespace {

constexpr std::int64_t kMostDays = 36500;
constexpr std::int64_t kMostClientDays = 398;
constexpr std::size_t kLongestUrl = 1000;

constexpr std::array<std::string_view, 8> kAlgorithms{
    "RSA-2048", "RSA-3072", "RSA-4096", "RSA-8192", "EC-P-256", "EC-P-384", "EC-P-521", "Ed25519"};

std::string quoted_list(const auto& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "'" : ", '") + std::string(word) + "'";
  return out;
}

/// What keeps a text from being a URL that every relying party can fetch.
std::optional<std::string> url_fault(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme))
    return "it must begin with 'http://': who fetches a CRL to check a certificate cannot need "
           "another certificate for that, and Edge Servers fetch by port 80 only";
  if (url.size() > kLongestUrl) return "it has over 1000 octets";
  if (!std::ranges::all_of(url, [](char c) { return c > 0x20 && c < 0x7f && c != '"'; }))
    return "it has blanks, quotes or octets that are not ASCII";
  if (url.find_first_of("?#@") != url.npos) return "it has a query, a fragment or an account";
  const std::string_view rest = url.substr(kScheme.size());
  const std::string_view host = rest.substr(0, rest.find_first_of(":/"));
  return fqdn_fault(host);
}

std::vector<std::string> urls(toml::Reader& reader, std::string_view key, bool base) {
  std::vector<std::string> out;
  const auto listed = reader.optional_strings(key);
  if (!listed) return out;
  for (const auto& url : listed->value) {
    if (const auto fault = url_fault(url.value))
      reader.fault(url.where,
                   "'publication." + std::string(key) + "': '" + url.value + "': " + *fault);
    out.push_back(url.value);
    while (base && out.back().ends_with('/')) out.back().pop_back();
  }
  return out;
}

/// Words of a list, each through `parse`, which throws for one that it does not know.
template <class T, class Parse>
std::vector<T> parsed(toml::Reader& reader, std::string_view key, const Parse& parse) {
  std::vector<T> out;
  for (const auto& word : reader.strings(key).value) {
    try {
      out.push_back(parse(word.value));
    } catch (const Error& error) {
      reader.fault(word.where, error.what());
    }
  }
  return out;
}

crypto::KeyUsage leaf_usage(const std::string& word) {
  const crypto::KeyUsage usage = crypto::parse_key_usage(word);
  if (usage == crypto::KeyUsage::kKeyCertSign || usage == crypto::KeyUsage::kCrlSign)
    throw Error(Errc::kInvalidArgument,
                "'" + word + "' is for CAs; 'poolkey ca sign' makes no CA certificates");
  return usage;
}

std::string leaf_extended_usage(const std::string& word) {
  const std::string oid = crypto::parse_extended_key_usage(word);
  if (oid == crypto::kOcspSigning || oid == crypto::kAnyExtendedKeyUsage)
    throw Error(Errc::kInvalidArgument,
                "'" + word + "' would let a stranger's key speak for the CA; remove it");
  return oid;
}

std::string suffix(const std::string& word) {
  if (const auto fault = fqdn_fault(word))
    throw Error(Errc::kInvalidArgument, "'" + word + "' is no domain name: " + *fault);
  return lower_case(word);
}

std::string key_algorithm(const std::string& word) {
  if (std::ranges::find(kAlgorithms, word) != kAlgorithms.end()) return word;
  throw Error(Errc::kInvalidArgument,
              "'" + word + "' is no key algorithm; there are " + quoted_list(kAlgorithms));
}

/// What the register calls certificates that no profile was asked for.
bool is_reserved(std::string_view name) {
  return name == kPoolProfile || name == kCrossProfile || name == "root" || name == "issuing-ca" ||
         name.ends_with("-signer");
}

/// A configuration from before may have such a profile; nothing is signed under it any more.
bool is_of_clients(std::string_view name) {
  return name == kServiceProfile || name == kMemberProfile || name == kClientProfile;
}

enum class Source { kFile, kRecord };

CaProfile read_profile(const std::string& name, toml::Reader& reader, Source source) {
  CaProfile out{.name = name};
  try {
    KeyName checked(name);  // the alphabet of everything that stands in records and log lines
  } catch (const Error& error) {
    reader.fault(reader.where(), error.what());
  }
  if (is_reserved(name) || (source == Source::kFile && is_of_clients(name)))
    reader.fault(reader.where(), "the register of the CA uses '" + name +
                                     "' for other certificates; choose another name");
  out.max = Days(reader.integer("max_days", 1, kMostDays).value);
  for (const auto usage : parsed<crypto::KeyUsage>(reader, "key_usage", leaf_usage))
    out.key_usage.insert(usage);
  out.extended_key_usage = parsed<std::string>(reader, "extended_key_usage", leaf_extended_usage);
  const auto lint = reader.choice("lint", policy::all_words<Profile>());
  out.lint = policy::parse_word<Profile>(lint.value).value_or(Profile::kInternal);
  out.suffixes = parsed<std::string>(reader, "allowed_suffixes", suffix);
  out.key_algorithms = parsed<std::string>(reader, "key_algorithms", key_algorithm);
  for (const char* key : {"extended_key_usage", "allowed_suffixes", "key_algorithms"}) {
    const toml::Node* node = reader.node(key);
    const auto* list = node == nullptr ? nullptr : std::get_if<toml::Array>(&node->value);
    if (list != nullptr && list->empty())
      reader.fault(node->where,
                   "'profile." + name + "." + key + "' is empty; it must name at least one");
  }
  if (const auto organization = reader.optional_string("organization"))
    out.organization = organization->value;
  if (const auto names = reader.optional_integer("max_names", 1, 1000))
    out.max_names = static_cast<std::size_t>(names->value);
  reader.finish();
  return out;
}

void read_publication(toml::Reader reader, CaConfig& out) {
  out.crl = urls(reader, "crl", true);
  out.ca_issuers = urls(reader, "ca_issuers", true);
  out.ocsp = urls(reader, "ocsp", false);
  if (const auto folder = reader.optional_string("folder")) {
    out.folder = folder->value;
    if (!out.folder.is_absolute())
      reader.fault(folder->where, "'publication.folder' is '" + folder->value +
                                      "'; write an absolute path, for it is used by every verb");
  }
  if (out.crl.empty())
    reader.fault(
        reader.where(),
        "'publication.crl' names no URL: Lync and Skype for Business want a CRL "
        "distribution point in every certificate; write crl = [\"http://pki.contoso.com\"]");
  reader.finish();
}

void read_times(toml::Reader& top, CaConfig& out) {
  if (auto crl = top.optional_table("crl")) {
    out.crl_validity = Days(crl->integer("days", 1, 366).value);
    const auto overlap = crl->integer("overlap_hours", 1, 366 * 24);
    out.crl_overlap = std::chrono::hours(overlap.value);
    if (out.crl_overlap >= out.crl_validity)
      crl->fault(overlap.where,
                 "'crl.overlap_hours' is not shorter than the list is valid (crl.days); every "
                 "list would be due again as soon as it is made");
    crl->finish();
  }
  if (auto ocsp = top.optional_table("ocsp")) {
    const auto response = ocsp->integer("response_hours", 1, 366 * 24);
    out.ocsp_validity = std::chrono::hours(response.value);
    out.responder_validity = Days(ocsp->integer("responder_days", 2, 3650).value);
    if (out.ocsp_validity >= out.responder_validity)
      ocsp->fault(response.where,
                  "'ocsp.response_hours' is not shorter than the responder's certificate is valid "
                  "(ocsp.responder_days)");
    ocsp->finish();
  }
  if (auto clients = top.optional_table("client_certificates")) {
    out.service_validity = Days(clients->integer("service_days", 1, kMostClientDays).value);
    out.client_validity = Days(clients->integer("client_days", 1, kMostClientDays).value);
    out.member_validity = Days(clients->integer("member_days", 1, kMostClientDays).value);
    clients->finish();
  }
}

std::string stem(const KeyVersion& version) {
  return version.key.str() + "-" + std::to_string(version.version);
}

}  // namespace

const CaProfile& CaConfig::profile(std::string_view name) const {
  std::vector<std::string> known;
  for (const CaProfile& profile : profiles) {
    if (profile.name == name) return profile;
    known.push_back(profile.name);
  }
  throw Error(Errc::kNotFound,
              "there is no profile '" + std::string(name) + "' of the CA; " +
                  (known.empty() ? "'poolkey ca configure FILE' makes profiles (docs/ca.toml is an "
                                   "example)"
                                 : "there are " + quoted_list(known)));
}

keys::IssuerPointers CaConfig::pointers(const KeyVersion& issuer) const {
  keys::IssuerPointers out{.ocsp = ocsp};
  for (const std::string& base : crl) out.crl.push_back(base + "/" + crl_file(issuer));
  for (const std::string& base : ca_issuers)
    out.ca_issuers.push_back(base + "/" + certificate_file(issuer));
  return out;
}

std::string crl_file(const KeyVersion& issuer) { return stem(issuer) + ".crl"; }
std::string certificate_file(const KeyVersion& issuer) { return stem(issuer) + ".cer"; }
std::string cross_file(const KeyVersion& subject, const KeyVersion& issuer) {
  return stem(subject) + "-by-" + stem(issuer) + ".cer";
}

namespace {

CaConfig read_ca_config(std::string_view text, const std::string& file, Source source) {
  const std::string what = "CA configuration " + file;
  toml::Faults faults;
  const toml::Node root = toml::parse(text, file, faults);
  faults.throw_if_any(what);
  toml::Reader top(root, "", faults);
  CaConfig out;
  top.integer("version", 1, 1);
  read_publication(top.table("publication"), out);
  read_times(top, out);
  for (auto& [name, table] : top.tables("profile"))
    out.profiles.push_back(read_profile(name, table, source));
  top.finish();
  faults.throw_if_any(what);
  out.file = file;
  out.text = text;
  out.sha256 = hex(crypto::sha256(view(text)));
  return out;
}

}  // namespace

CaConfig parse_ca_config(std::string_view text, const std::string& file) {
  return read_ca_config(text, file, Source::kFile);
}

CaConfig ca_config(store::Database& database) {
  const auto rows =
      database.rows("SELECT file, text, sha256 FROM ca_configuration ORDER BY number DESC LIMIT 1");
  if (rows.empty()) return {};
  CaConfig out =
      read_ca_config(rows.front().text("text"), rows.front().text("file"), Source::kRecord);
  std::erase_if(out.profiles, [](const CaProfile& one) { return is_of_clients(one.name); });
  if (out.sha256 != rows.front().text("sha256"))
    throw Error(Errc::kCorrupt,
                "the recorded configuration of the CA is not the one that was given; run 'poolkey "
                "ca configure' again, or restore the database");
  return out;
}

bool configure_ca(keys::Context& context, const CaConfig& config) {
  bool changed = false;
  keys::record(context, "ca configure", config.file, "", nullptr, [&]() -> json::object {
    store::Transaction transaction(context.database);
    const auto newest =
        context.database.rows("SELECT sha256 FROM ca_configuration ORDER BY number DESC LIMIT 1");
    changed = newest.empty() || newest.front().text("sha256") != config.sha256;
    if (changed)
      context.database.run(
          "INSERT INTO ca_configuration (number, file, text, sha256, configured_at)"
          " SELECT COALESCE(MAX(number), 0) + 1, CAST(:file AS TEXT), CAST(:text AS TEXT),"
          " CAST(:sha256 AS TEXT), CAST(:now AS TEXT) FROM ca_configuration",
          {{"file", config.file},
           {"text", config.text},
           {"sha256", config.sha256},
           {"now", rfc3339(context.clock.now())}});
    transaction.commit();
    return {{"configuration", config.text}, {"sha256", config.sha256}, {"changed", changed}};
  });
  return changed;
}

}  // namespace poolkey::requests
