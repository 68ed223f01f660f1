#include "provider/lookup.h"

#include <algorithm>

#include "hsm/object.h"

namespace poolkey::provider {
namespace {

hsm::Template of_class(const hsm::Uri& uri, CK_OBJECT_CLASS object_class) {
  hsm::Template out;
  out.set(CKA_CLASS, CK_ULONG{object_class}).append(uri.object_template());
  return out;
}

constexpr std::chrono::milliseconds kPatienceBesideOthers{300};

bool names_one(const hsm::Uri& uri) { return uri.object || uri.id || uri.type == "private"; }

/// A private key object as it was seen.
struct Seen {
  PublicPart part;
  Bytes id;
  std::string label;
  CK_OBJECT_HANDLE object;
};

struct Object {
  CK_OBJECT_HANDLE handle;
  hsm::Attributes attributes;
};

bool is_private_key(const Object& object) {
  return object.attributes.number(CKA_CLASS) == CKO_PRIVATE_KEY;
}

std::vector<Object> objects_of(hsm::Session& session, hsm::Template wanted) {
  std::vector<Object> out;
  for (const CK_OBJECT_HANDLE handle : hsm::find_objects(session, std::move(wanted)))
    out.push_back({handle, read_key_attributes(session, handle)});
  return out;
}

/// The same id, kind and curve: pairs of different kinds may share an id.
bool is_twin(const hsm::Attributes& key, const hsm::Attributes& other) {
  return other.number(CKA_CLASS) == CKO_PUBLIC_KEY &&
         other.number(CKA_KEY_TYPE) == key.number(CKA_KEY_TYPE) &&
         other.bytes(CKA_ID) == key.bytes(CKA_ID) &&
         (key.find(CKA_EC_PARAMS) == nullptr ||
          other.bytes(CKA_EC_PARAMS) == key.bytes(CKA_EC_PARAMS));
}

/// What a key's public objects say, those with its label before others; nothing where they differ:
/// which of them is not to be guessed.
std::optional<PublicPart> twin_among(const hsm::Attributes& key,
                                     const std::vector<Object>& objects) {
  std::vector<PublicPart> with_label, others;
  for (const Object& object : objects) {
    if (!is_twin(key, object.attributes)) continue;
    const bool same_label = object.attributes.bytes(CKA_LABEL) == key.bytes(CKA_LABEL);
    if (auto part = public_part_of(object.attributes))
      (same_label ? with_label : others).push_back(std::move(*part));
  }
  const std::vector<PublicPart>& parts = with_label.empty() ? others : with_label;
  const bool agree = std::ranges::all_of(parts, [&](const auto& p) { return p == parts.front(); });
  return parts.empty() || !agree ? std::nullopt : std::optional(parts.front());
}

/// By the key's id, or by its label where it has no id.
std::optional<PublicPart> twin_in_token(hsm::Session& session, const hsm::Attributes& key) {
  const Bytes id = key.bytes(CKA_ID), label = key.bytes(CKA_LABEL);
  if (id.empty() && label.empty()) return std::nullopt;
  hsm::Template wanted;
  wanted.set(CKA_CLASS, CK_ULONG{CKO_PUBLIC_KEY});
  id.empty() ? wanted.set(CKA_LABEL, ByteView(label)) : wanted.set(CKA_ID, ByteView(id));
  return twin_among(key, objects_of(session, std::move(wanted)));
}

/// What one token has of what is looked for.
struct Harvest {
  std::shared_ptr<SigningToken> token;
  std::uint64_t link = 0;
  std::vector<Seen> private_keys{};
  std::vector<PublicPart> public_keys{};
  std::vector<Bytes> certificates{};
  std::optional<std::string> nameless{};   ///< a private key whose public part cannot be had
  std::optional<std::uint64_t> bare_in{};  ///< the incarnation in which the token shows nothing

  bool is_empty() const {
    return private_keys.empty() && public_keys.empty() && certificates.empty();
  }
};

/// One search of one token, under one lease.
class Search {
 public:
  Search(hsm::Session& session, const hsm::Uri& uri, Expected expected)
      : session_(session), uri_(uri), expected_(expected) {}

