#include "pool/windows_delivery.h"

#include <algorithm>
#include <iterator>
#include <sstream>

#include "base/file.h"
#include "crypto/digest.h"
#include "home/oids.h"
#include "pool/deliver.h"
#include "pool/install.h"

namespace poolkey::pool {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kNonceSize = 8;
constexpr std::chrono::hours kDefaultTokenLifetime{8};  // of a media relay token
constexpr const char* kScript = "install.ps1";
constexpr std::string_view kVerb = "station deliver";

/// Whether a run that died wrote to the folder: then it is looked at again.
bool was_begun(store::Journal& journal, const PfxOrder& order) {
  return std::ranges::any_of(journal.pending(), [&](const store::PendingOperation& left) {
    return left.verb == kVerb && left.subject == order.key.str();
  });
}

/// Absolute, with links followed and without a slash at the end.
fs::path place_of(const fs::path& given) {
  const fs::path out = fs::weakly_canonical(fs::absolute(given));
  return out.has_filename() ? out : out.parent_path();
}

void check_folders(store::Journal& journal, const PfxOrder& order) {
  const bool begun = was_begun(journal, order);
  if (fs::exists(order.folder) && !fs::is_empty(order.folder) && !begun)
    throw Error(Errc::kAlreadyExists,
                "'" + order.folder.string() + "' is not empty; name a folder that is not there");
  if (order.passphrase_file.empty()) return;
  if (fs::exists(order.passphrase_file) && !begun)
    throw Error(Errc::kAlreadyExists,
                "'" + order.passphrase_file.string() +
                    "' is there already, maybe with the passphrase of another "
                    "PFX; it was not touched");
  const fs::path folder = place_of(order.folder);
  const fs::path file = place_of(order.passphrase_file);
  if (std::mismatch(folder.begin(), folder.end(), file.begin(), file.end()).first != folder.end())
    return;
  throw Error(Errc::kInvalidArgument,
              "the passphrase would lie beside the PFX that it protects; write it elsewhere, and "
              "take it to the host by another way");
}

void check_dates(const PfxOrder& order, const std::vector<std::string>& types,
                 const crypto::Certificate& leaf, Time now) {
  if (leaf.not_after() <= now)
    throw Error(Errc::kConflict, "the certificate of " + order.key.str() + " ended at " +
                                     rfc3339(leaf.not_after()) + "; have a new one published");
  if (!order.effective) return;
  if (!std::ranges::any_of(types, is_rolled))
    throw Error(Errc::kInvalidArgument,
                "only AudioVideoAuthentication can be staged: the others have no second "
                "certificate; leave out --effective");
  if (*order.effective <= now || *order.effective < leaf.not_before() ||
      *order.effective >= leaf.not_after())
    throw Error(Errc::kInvalidArgument,
                "the effective date " + rfc3339(*order.effective) +
                    " must be in the future and within the certificate's validity (" +
                    rfc3339(leaf.not_before()) + " to " + rfc3339(leaf.not_after()) + ")");
}

/// Unique in a host's store: no two certificates of a key share the beginning of their digests.
std::string friendly_name(const PoolName& pool, const KeyVersion& key,
                          const crypto::Certificate& leaf) {
  return pool.str() + " " + key.str() + " until " + rfc3339(leaf.not_after()).substr(0, 10) + " " +
         hex(leaf.sha256()).substr(0, 8);
}

/// The types of the certificate's role; not A/V Authentication where a certificate of its own for
/// that lies in the mailbox as well.
std::vector<std::string> types_of(MemberSide& side, const std::string& role) {
  const std::string av(word(policy::Role::kAvAuthentication));
  std::vector<std::string> out = windows_types(role);
  if (role == av) return out;
  for (const fs::path& file : side.mailbox.for_member(side.pool, side.name, "certificate."))
    if (certificate_delivery(verified_document(side, file, home::oid::kCertificateDelivery)).role ==
        av)
      for (const std::string& type : windows_types(av)) std::erase(out, type);
  return out;
}

void store_delivery(store::Database& database, const PfxPlan& plan, const WindowsDelivery& d,
                    Time now) {
  database.run(
      "INSERT INTO pfx (nonce, key_name, version, certificate_sha256, thumbprint, spki, not_after,"
      " types, effective_at, written_at) VALUES (:nonce, :name, :version, :sha256, :thumbprint,"
      " :spki, :not_after, :types, :effective, :now) ON CONFLICT (nonce) DO NOTHING",
      {{"nonce", d.nonce},
       {"name", d.key.key.str()},
       {"version", std::int64_t{d.key.version}},
       {"sha256", hex(plan.certificates.front().sha256())},
       {"thumbprint", d.thumbprint},
       {"spki", base64(plan.version.public_key.spki_der())},
       {"not_after", rfc3339(d.not_after)},
       {"types", joined(d.types)},
       {"effective", d.effective ? store::Param(rfc3339(*d.effective)) : store::Param(nullptr)},
       {"now", rfc3339(now)}});
}

/// Everything beside its place first, then the record, then the folder: whoever finds a PFX finds
/// its passphrase and its record as well.
void write_folder(MemberSide& side, const PfxPlan& plan, WrittenPfx& out) {
  const crypto::EvpPkey key = open_replica(side, plan.version);
  if (!key)
    throw Error(Errc::kNotFound, "this station has no envelope of " + plan.order.key.str() +
                                     "; run 'poolkey station receive' first");
  out.passphrase = crypto::random_passphrase();
  const Bytes pfx = crypto::make_pfx(key.get(), plan.certificates, plan.friendly_name,
                                     out.passphrase.view(), plan.order.algorithms);
  out.delivery.pfx_sha256 = hex(crypto::sha256(pfx));
  StagedFolder folder(plan.order.folder);
  write_file(folder.path() / out.delivery.pfx_name, ByteView(pfx), 0600);
  write_file(folder.path() / kScript, windows_script(out.delivery), 0600);
  if (!plan.order.passphrase_file.empty())
    write_file(plan.order.passphrase_file, out.passphrase.view(), 0600);
  store_delivery(side.context.database, plan, out.delivery, side.context.clock.now());
  folder.put_in_place();
}

void check_state(const WindowsReceipt& r, const StoredPfx& ordered) {
  const auto refuse = [&](const std::string& why) {
    throw Error(Errc::kConflict,
                "'" + r.host + "' says that " + why + "; the receipt is not taken");
  };
  if (r.thumbprint != ordered.thumbprint)
    refuse("it has the certificate " + r.thumbprint + ", not " + ordered.thumbprint);
  if (!r.has_private_key) refuse("the certificate has no private key there");
  if (r.provider != crypto::kSchannelProvider)
    refuse("the key is in '" + r.provider + "', which the product cannot use");
  if (r.key_spec != "Exchange") refuse("the key is for '" + r.key_spec + "', not for exchange");
  for (const std::string& type : ordered.types) {
    const auto slot = std::ranges::find(r.slots, type, &WindowsReceipt::Slot::type);
    if (slot == r.slots.end()) refuse("it knows nothing of " + type);
    // Which of the two places shows a staged certificate is not documented.
    if (slot->thumbprint != ordered.thumbprint &&
        !(ordered.effective_at && slot->other == ordered.thumbprint))
      refuse(type + " has " + (slot->thumbprint.empty() ? "nothing" : slot->thumbprint));
    if (ordered.effective_at && slot->thumbprint == ordered.thumbprint && is_rolled(type) &&
        !slot->effective_at.empty() && slot->effective_at != *ordered.effective_at)
      refuse(type + " changes at " + slot->effective_at + ", not at " + *ordered.effective_at);
  }
}

StoredPfx ordered_by(store::Database& database, const WindowsReceipt& r) {
  for (StoredPfx& pfx : stored_pfx(database))
    if (pfx.nonce == r.nonce && pfx.key == r.key) return std::move(pfx);
  throw Error(Errc::kNotFound, "the receipt is of the delivery " + r.nonce + " of " + r.key.str() +
                                   ", which this station did not write");
}

void store_receipt(store::Database& database, const TakenReceipt& taken, std::string_view text,
                   Time now) {
  database.run(
      "UPDATE pfx SET receipt = :receipt, signed = :signed, received_at = :now WHERE nonce = "
      ":nonce",
      {{"receipt", std::string(text)},
       {"signed", std::string(taken.is_signed ? "yes" : "no")},
       {"now", rfc3339(now)},
       {"nonce", taken.receipt.nonce}});
}

}  // namespace

