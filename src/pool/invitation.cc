#include "pool/invitation.h"

#include <algorithm>
#include <array>

#include "crypto/digest.h"
#include "pool/repository.h"

namespace poolkey::pool {
namespace {

// RFC 4648 section 6: no 0, 1, 8 and 9, which are mistaken for letters.
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::size_t kSymbols = 25;  // of five bits each
constexpr std::size_t kGroup = 5;
constexpr std::size_t kLongestGiven = 100;

constexpr std::array<std::string_view, 2> kKinds{"member", "client"};
constexpr std::array<std::string_view, 4> kStates{"open", "used", "expired", "withdrawn"};

SecretBytes fresh_code() {
  const SecretBytes random(crypto::random_bytes(kSymbols));
  SecretBytes out(kSymbols + (kSymbols - 1) / kGroup);
  auto at = out.span().begin();
  for (std::size_t i = 0; i < kSymbols; ++i) {
    if (i > 0 && i % kGroup == 0) *at++ = '-';
    *at++ = static_cast<std::uint8_t>(kAlphabet[random.view()[i] & 31U]);
  }
  return out;
}

/// SHA-256 of the symbols alone, in hexadecimal; of what has other octets, a value that no code
/// has.
std::string digest_of(std::string_view code) {
  SecretBytes symbols(kSymbols);
  std::size_t count = 0;
  if (code.size() > kLongestGiven) return "";
  for (const char c : code) {
    if (c == '-' || c == ' ') continue;
    const char upper = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    if (count == kSymbols || kAlphabet.find(upper) == std::string_view::npos) return "";
    symbols.span()[count++] = static_cast<std::uint8_t>(upper);
  }
  return count == kSymbols ? hex(crypto::sha256(symbols.view())) : "";
}

/// In a time that does not tell how much of it is the same.
bool same(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned>(a[i] ^ b[i]);
  return difference == 0;
}

std::optional<Time> optional_time(const store::Row& row, std::string_view column) {
  const auto text = row.optional_text(column);
  return text ? std::optional(parse_rfc3339(*text)) : std::nullopt;
}

Invitation read(const store::Row& row) {
  const auto kind = std::ranges::find(kKinds, row.text("kind"));
  return {
      .invitee = {static_cast<InvitationKind>(kind - kKinds.begin()), row.text("pool"),
                  row.text("name")},
      .created = parse_rfc3339(row.text("created_at")),
      .expires = parse_rfc3339(row.text("expires")),
      .bound_to = row.text("bound_to"),
      .used = optional_time(row, "used_at"),
      .withdrawn = optional_time(row, "withdrawn_at"),
  };
}

store::Params params_of(const Invitee& invitee) {
  return {
      {"kind", std::string(name(invitee.kind))}, {"pool", invitee.pool}, {"name", invitee.name}};
}

constexpr std::string_view kOf = " kind = :kind AND pool = :pool AND name = :name";

void check_client_name(const std::string& text) {
  try {
    (void)MemberName(text);  // the same alphabet
  } catch (const Error&) {
    throw Error(Errc::kInvalidArgument,
                "'" + text.substr(0, 64) +
                    "' is no name of a person or an application: use 1 to 32 of a-z, 0-9 and '-', "
                    "with a letter or digit at both ends");
  }
}

void check(keys::Context& context, const Invitee& invitee, Duration valid) {
  if (invitee.kind == InvitationKind::kMember)
    (void)member(context.database, PoolName(invitee.pool), MemberName(invitee.name));
  else
    check_client_name(invitee.name);
  if (valid < std::chrono::minutes(1) || valid > kLongestInvitation)
    throw Error(Errc::kInvalidArgument, "a one-time code is valid for a minute at least and " +
                                            std::to_string(kLongestInvitation.count()) +
                                            " days at most");
}

struct Found {
  std::string digest;
  Invitation invitation;
};

/// One sentence for all: nobody learns which codes there were.
Found find(store::Database& database, const Invitee& invitee, std::string_view code, Time now) {
  const std::string digest = digest_of(code);
  std::optional<Found> found;
  for (const store::Row& row :
       database.rows("SELECT * FROM invitation WHERE" + std::string(kOf), params_of(invitee)))
    if (same(row.text("code_sha256"), digest)) found = {digest, read(row)};
  if (found && !found->invitation.withdrawn && now < found->invitation.expires)
    return std::move(*found);
  throw Error(Errc::kDenied, "the one-time code is not one for '" + invitee.str() +
                                 "', or it has ended; ask the origin's operator for a new one");
}

}  // namespace

std::string_view name(InvitationKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }
std::string_view name(InvitationState state) { return kStates[static_cast<std::size_t>(state)]; }

InvitationState Invitation::state(Time now) const {
  if (withdrawn) return InvitationState::kWithdrawn;
  if (now >= expires) return InvitationState::kExpired;
  return bound_to.empty() ? InvitationState::kOpen : InvitationState::kUsed;
}

SecretBytes invite(keys::Context& context, const Invitee& invitee, Duration valid) {
  check(context, invitee, valid);
  SecretBytes code = fresh_code();
  const Time now = context.clock.now();
  keys::record(context, "invitation make", invitee.str(), "", nullptr, [&]() -> json::object {
    store::Params params = params_of(invitee);
    params.emplace_back("now", rfc3339(now));
    store::Transaction transaction(context.database);
    context.database.run(
        "UPDATE invitation SET withdrawn_at = :now WHERE withdrawn_at IS NULL AND bound_to = ''"
        " AND" +
            std::string(kOf),
        params);
    params.emplace_back("code", digest_of(to_text(code.view())));
    params.emplace_back("expires", rfc3339(now + valid));
    context.database.run(
        "INSERT INTO invitation (code_sha256, kind, pool, name, created_at, expires, bound_to)"
        " VALUES (:code, :kind, :pool, :name, :now, :expires, '')",
        params);
    transaction.commit();
    return {{"kind", std::string(name(invitee.kind))}, {"expires", rfc3339(now + valid)}};
  });
  return code;
}

Invitation invitation_of(store::Database& database, const Invitee& invitee, std::string_view code,
                         Time now) {
  return find(database, invitee, code, now).invitation;
}

void redeem(keys::Context& context, const Invitee& invitee, std::string_view code,
            const std::string& bound_to) {
  const Time now = context.clock.now();
  const auto bound = [&](const Found& found) {
    if (found.invitation.bound_to.empty() || found.invitation.bound_to == bound_to)
      return !found.invitation.bound_to.empty();
    throw Error(Errc::kConflict, "the one-time code for '" + invitee.str() +
                                     "' was used for something else; ask the origin's operator "
                                     "for a new one");
  };
  if (bound(find(context.database, invitee, code, now))) return;
  keys::record(context, "invitation use", invitee.str(), "", nullptr, [&]() -> json::object {
    store::Transaction transaction(context.database);
    const Found found = find(context.database, invitee, code, now);
    if (!bound(found))
      context.database.run(
          "UPDATE invitation SET bound_to = :bound, used_at = :now WHERE code_sha256 = :code",
          {{"bound", bound_to}, {"now", rfc3339(now)}, {"code", found.digest}});
    transaction.commit();
    return {{"kind", std::string(name(invitee.kind))}, {"sha256", bound_to}};
  });
}

std::int64_t withdraw(keys::Context& context, const Invitee& invitee) {
  std::int64_t count = 0;
  keys::record(context, "invitation withdraw", invitee.str(), "", nullptr, [&]() -> json::object {
    store::Params params = params_of(invitee);
    const std::string now = rfc3339(context.clock.now());
    params.emplace_back("at", now);
    params.emplace_back("now", now);
    count = context.database.run(
        "UPDATE invitation SET withdrawn_at = :at WHERE withdrawn_at IS NULL AND expires > :now"
        " AND" +
            std::string(kOf),
        params);
    return {{"kind", std::string(name(invitee.kind))}, {"withdrawn", count}};
  });
  return count;
}

std::vector<Invitation> invitations(store::Database& database, InvitationKind kind) {
  std::vector<Invitation> out;
  for (const store::Row& row :
       database.rows("SELECT * FROM invitation WHERE kind = :kind ORDER BY created_at, name",
                     {{"kind", std::string(name(kind))}}))
    out.push_back(read(row));
  return out;
}

}  // namespace poolkey::pool
