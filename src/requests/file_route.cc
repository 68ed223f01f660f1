#include "requests/file_route.h"

#include <algorithm>

#include "crypto/bundle.h"
#include "crypto/crl.h"
#include "crypto/digest.h"
#include "requests/create.h"

namespace poolkey::requests {
namespace {

std::string title(const crypto::Certificate& certificate) {
  return "certificate '" + certificate.subject() + "', serial " + certificate.serial();
}

/// The key version that has this public key, whosever it is.
std::optional<keys::StoredKey> key_of(store::Database& database,
                                      const crypto::PublicKey& public_key) {
  const auto row =
      database.row("SELECT key_name, version FROM key_version WHERE spki_sha256 = :spki",
                   {{"spki", hex(public_key.spki_sha256())}});
  if (!row) return std::nullopt;
  return keys::find_key(database, {KeyName(row->text("key_name")),
                                   static_cast<std::uint32_t>(row->integer("version"))});
}

/// The requests that a certificate may answer: of its key, signed, best those with its very names.
std::vector<StoredRequest> asked_for(store::Database& database, const KeyVersion& key,
                                     const crypto::Certificate& certificate) {
  std::vector<StoredRequest> all = requests_of_key(database, key);
  std::erase_if(all,
                [](const StoredRequest& r) { return !is_signed(r) || r.ca == kEmbeddedAuthority; });
  std::vector<StoredRequest> same;
  for (const StoredRequest& r : all)
    if (same_names(r.sans, certificate.dns_sans())) same.push_back(r);
  return same.empty() ? all : same;
}

/// Why a certificate for `key` is not the answer that somebody waits for.
std::string not_for(const StoredRequest& wanted, const keys::StoredKey& key) {
  if (!key.pool) return "it is for " + key.name.str() + ", the origin's own key";
  if (*key.pool != wanted.pool)
    return "it is for " + key.name.str() + " of pool '" + key.pool->str() + "', and '" + wanted.id +
           "' is of pool '" + wanted.pool.str() + "'";
  if (key.name.key != wanted.key.key)
    return "it is for the key " + key.name.str() + ", and '" + wanted.id + "' asks for " +
           wanted.key.str();
  if (key.name.version != wanted.key.version)
    return "it is for " + key.name.str() + ", " +
           (key.name.version < wanted.key.version ? "an older" : "a newer") + " version than " +
           wanted.key.str() + ", which '" + wanted.id + "' asks for";
  return "it is for " + key.name.str() + ", but not an answer to '" + wanted.id + "'";
}

/// Looks for what a certificate is for, and says it.
class Sorter {
 public:
  Sorter(keys::Context& context, const std::optional<std::string>& only) : context_(context) {
    if (only) only_ = find_request(context.database, *only);
  }

  Imported sort(const crypto::Certificate& certificate) const {
    Imported out{title(certificate), ""};
    const auto key = key_of(context_.database, certificate.public_key());
    if (!key) {
      out.sentence = "nobody here has its key (SPKI SHA-256 " +
                     hex(certificate.public_key().spki_sha256()) + "); it was not kept";
      return out;
    }
    const std::vector<StoredRequest> fitting = asked_for(context_.database, key->name, certificate);
    if (only_) return for_one(std::move(out), *key, fitting);
    if (fitting.empty()) {
      out.sentence = "it is for " + key->name.str() +
                     ", for which no request went to a CA by file; it was not kept";
      return out;
    }
    if (fitting.size() > 1) {
      out.sentence = "it fits several requests; say which with --request:";
      for (const StoredRequest& r : fitting) out.sentence += " " + r.id;
      return out;
    }
    return answer(std::move(out), fitting.front());
  }

 private:
  Imported for_one(Imported out, const keys::StoredKey& key,
                   const std::vector<StoredRequest>& fitting) const {
    if (std::ranges::find(fitting, only_->id, &StoredRequest::id) != fitting.end())
      return answer(std::move(out), *only_);
    out.sentence = not_for(*only_, key) + "; it was not kept";
    return out;
  }

