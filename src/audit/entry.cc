#include "audit/entry.h"

#include <array>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/digest.h"

namespace poolkey::audit {
namespace {

constexpr std::string_view kWhat = "an audit entry";
constexpr std::size_t kMembers = 12;

constexpr std::array kPhases{Phase::kIntent, Phase::kOutcome, Phase::kCheckpoint};
constexpr std::array kResults{Result::kOk, Result::kDenied, Result::kFailed};

/// How many octets the UTF-8 character at the start of `text` has; 0 if it is none.
std::size_t character_length(std::string_view text) {
  const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = octet(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xf0 ? 4U : lead >= 0xe0 ? 3U : 2U;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((octet(i) & 0xc0) != 0x80) return 0;
  // Overlong forms, surrogates, and what lies beyond U+10FFFF (RFC 3629 section 4).
  if ((lead == 0xe0 && octet(1) < 0xa0) || (lead == 0xed && octet(1) > 0x9f) ||
      (lead == 0xf0 && octet(1) < 0x90) || (lead == 0xf4 && octet(1) > 0x8f))
    return 0;
  return length;
}

std::string repair(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    out += length == 0 ? std::string_view("\xef\xbf\xbd") : text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

json::value repair(const json::value& value) {
  if (const auto* text = value.if_string())
    return json::value(repair(std::string_view(text->data(), text->size())));
  if (const auto* items = value.if_array()) {
    json::array out;
    for (const json::value& item : *items) out.push_back(repair(item));
    return out;
  }
  if (const auto* members = value.if_object()) {
    json::object out;
    for (const auto& [key, member] : *members)
      out[repair(std::string_view(key.data(), key.size()))] = repair(member);
    return out;
  }
  return value;
}

template <class Choice, std::size_t n>
Choice read_choice(const std::array<Choice, n>& choices, const std::string& text) {
  for (const Choice choice : choices)
    if (name(choice) == text) return choice;
  throw Error(Errc::kCorrupt, std::string(kWhat) + ": '" + text.substr(0, 32) + "' is unknown");
}

}  // namespace

std::string_view name(Phase phase) noexcept {
  switch (phase) {
    case Phase::kIntent:
      return "intent";
    case Phase::kOutcome:
      return "outcome";
    case Phase::kCheckpoint:
      return "checkpoint";
  }
  return "";
}

std::string_view name(Result result) noexcept {
  switch (result) {
    case Result::kOk:
      return "ok";
    case Result::kDenied:
      return "denied";
    case Result::kFailed:
      return "failed";
  }
  return "";
}

std::string write_entry(const Entry& entry, std::string_view prev) {
  const Event& event = entry.event;
  json::object line;
  line["seq"] = entry.seq;
  line["prev"] = std::string(prev);
  line["time"] = rfc3339(entry.time);
  line["actor"] = repair(event.actor);
  line["verb"] = repair(event.verb);
  line["phase"] = std::string(name(event.phase));
  line["subject"] = repair(event.subject);
  line["rule"] = repair(event.rule);
  line["result"] = event.result ? std::string(name(*event.result)) : std::string();
  line["operation"] = repair(event.operation);
  line["intent"] = event.intent.value_or(0);
  line["detail"] = repair(json::value(event.detail));
  std::string text = json::compact(line);
  try {
    (void)read_entry(text);
  } catch (const Error& error) {
    throw Error(Errc::kInternal,
                "an audit entry that could not be read again: " + std::string(error.what()));
  }
  return text;
}

ReadEntry read_entry(std::string_view line) {
  const json::value document = json::parse(line, kWhat);
  const json::object& members = json::as_object(document, kWhat);
  if (members.size() != kMembers)
    throw Error(Errc::kCorrupt, std::string(kWhat) + " has members that are not known here");
  ReadEntry out;
  out.prev = json::text(members, "prev", kWhat);
  out.entry.seq = json::integer(members, "seq", kWhat);
  try {
    out.entry.time = parse_rfc3339(json::text(members, "time", kWhat));
  } catch (const Error& error) {
    throw Error(Errc::kCorrupt, std::string(kWhat) + ": " + error.what());
  }
  Event& event = out.entry.event;
  event.actor = json::text(members, "actor", kWhat);
  event.verb = json::text(members, "verb", kWhat);
  event.phase = read_choice(kPhases, json::text(members, "phase", kWhat));
  event.subject = json::text(members, "subject", kWhat);
  event.rule = json::text(members, "rule", kWhat);
  if (const std::string result = json::text(members, "result", kWhat); !result.empty())
    event.result = read_choice(kResults, result);
  event.operation = json::text(members, "operation", kWhat);
  if (const std::int64_t intent = json::integer(members, "intent", kWhat); intent != 0)
    event.intent = intent;
  event.detail = json::as_object(members, "detail", kWhat);
  return out;
}

std::string hash_of(std::string_view line) { return hex(crypto::sha256(view(line))); }

}  // namespace poolkey::audit