  void run(Harvest& out) {
    if (wants("private", Expected::kPrivateKey)) add_private_keys(out);
    if (wants("public", Expected::kPublicKey)) add_public_keys(out);
    if (wants("cert", Expected::kCertificate)) add_certificates(out);
    if (expected_ != Expected::kPublicKey || !out.is_empty() || uri_.type == "cert") return;
    // A token may keep no public object beside an RSA key.
    add_private_keys(out);
    for (Seen& key : out.private_keys) out.public_keys.push_back(std::move(key.part));
    out.private_keys.clear();
  }

 private:
  bool wants(std::string_view type, Expected kind) const {
    return (!uri_.type || *uri_.type == type) &&
           (expected_ == Expected::kAnything || expected_ == kind);
  }

  /// Different private keys; several objects that hold one key count once.
  void add_private_keys(Harvest& out) {
    const std::vector<Object> objects = private_keys_and_twins();
    for (const Object& object : objects) {
      const hsm::Attributes& told = object.attributes;
      if (!is_private_key(object)) continue;
      std::string label = to_text(told.bytes(CKA_LABEL));
      auto part = public_part_of(told);
      if (!part) part = twin_among(told, objects);
      if (!part) part = twin_in_token(session_, told);
      if (!part)
        out.nameless = label;
      else if (std::ranges::find(out.private_keys, *part, &Seen::part) == out.private_keys.end())
        out.private_keys.push_back(
            {std::move(*part), told.bytes(CKA_ID), std::move(label), object.handle});
    }
  }

  /// Of every class: the twin is mostly among them, and a search looks at all of a token. Where
  /// that gives no key, a token may want to be told what it is to look for.
  std::vector<Object> private_keys_and_twins() {
    if (uri_.object || (uri_.id && !uri_.id->empty())) {
      std::vector<Object> found = objects_of(session_, uri_.object_template());
      if (std::ranges::any_of(found, is_private_key)) return found;
    }
    return objects_of(session_, of_class(uri_, CKO_PRIVATE_KEY));
  }

  void add_public_keys(Harvest& out) {
    for (const CK_OBJECT_HANDLE object :
         hsm::find_objects(session_, of_class(uri_, CKO_PUBLIC_KEY)))
      if (auto part = read_public_part(session_, object))
        out.public_keys.push_back(std::move(*part));
  }

  void add_certificates(Harvest& out) {
    for (const CK_OBJECT_HANDLE object :
         hsm::find_objects(session_, of_class(uri_, CKO_CERTIFICATE))) {
      auto der = hsm::read_bytes(session_, object, CKA_VALUE);
      if (der && !der->empty()) out.certificates.push_back(std::move(*der));
    }
  }

