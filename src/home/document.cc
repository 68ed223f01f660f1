#include "home/document.h"

namespace poolkey::home {
namespace {

constexpr std::string_view kContext = "context";

boost::json::string_view key_view(std::string_view s) { return {s.data(), s.size()}; }

}  // namespace

json::object begin_document(std::string_view context) {
  return {{key_view(kContext), key_view(context)}};
}

void add_address(json::object& out, const Address& a) {
  out["pool"] = a.pool.str();
  out["member"] = a.member.str();
  out["token_serial"] = a.token_serial;
}

json::array list_json(const std::vector<std::string>& items) {
  json::array out;
  for (const std::string& item : items) out.emplace_back(item);
  return out;
}

Members::Members(std::string_view text, std::string_view context)
    : what_(context), root_(json::parse(text, context)), object_(&json::as_object(root_, what_)) {
  if (this->text(kContext) != context)
    throw Error(Errc::kCorrupt,
                "a document that should be '" + what_ + "' is '" + this->text(kContext) + "'");
}

bool Members::has(std::string_view k) const { return object_->contains(key_view(k)); }

Bytes Members::hex_bytes(std::string_view k) const {
  return read(k, [](const std::string& s) { return from_hex(s); });
}

Bytes Members::base64_bytes(std::string_view k) const {
  return read(k, [](const std::string& s) { return from_base64(s); });
}

KeyVersion Members::key_version(std::string_view k) const {
  return read(k, [](const std::string& s) { return parse_key_version(s); });
}

Address Members::address() const {
  return {read("pool", [](const std::string& s) { return PoolName(s); }),
          read("member", [](const std::string& s) { return MemberName(s); }), text("token_serial")};
}

std::vector<Members> Members::list(std::string_view k) const {
  std::vector<Members> out;
  for (const json::value& v : json::as_array(*object_, k, what_))
    out.emplace_back(json::as_object(v, what_), what_);
  return out;
}

std::vector<std::string> Members::texts(std::string_view k) const {
  std::vector<std::string> out;
  for (const json::value& v : json::as_array(*object_, k, what_)) {
    if (!v.is_string())
      throw Error(Errc::kCorrupt, what_ + ": '" + std::string(k) + "' is not a list of strings");
    out.emplace_back(v.get_string().c_str());
  }
  return out;
}

}  // namespace poolkey::home
