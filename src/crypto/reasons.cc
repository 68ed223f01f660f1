#include "crypto/reasons.h"

#include <openssl/err.h>

#include <array>
#include <string_view>

namespace poolkey::crypto {
namespace {

/// Reasons count from 1 and end with 0. OpenSSL keeps pointers to the texts, so they are literals.
constexpr int kFirstReason = 1;
struct Reason {
  Errc code;
  const char* text;
};
constexpr std::array kReasons{Reason{Errc::kInvalidArgument, "invalid argument"},
                              Reason{Errc::kDenied, "denied"},
                              Reason{Errc::kNotFound, "not found"},
                              Reason{Errc::kAlreadyExists, "already exists"},
                              Reason{Errc::kConflict, "conflict"},
                              Reason{Errc::kUnsupported, "unsupported"},
                              Reason{Errc::kUnavailable, "unavailable"},
                              Reason{Errc::kTimeout, "timeout"},
                              Reason{Errc::kAuthFailed, "authentication failed"},
                              Reason{Errc::kCorrupt, "corrupt"},
                              Reason{Errc::kInternal, "internal error"}};

Errc errc_of_reason(int reason) noexcept {
  const auto index = static_cast<std::size_t>(reason - kFirstReason);
  return index < kReasons.size() ? kReasons[index].code : Errc::kInternal;
}

bool is_ours(unsigned long error) {
  const char* library = ERR_lib_error_string(error);
  return library != nullptr && std::string_view(library) == kProviderName;
}

}  // namespace

std::uint32_t reason_of(Errc code) noexcept {
  std::uint32_t reason = kFirstReason;
  for (const Reason& row : kReasons) {
    if (row.code == code) break;
    ++reason;
  }
  return reason;
}

const OSSL_ITEM* reason_strings() noexcept {
  static constexpr auto kItems = [] {
    std::array<OSSL_ITEM, kReasons.size() + 1> items{};
    for (std::size_t i = 0; i < kReasons.size(); ++i)
      items[i] = {static_cast<unsigned>(i) + kFirstReason, const_cast<char*>(kReasons[i].text)};
    return items;
  }();
  return kItems.data();
}

std::optional<Error> take_queued_error(std::string& others) {
  const char* data = nullptr;
  int flags = 0;
  while (const unsigned long error = ERR_get_error_all(nullptr, nullptr, nullptr, &data, &flags)) {
    const bool has_text = (flags & ERR_TXT_STRING) != 0 && data != nullptr && *data != '\0';
    if (is_ours(error)) {
      Error ours(errc_of_reason(ERR_GET_REASON(error)), has_text ? data : "");
      ERR_clear_error();
      return ours;
    }
    const char* reason = ERR_reason_error_string(error);
    if (!others.empty()) others += "; ";
    others += reason != nullptr ? reason : "error " + std::to_string(error);
    if (has_text) others += std::string(" (") + data + ")";
  }
  return std::nullopt;
}

}  // namespace poolkey::crypto