  Imported answer(Imported out, const StoredRequest& request) const {
    out.request = request.id;
    out.taken = true;
    out.sentence = "an answer to '" + request.id + "'";
    const std::uint32_t newest = keys::newest_version(context_.database, request.key.key);
    if (request.key.version < newest)
      out.sentence += ", which is for an older version of the key than " +
                      KeyVersion{request.key.key, newest}.str();
    return out;
  }

  keys::Context& context_;
  std::optional<StoredRequest> only_;
};

/// A request that has an answer is `issued`, unless that very certificate was accepted before.
void note_answer(keys::Context& context, const std::string& id,
                 const crypto::Certificate& certificate) {
  StoredRequest request = find_request(context.database, id);
  const auto bound = keys::certificate_of_request(context.database, id);
  if (bound && bound->certificate == certificate) return;
  if (!may_follow(request.state, State::kIssued)) return;
  advance(request, State::kIssued, context, "serial " + certificate.serial());
  put_request(context.database, request);
}

Imported take_ca(keys::Context& context, const crypto::Certificate& certificate,
                 const std::string& file) {
  const bool is_new = put_received(
      context.database, {hex(certificate.sha256()), Received::Kind::kCa, "", certificate.der()},
      file, context.clock.now());
  const std::string kind = certificate.is_self_signed() ? "a root" : "a CA's certificate";
  return {title(certificate), kind + (is_new ? ", kept for checking chains" : ", known before"), "",
          true};
}

Imported take_crl(keys::Context& context, const Bytes& der, const std::string& file) {
  const crypto::Crl crl = crypto::Crl::from_der(der);
  const bool is_new =
      put_received(context.database, {hex(crl.sha256()), Received::Kind::kCrl, "", der}, file,
                   context.clock.now());
  return {"revocation list of '" + crl.issuer() + "' of " + rfc3339(crl.this_update()),
          std::to_string(crl.size()) + " certificates on it, " +
              (is_new ? "kept for checking" : "known before"),
          "", true};
}

std::vector<Imported> take_all(keys::Context& context, const crypto::Bundle& bundle,
                               const std::string& file, const std::optional<std::string>& only) {
  const Sorter sorter(context, only);
  std::vector<Imported> out;
  store::Transaction transaction(context.database);
  for (const crypto::Certificate& certificate : bundle.certificates) {
    if (certificate.is_ca()) {
      out.push_back(take_ca(context, certificate, file));
      continue;
    }
    out.push_back(sorter.sort(certificate));
    if (!out.back().taken) continue;
    if (put_received(context.database,
                     {hex(certificate.sha256()), Received::Kind::kCertificate, out.back().request,
                      certificate.der()},
                     file, context.clock.now()))
      note_answer(context, out.back().request, certificate);
    else
      out.back().sentence += ", known before";
  }
  for (const Bytes& crl : bundle.crls) out.push_back(take_crl(context, crl, file));
  transaction.commit();
  return out;
}

json::object imported_json(ByteView octets, const std::vector<Imported>& all) {
  std::int64_t taken = 0;
  std::string requests;
  for (const Imported& one : all) {
    taken += one.taken ? 1 : 0;
    if (!one.request.empty()) requests += (requests.empty() ? "" : " ") + one.request;
  }
  return {{"sha256", hex(crypto::sha256(octets))}, {"taken", taken}, {"requests", requests}};
}

}  // namespace

bool FileRoute::is_handed_over(keys::Context&, const StoredRequest& request) const {
  return request.state != State::kSigned;
}

std::optional<crypto::Certificate> FileRoute::submit(keys::Context& context,
                                                     const StoredRequest& request,
                                                     const store::Operation& operation) const {
  // The octets are in the database already: whoever exports gets them, as often as he likes.
  keys::record(context, verb(), request.id, "", &operation, [&]() -> json::object {
    return {{"ca", request.ca}, {"sha256", hex(crypto::sha256(request.csr))}};
  });
  return std::nullopt;
}

std::vector<Imported> import_file(keys::Context& context, const std::string& file, ByteView octets,
                                  const std::optional<std::string>& only) {
  const crypto::Bundle bundle = crypto::read_bundle(octets);
  std::vector<Imported> out;
  keys::record(context, "request import", only.value_or(file), "", nullptr, [&]() -> json::object {
    out = take_all(context, bundle, file, only);
    return imported_json(octets, out);
  });
  return out;
}

}  // namespace poolkey::requests