  hsm::Session& session_;
  const hsm::Uri& uri_;
  Expected expected_;
};

std::string_view noun(Expected expected) {
  switch (expected) {
    case Expected::kPrivateKey:
      return "private key";
    case Expected::kPublicKey:
      return "public key";
    case Expected::kCertificate:
      return "certificate";
    case Expected::kAnything:
      break;
  }
  return "key or certificate";
}

Harvest search(const std::shared_ptr<SigningToken>& token, const hsm::Uri& uri, Expected expected,
               Clock::time_point until) {
  Harvest out;
  token->run_patiently(
      [&](const Link& link) {
        out = {.token = token, .link = link.number};
        const hsm::Lease lease = link.token->lease(until);
        Search(*lease, uri, expected).run(out);
        if (!out.is_empty() || !token->logged_in()) return;
        hsm::require_login(*lease);
        // Another thread may have logged in between: it is absent only if it stays so.
        Search(*lease, uri, expected).run(out);
        if (out.is_empty() && token->shows_nothing(*lease)) out.bare_in = link.incarnation;
      },
      until);
  return out;
}

/// Again, where the token may be one that has died.
Harvest search_anew(const std::shared_ptr<SigningToken>& token, const hsm::Uri& uri,
                    Expected expected, Clock::time_point until) {
  Harvest out = search(token, uri, expected, until);
  const bool again = out.bare_in && token->look_anew(*out.bare_in, until);
  return again ? search(token, uri, expected, until) : out;
}

/// Logs in only where that is needed.
Harvest harvest(Clock::duration patience, const std::shared_ptr<SigningToken>& token,
                const hsm::Uri& uri, Expected expected, const PinSource& prompt) {
  const auto until = [&] { return Clock::now() + patience; };  // a prompt may take its time
  const bool maybe_private = (!uri.type || uri.type == "private") &&
                             (expected == Expected::kAnything || expected == Expected::kPrivateKey);
  const PinSource pin = pin_of(uri).value_or(token->pin_or(prompt));
  if (maybe_private) token->login(pin, until());
  Harvest out = search_anew(token, uri, expected, until());
  // Public objects may be hidden, too: SoftHSM makes keys private by default.
  if (!out.is_empty() || token->logged_in()) return out;
  token->login(pin, until());
  return search_anew(token, uri, expected, until());
}

struct Gathering {
  std::vector<Harvest> harvests{};
  std::vector<std::shared_ptr<SigningToken>> away{};
  std::optional<Error> failure{};  ///< of the first that is away
};

Gathering gather(Clock::duration patience, const std::vector<std::shared_ptr<SigningToken>>& tokens,
                 const hsm::Uri& uri, Expected expected, const PinSource& prompt) {
  Gathering out;
  for (const auto& token : tokens) try {
      out.harvests.push_back(harvest(patience, token, uri, expected, prompt));
    } catch (const Error& error) {
      out.away.push_back(token);
      if (!out.failure) out.failure = error;
    }
  return out;
}

/// What the tokens have, with each key once.
class Merge {
 public:
  Merge(const Tokens& tokens, const std::vector<Harvest>& harvests,
        const std::vector<std::shared_ptr<SigningToken>>& away)
      : tokens_(tokens), harvests_(harvests), away_(away) {}

  std::vector<Found> run() {
    for (const Harvest& one : harvests_)
      for (const Seen& key : one.private_keys)
        if (!has(key.part)) add(std::make_shared<Key>(Key{key.part, private_key(key)}));
    // A pair is listed once, and so is a key that stands twice.
    for (const Harvest& one : harvests_)
      for (const PublicPart& part : one.public_keys)
        if (!has(part)) add(std::make_shared<Key>(Key{part, nullptr}));
    for (const Harvest& one : harvests_)
      for (const Bytes& der : one.certificates)
        if (std::ranges::find(found_, der, &Found::certificate) == found_.end())
          found_.push_back({nullptr, der});
    return std::move(found_);
  }

 private:
  bool has(const PublicPart& part) const {
    return std::ranges::any_of(found_, [&](const Found& f) { return f.key->part == part; });
  }
  void add(std::shared_ptr<const Key> key) { found_.push_back({std::move(key), {}}); }

  /// With the replicas of every token that has the key, or may have it once it is back.
  std::shared_ptr<PrivateKey> private_key(const Seen& key) const {
    std::vector<std::shared_ptr<Replica>> replicas;
    for (const Harvest& one : harvests_) {
      const auto seen = std::ranges::find(one.private_keys, key.part, &Seen::part);
      if (seen == one.private_keys.end()) continue;
      replicas.push_back(one.token->replica(seen->part, seen->id, seen->label));
      replicas.back()->know(one.link, seen->object);
    }
    for (const auto& token : away_) replicas.push_back(token->replica(key.part, key.id, key.label));
    return std::make_shared<PrivateKey>(std::move(replicas), key.part, tokens_.rules_of(key.part),
                                        tokens_.patience());
  }

