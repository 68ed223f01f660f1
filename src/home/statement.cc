#include "home/statement.h"

namespace poolkey::home {
namespace {

constexpr std::string_view kContext = "poolkey member state v1";

json::object to_json(const Statement::Version& v) {
  json::object out{{"key", v.key.str()},
                   {"release", v.release},
                   {"spki", base64(v.spki)},
                   {"cka_id", hex(v.id)},
                   {"policy_sha256", v.policy_sha256},
                   {"usages", list_json(v.usages)},
                   {"in_force", v.in_force}};
  if (!v.policy_file.empty()) out["policy_file"] = v.policy_file;
  if (v.effective) out["effective"] = rfc3339(*v.effective);
  if (!v.retired.empty()) out["retired"] = v.retired;
  return out;
}

Statement::Version version(const Members& v) {
  return {v.key_version("key"),
          v.integer("release"),
          v.base64_bytes("spki"),
          v.hex_bytes("cka_id"),
          v.text("policy_sha256"),
          v.texts("usages"),
          v.boolean("in_force"),
          v.has("policy_file") ? v.text("policy_file") : "",
          v.has("effective") ? std::optional(parse_rfc3339(v.text("effective"))) : std::nullopt,
          v.has("retired") ? v.text("retired") : ""};
}

}  // namespace

json::object to_json(const Statement& d) {
  json::object out = begin_document(kContext);
  add_address(out, d.member);
  out["token_label"] = d.token_label;
  out["sequence"] = d.sequence;
  json::array versions;
  for (const Statement::Version& v : d.versions) versions.emplace_back(to_json(v));
  out["versions"] = std::move(versions);
  return out;
}

Statement parse_statement(std::string_view text) {
  const Members m(text, kContext);
  Statement out{m.address(), m.text("token_label"), m.integer("sequence"), {}};
  for (const Members& v : m.list("versions")) out.versions.push_back(version(v));
  return out;
}

std::filesystem::path in_use_file(const std::filesystem::path& state_folder, ByteView cka_id) {
  return state_folder / "in-use" / hex(cka_id);
}

std::filesystem::path statement_file(const std::filesystem::path& state_folder,
                                     const PoolName& pool) {
  return state_folder / (pool.str() + ".state.cms");
}

std::filesystem::path root_file(const std::filesystem::path& state_folder) {
  return state_folder / "root.pem";
}

}  // namespace poolkey::home