PfxPlan plan_pfx(MemberSide& side, PfxOrder order) {
  order.folder = place_of(order.folder);
  check_folders(side.context.journal, order);
  const fs::path file =
      side.mailbox.to_member(side.pool, side.name, "certificate." + order.key.str() + ".cms");
  if (!fs::exists(file))
    throw Error(Errc::kNotFound, "there is no certificate of " + order.key.str() +
                                     " in the mailbox; run 'poolkey certificate publish' on the "
                                     "origin");
  CheckedDelivery checked = check_delivery(side, held_statement(side), file);
  checked.allowed.require(policy::Action::kInstall, order.key.str(), side.name.str());
  const crypto::Certificate& leaf = checked.delivery.certificates.front();
  const policy::Policy policy = accepted_policy(side, order.key);
  std::vector<std::string> types =
      order.types.empty() ? types_of(side, checked.delivery.role) : order.types;
  std::ranges::for_each(types, check_windows_type);
  check_dates(order, types, leaf, side.context.clock.now());
  const auto& token = policy.lifetime().token;
  return {order,
          {.member = side.address(),
           .key = order.key,
           .nonce = {},
           .pfx_name = {},
           .pfx_sha256 = {},
           .thumbprint = thumbprint(leaf),
           .types = std::move(types),
           .not_after = leaf.not_after(),
           .effective = order.effective,
           .token_lifetime = token ? token->value : kDefaultTokenLifetime},
          checked.delivery.certificates,
          friendly_name(side.pool, order.key, leaf),
          checked.version,
          checked.allowed.rule()};
}

