#include "e2e/public_ca.h"

#include <stdexcept>

#include "base/file.h"
#include "e2e/authority.h"

namespace poolkey::test {
namespace {

/// Both CAs and their registers: the leaf has what public CAs put there today.
constexpr const char* kConfiguration = R"([root]
certificate = ca/root.pem
private_key = ca/root.key
database = ca/root.index
crlnumber = ca/root.number
[issuing]
certificate = ca/issuing.pem
private_key = ca/issuing.key
database = ca/issuing.index
crlnumber = ca/issuing.number
[default]
new_certs_dir = ca
rand_serial = yes
unique_subject = no
default_md = sha256
default_crl_days = 7
copy_extensions = copy
policy = names
[names]
organizationName = optional
commonName = supplied
[root_extensions]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[issuing_extensions]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
)";

constexpr const char* kMake = R"(mkdir ca && cat > ca/ca.cnf && cd ca
for name in root issuing; do
  touch $name.index && echo 01 > $name.number
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $name.key \
    -subj "/O=Public Trust/CN=Public $name" -out $name.csr || exit
done
openssl x509 -req -in root.csr -signkey root.key -days 3650 -extfile ca.cnf \
  -extensions root_extensions -out root.pem &&
openssl x509 -req -in issuing.csr -CA root.pem -CAkey root.key -CAcreateserial -days 1825 \
  -extfile ca.cnf -extensions issuing_extensions -out issuing.pem &&
openssl x509 -in root.pem -outform DER | sha256sum | cut -c 1-64 > root.sha256
)";

void must_run(const Deployment& d, const std::string& line) {
  const Outcome done = in_folder(d, line);
  if (done.status != 0) throw std::runtime_error(line + ": " + done.text());
}

}  // namespace

std::string public_request(const std::string& version) {
  return "edge.edge-external." + version + ".public";
}

void make_public_ca(const Deployment& d) {
  write_file(d.path("ca.cnf"), std::string(kConfiguration));
  must_run(d, "{ " + std::string(kMake) + "} < ca.cnf");
}

void use_public_ca(const Deployment& d) {
  make_public_ca(d);
  std::string root = read_file(d.path("ca/root.sha256"));
  root.pop_back();
  change_topology(d, "[pool.edge]", "[ca.public]\nroots = [\"" + root + "\"]\n\n[pool.edge]");
  change_topology(d, "edge-external = \"internal\"", "edge-external = \"public\"");
}

void change_topology(const Deployment& d, const std::string& from, const std::string& to) {
  const auto file = d.path("topology.toml");
  write_file(file, replaced(read_file(file), from, to));
  d.must("origin", {"pool", "define", file.string()});
}

void certify(const Deployment& d, const std::string& csr, const std::string& out,
             const Terms& terms) {
  std::string extensions =
      "basicConstraints = critical, CA:FALSE\n"
      "keyUsage = critical, digitalSignature, keyEncipherment\n"
      "certificatePolicies = 2.23.140.1.2.1\n"
      "authorityKeyIdentifier = keyid\n"
      "crlDistributionPoints = URI:http://crl.example.org/issuing.crl\n"
      "authorityInfoAccess = caIssuers;URI:http://crl.example.org/issuing.cer\n"
      "extendedKeyUsage = " +
      terms.usages + "\n";
  if (!terms.names.empty()) extensions += "subjectAltName = " + terms.names + "\n";
  write_file(d.path("leaf.cnf"), extensions);
  must_run(d, "openssl ca -batch -notext -config ca/ca.cnf -name " + terms.by +
                  " -extfile leaf.cnf -subj '" + terms.subject + "' " + terms.dates + " -in " +
                  csr + " -out " + out);
}

void revoke(const Deployment& d, const std::string& by, const std::string& certificate) {
  const std::string ca = "openssl ca -config ca/ca.cnf -name " + by;
  must_run(d, ca + " -revoke " + certificate + " -crl_reason keyCompromise && " + ca +
                  " -gencrl -out ca/" + by + ".crl");
}

Words create(const Deployment& d, const std::string& version) {
  return {"request",       "create", "--pool", "edge",  "--role",
          "edge-external", "--key",  version,  "--out", d.path("created.pem").string()};
}

Words send(const Deployment& d, const std::string& version) {
  return {"request", "export", public_request(version), "--out", d.path(version + ".csr").string()};
}

void submit(const Deployment& d, const std::string& version) {
  d.must("origin", create(d, version));
  d.must("origin", send(d, version));
}

void submit_and_certify(const Deployment& d, const std::string& version) {
  submit(d, version);
  certify(d, version + ".csr", version + ".pem");
}

Words batch_of(const Deployment& d, std::size_t requests) {
  std::string list, tables;
  for (std::size_t i = 0; i < requests; ++i) {
    const std::string ca = "ca" + std::to_string(i);
    list += std::string(i == 0 ? "" : ",") +
            R"({"pool":"edge","role":"edge-external","key":"av@1","ca":")" + ca + "\"}";
    tables += "[ca." + ca + "]\nkind = \"public\"\n";
  }
  if (!std::filesystem::exists(d.path("batch.json")))
    change_topology(d, "[pool.edge]", tables + "[pool.edge]");
  write_file(d.path("batch.json"), "{\"requests\":[" + list + "]}");
  return {"request", "batch", d.path("batch.json").string(), "--out", d.path("all.pem").string()};
}

Words import(const Deployment& d, const Words& files) {
  Words out{"request", "import"};
  for (const std::string& file : files) out.push_back(d.path(file).string());
  return out;
}

Words accept(const std::string& version) { return {"request", "accept", public_request(version)}; }

std::string state_of(const Deployment& d, const std::string& id) {
  return json::text(d.json_on("origin", {"request", "show", id}), "state", "request show");
}

std::vector<std::string> history(const Deployment& d, const std::string& id) {
  std::vector<std::string> out;
  const json::object shown = d.json_on("origin", {"request", "show", id});
  for (const json::value& step : json::as_array(shown, "history", "request show"))
    out.push_back(json::text(step.as_object(), "state", "history"));
  return out;
}

}  // namespace poolkey::test