  const Tokens& tokens_;
  const std::vector<Harvest>& harvests_;
  const std::vector<std::shared_ptr<SigningToken>>& away_;
  std::vector<Found> found_;
};

std::string names_of(const std::vector<std::shared_ptr<SigningToken>>& tokens) {
  std::string out;
  for (const auto& token : tokens) out += (out.empty() ? "" : ", ") + token->name().str();
  return out;
}

void require_one(const std::vector<Found>& found, const std::vector<Harvest>& harvests,
                 const hsm::Uri& uri) {
  const auto keys = std::ranges::count_if(
      found, [](const Found& f) { return f.key != nullptr && f.key->is_private(); });
  if (keys > 1)
    throw Error(Errc::kConflict, "'" + uri.str() + "' names " + std::to_string(keys) +
                                     " different private keys; name one by id= or object=");
  if (keys == 1) return;
  for (const Harvest& one : harvests)
    if (one.nameless)
      throw Error(Errc::kUnsupported,
                  "the private key '" + *one.nameless + "' of " + one.token->name().str() +
                      " has no public key object with the same id beside it, or is neither RSA "
                      "nor Ed25519 nor on P-256, P-384 or P-521");
}

/// "; it has object=a, object=b and 3 other private keys": for whoever mistook a name. Empty where
/// nothing is to be seen.
std::string told_keys(SigningToken& token, Clock::time_point until) {
  constexpr std::size_t kTold = 5;
  std::string out;
  if (token.logged_in()) try {
      token.run(
          [&](const Link& link) {
            out.clear();
            const hsm::Lease lease = link.token->lease(until);
            const auto keys = hsm::find_objects(*lease, of_class({}, CKO_PRIVATE_KEY));
            for (std::size_t i = 0; i < std::min(keys.size(), kTold); ++i) {
              hsm::Uri uri;
              uri.object = to_text(hsm::read_bytes(*lease, keys[i], CKA_LABEL).value_or(Bytes{}));
              if (uri.object->empty()) uri.id = hsm::read_bytes(*lease, keys[i], CKA_ID);
              const std::string name = uri.str();
              out += (i == 0 ? "; it has " : ", ") + name.substr(name.find(':') + 1);
            }
            if (keys.size() > kTold)
              out += " and " + std::to_string(keys.size() - kTold) + " other private keys";
          },
          Rung::kNone, until);
    } catch (const Error&) {
      return "";
    }
  return out;
}

}  // namespace

std::vector<Found> look_up(Tokens& tokens, const hsm::Uri& uri, Expected expected,
                           const PinSource& prompt) {
  const std::string text = uri.str();
  const bool one = names_one(uri) || expected == Expected::kPrivateKey;
  if (expected == Expected::kPrivateKey)
    if (auto known = tokens.recall(text)) return {{std::move(known), {}}};
  const auto candidates = tokens.matching(uri);
  // Beside others nobody waits long for one that may be away.
  Gathering all = gather(candidates.size() == 1 ? tokens.patience() : kPatienceBesideOthers,
                         candidates, uri, expected, prompt);
  if (all.harvests.empty() && candidates.size() > 1 && remedy_for(*all.failure).possible())
    all = gather(tokens.patience(), candidates, uri, expected, prompt);
  const auto& [harvests, away, failure] = all;
  std::vector<Found> found = Merge(tokens, harvests, away).run();
  if (one) require_one(found, harvests, uri);
  if (found.empty() && failure) throw Error(*failure);
  const bool is_of_keys = expected != Expected::kCertificate && uri.type != "cert";
  if (found.empty())
    throw Error(Errc::kNotFound,
                "there is no " + std::string(noun(expected)) + " '" + text + "' in " +
                    names_of(candidates) +
                    (is_of_keys ? told_keys(*candidates.front(), tokens.deadline()) : ""));
  if (expected == Expected::kPrivateKey) tokens.remember(text, found.front().key);
  return found;
}

std::optional<PublicPart> public_part_of_private(hsm::Session& session, CK_OBJECT_HANDLE object) {
  const hsm::Attributes told = read_key_attributes(session, object);
  if (auto own = public_part_of(told)) return own;
  return twin_in_token(session, told);
}

}  // namespace poolkey::provider