WrittenPfx write_pfx(MemberSide& side, const PfxPlan& plan) {
  WrittenPfx out{plan.delivery, {}};
  WindowsDelivery& d = out.delivery;
  store::Operation operation =
      side.context.journal.begin(kVerb, d.key.str(), fs::absolute(plan.order.folder).string());
  d.nonce = operation.step("nonce", [] { return hex(crypto::random_bytes(kNonceSize)); });
  d.pfx_name = d.key.str() + "." + d.nonce + ".pfx";
  const fs::path pfx = plan.order.folder / d.pfx_name;
  keys::record(side.context, kVerb, d.key.str(), plan.rule, &operation, [&]() -> json::object {
    operation.step("write", [&]() -> std::string {
      if (!fs::exists(pfx)) write_folder(side, plan, out);
      return "done";
    });
    d.pfx_sha256 = hex(crypto::sha256(view(read_file(pfx))));
    return {{"certificate_sha256", hex(plan.certificates.front().sha256())},
            {"thumbprint", d.thumbprint},
            {"pfx_sha256", d.pfx_sha256},
            {"types", joined(d.types)},
            {"effective_at", d.effective ? rfc3339(*d.effective) : ""},
            {"delivery", d.nonce}};
  });
  operation.finish();
  if (out.passphrase.empty() && plan.order.passphrase_file.empty())
    throw Error(Errc::kConflict, "'" + pfx.string() +
                                     "' was written by a run that died before it could show the "
                                     "passphrase; remove the folder and run this again");
  return out;
}

std::vector<StoredPfx> stored_pfx(store::Database& database) {
  std::vector<StoredPfx> out;
  for (const store::Row& row :
       database.rows("SELECT nonce, key_name, version, certificate_sha256, thumbprint, spki, "
                     "not_after, types,"
                     " effective_at, written_at, receipt, signed, received_at FROM pfx"
                     " ORDER BY written_at DESC, nonce")) {
    std::istringstream types(row.text("types"));
    out.push_back(
        {.key = {KeyName(row.text("key_name")), static_cast<std::uint32_t>(row.integer("version"))},
         .nonce = row.text("nonce"),
         .certificate_sha256 = row.text("certificate_sha256"),
         .thumbprint = row.text("thumbprint"),
         .not_after = row.text("not_after"),
         .written_at = row.text("written_at"),
         .public_key = crypto::PublicKey::from_record(from_base64(row.text("spki"))),
         .types = {std::istream_iterator<std::string>(types), {}},
         .effective_at = row.optional_text("effective_at"),
         .receipt = row.optional_text("receipt"),
         .received_at = row.optional_text("received_at"),
         .is_signed = row.optional_text("signed") == "yes"});
  }
  return out;
}

TakenReceipt take_windows_receipt(MemberSide& side, std::string_view text, bool unsigned_too,
                                  bool dry_run) {
  TakenReceipt out{windows_receipt(text), false};
  const WindowsReceipt& r = out.receipt;
  if (r.pool != side.pool || r.member != side.name)
    throw Error(Errc::kDenied, "the receipt is of member '" + r.member.str() + "' of pool '" +
                                   r.pool.str() + "', and this station serves '" + side.name.str() +
                                   "' of '" + side.pool.str() + "'");
  const StoredPfx ordered = ordered_by(side.context.database, r);
  out.is_signed = !r.signature.empty();
  if (out.is_signed && !ordered.public_key.verify("SHA256", view(r.statement), r.signature))
    throw Error(Errc::kCorrupt, "the receipt is not signed by the key of " + r.key.str() +
                                    "; it was changed on its way, or another key is there");
  check_state(r, ordered);
  if (!out.is_signed && !unsigned_too)
    throw Error(Errc::kDenied,
                "the receipt is not signed by the installed key, so it is only the word of whoever "
                "brought it; say --unsigned to take it on that person's word");
  if (dry_run) return out;
  keys::record(side.context, "station receipt", r.key.str(), "", nullptr, [&]() -> json::object {
    store_receipt(side.context.database, out, text, side.context.clock.now());
    return {{"delivery", r.nonce},
            {"host", r.host},
            {"step", r.step},
            {"clock", rfc3339(r.clock)},
            {"signed", out.is_signed}};
  });
  return out;
}

}  // namespace poolkey::pool
