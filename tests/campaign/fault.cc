#include "campaign/fault.h"

#include <array>
#include <stdexcept>
#include <string_view>

namespace poolkey::test {
namespace {

constexpr std::array<std::string_view, 12> kKinds{
    "before",      "after",        "delay",   "hang",  "sigpipe", "lose-session",
    "lose-object", "reuse-object", "restart", "short", "long",    "zero"};

/// What real modules say on bad days.
constexpr std::array<std::string_view, 13> kErrors{"CKR_DEVICE_ERROR",
                                                   "CKR_GENERAL_ERROR",
                                                   "CKR_FUNCTION_FAILED",
                                                   "CKR_DEVICE_REMOVED",
                                                   "CKR_DEVICE_MEMORY",
                                                   "CKR_HOST_MEMORY",
                                                   "CKR_TOKEN_NOT_PRESENT",
                                                   "CKR_SESSION_HANDLE_INVALID",
                                                   "CKR_SESSION_CLOSED",
                                                   "CKR_USER_NOT_LOGGED_IN",
                                                   "CKR_OBJECT_HANDLE_INVALID",
                                                   "CKR_CRYPTOKI_NOT_INITIALIZED",
                                                   "0x80000001"};

/// The standard's distributions are each library's own; a seed means the same everywhere.
template <std::size_t N>
std::string pick(std::mt19937_64& random, const std::array<std::string_view, N>& table) {
  return std::string(table[random() % N]);
}

}  // namespace

std::string Draw::str() const { return "call=" + std::to_string(call) + " fault=" + fault; }

Draw parse_draw(const std::string& text) {
  const auto after = [&](const std::string& name) {
    const auto at = text.find(name + "=");
    if (at == std::string::npos)
      throw std::invalid_argument("'" + text + "' has no '" + name + "='");
    return text.substr(at + name.size() + 1);
  };
  return {std::stoull(after("call")), after("fault")};
}

std::string draw_fault(std::mt19937_64& random) {
  const std::string kind = pick(random, kKinds);
  if (kind == "before" || kind == "after") return kind + " " + pick(random, kErrors);
  if (kind == "delay") return kind + " 50";
  return kind;
}

}  // namespace poolkey::test
