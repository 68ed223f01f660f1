#include "clients/table.h"

#include <algorithm>
#include <vector>

#include "clients/client.h"

namespace poolkey::clients {
namespace {

/// Reasons, numbered in the order of their first use.
class Notes {
 public:
  std::string mark(const Reason& reason) {
    auto found = std::find(texts_.begin(), texts_.end(), reason.text);
    if (found == texts_.end()) found = texts_.insert(texts_.end(), reason.text);
    return "[" + std::to_string(found - texts_.begin() + 1) + "]";
  }
  std::string list() const {
    std::string out;
    for (std::size_t i = 0; i < texts_.size(); ++i)
      out += std::to_string(i + 1) + ". " + texts_[i] + "\n";
    return out;
  }

 private:
  std::vector<std::string> texts_;
};

template <class Key>
std::string cell(const std::map<Key, Reason>& against, Key key, const std::string& no,
                 const std::string& result, Notes& notes) {
  const auto found = against.find(key);
  return " | " + (found == against.end() ? result : no + " " + notes.mark(found->second));
}

}  // namespace

std::string table(const std::function<bool(const std::string&)>& passed) {
  Notes notes;
  std::string out =
      "| client | key by URI | key by PEM reference | RSA-2048 | P-256 | P-384 | Ed25519 | NSS | "
      "what it needs |\n|---|---|---|---|---|---|---|---|---|\n";
  for (const Client& client : all_clients()) {
    const auto result = [&](const std::function<bool(const Case&)>& belongs) -> std::string {
      for (const Case& c : all_cases())
        if (c.client == &client && belongs(c) && !passed(c.name())) return "**FAILED**";
      return "yes";
    };
    out += "| " + client.name;
    for (const Form form : {Form::kUri, Form::kReference})
      out += cell(client.not_by, form, "no", result([&](const Case& c) { return c.form == form; }),
                  notes);
    for (const Kind kind : kKinds)
      out += cell(client.not_with, kind, "n/a", result([&](const Case& c) {
                    return c.kind == kind && c.module == Module::kSoftHsm;
                  }),
                  notes);
    out += " | " + result([](const Case& c) { return c.module == Module::kNss; });
    out += " | " + client.needs + " |\n";
  }
  return out + "\n" + notes.list();
}

}  // namespace poolkey::clients
