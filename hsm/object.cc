#include "hsm/object.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <thread>

#include "base/log.h"
#include "hsm/names.h"
#include "hsm/rv.h"

namespace poolkey::hsm {
namespace {

constexpr std::size_t kFindBatch = 64;

[[noreturn]] void refuse_length(const std::string& doing) {
  throw Error(Errc::kUnavailable, "cannot " + doing +
                                      ": the module gives a length that is not the one of what it "
                                      "gives; nothing of it was used");
}

/// Closes a search whatever happens in between.
class Search {
 public:
  Search(Session& session, Template& wanted) : session_(session) {
    check(session_.fn().C_FindObjectsInit(session_.handle(), wanted.data(), wanted.count()),
          "search the token");
  }
  Search(const Search&) = delete;
  Search& operator=(const Search&) = delete;
  ~Search() { session_.fn().C_FindObjectsFinal(session_.handle()); }

  std::vector<CK_OBJECT_HANDLE> all() {
    std::vector<CK_OBJECT_HANDLE> out;
    for (;;) {
      // One more than is asked for, so that there is a first one that was not written.
      std::array<CK_OBJECT_HANDLE, kFindBatch + 1> batch{};
      CK_ULONG found = 0;
      check(session_.fn().C_FindObjects(session_.handle(), batch.data(), kFindBatch, &found),
            "search the token");
      const auto unwritten = std::find(batch.begin(), batch.end(), CK_INVALID_HANDLE);
      if (unwritten != batch.begin() + static_cast<std::ptrdiff_t>(std::min(found, kFindBatch + 1)))
        refuse_length("search the token");
      if (found == 0) return out;
      out.insert(out.end(), batch.begin(), unwritten);
    }
  }

 private:
  Session& session_;
};

/// More than any attribute that poolkey reads.
constexpr CK_ULONG kMaxAttribute = 1UL << 20;

std::string value_text(const AttributeValue& value) {
  if (const bool* truth = std::get_if<bool>(&value)) return *truth ? "true" : "false";
  std::string out;
  for (const std::string& m : std::get<std::vector<std::string>>(value))
    out += (out.empty() ? "" : " ") + m;
  return "[" + out + "]";
}

bool same_value(const AttributeValue& a, const AttributeValue& b) {
  if (const auto* x = std::get_if<std::vector<std::string>>(&a))
    if (const auto* y = std::get_if<std::vector<std::string>>(&b)) {
      // A set: SoftHSM gives mechanisms back in numerical order.
      auto p = *x, q = *y;
      std::sort(p.begin(), p.end());
      std::sort(q.begin(), q.end());
      return p == q;
    }
  return a == b;
}

}  // namespace

std::vector<CK_OBJECT_HANDLE> find_objects(Session& session, Template wanted) {
  const CK_ATTRIBUTE* given = wanted.data();
  const bool says_token =
      std::any_of(given, given + wanted.count(), [](const auto& a) { return a.type == CKA_TOKEN; });
  // First, because a token may compare in this order: SoftHSM decrypts the text of a private
  // object.
  Template all;
  if (!says_token) all.set(CKA_TOKEN, true);
  return Search(session, all.append(wanted)).all();
}

std::optional<Bytes> read_bytes(Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  CK_ATTRIBUTE attribute{type, nullptr, 0};
  const auto is_told = [&] {
    const CK_RV rv = session.fn().C_GetAttributeValue(session.handle(), object, &attribute, 1);
    if (rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE) return false;
    check(rv, "read " + attribute_name(type));
    return attribute.ulValueLen != CK_UNAVAILABLE_INFORMATION;
  };
  if (!is_told()) return std::nullopt;
  const CK_ULONG size = attribute.ulValueLen;
  if (size > kMaxAttribute) refuse_length("read " + attribute_name(type));
  // Asked for in any case: that there is nothing is not believed at the first word.
  Bytes out(std::max<std::size_t>(size, 1));
  attribute = {type, out.data(), static_cast<CK_ULONG>(out.size())};
  if (!is_told()) return std::nullopt;
  if (attribute.ulValueLen != size) refuse_length("read " + attribute_name(type));
  out.resize(size);
  return out;
}

std::optional<bool> read_bool(Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  const auto raw = read_bytes(session, object, type);
  if (!raw || raw->size() != 1) return std::nullopt;
  return raw->front() != CK_FALSE;
}

std::optional<CK_ULONG> read_ulong(Session& session, CK_OBJECT_HANDLE object,
                                   CK_ATTRIBUTE_TYPE type) {
  const auto raw = read_bytes(session, object, type);
  if (!raw || raw->size() != sizeof(CK_ULONG)) return std::nullopt;
  CK_ULONG value;
  std::memcpy(&value, raw->data(), sizeof value);
  return value;
}

std::optional<AttributeValue> read_value(Session& session, CK_OBJECT_HANDLE object,
                                         const std::string& attribute_text) {
  const AttributeName& name = attribute(attribute_text);
  const std::optional<Bytes> raw = read_bytes(session, object, name.type);
  if (!raw) return std::nullopt;
  if (name.kind == AttributeKind::kBool)
    return raw->size() == 1 ? std::optional<AttributeValue>(raw->front() != CK_FALSE)
                            : std::nullopt;
  std::vector<std::string> mechanisms;
  for (std::size_t i = 0; i + sizeof(CK_MECHANISM_TYPE) <= raw->size();
       i += sizeof(CK_MECHANISM_TYPE)) {
    CK_MECHANISM_TYPE type;
    std::memcpy(&type, raw->data() + i, sizeof type);
    mechanisms.push_back(mechanism_name(type));
  }
  return mechanisms;
}

AttributeSet read_back(Session& session, CK_OBJECT_HANDLE object, const AttributeSet& expected) {
  const std::vector<std::string>& not_kept = session.module().not_kept();
  AttributeSet out;
  for (const NamedAttribute& wanted : expected) {
    // Not even asked for: p11-kit's remoting fails on what it does not know.
    if (std::find(not_kept.begin(), not_kept.end(), wanted.name) != not_kept.end()) continue;
    if (auto value = read_value(session, object, wanted.name))
      out.push_back({wanted.name, std::move(*value)});
  }
  return out;
}

std::vector<std::string> untold(const AttributeSet& expected, const AttributeSet& found) {
  std::vector<std::string> out;
  for (const NamedAttribute& wanted : expected)
    if (std::none_of(found.begin(), found.end(),
                     [&](const NamedAttribute& a) { return a.name == wanted.name; }))
      out.push_back(wanted.name);
  return out;
}

std::string differences(const AttributeSet& expected, const AttributeSet& found,
                        const std::vector<std::string>& may_be_untold) {
  std::string out;
  for (const NamedAttribute& wanted : expected) {
    const auto have = std::find_if(found.begin(), found.end(),
                                   [&](const auto& a) { return a.name == wanted.name; });
    if (have != found.end() && same_value(have->value, wanted.value)) continue;
    if (have == found.end() &&
        std::find(may_be_untold.begin(), may_be_untold.end(), wanted.name) != may_be_untold.end())
      continue;
    out += (out.empty() ? "" : "; ") + wanted.name + " is " +
           (have == found.end() ? std::string("not told") : value_text(have->value)) + ", not " +
           value_text(wanted.value);
  }
  return out;
}

Template corrections(Session& session, CK_OBJECT_HANDLE object, const AttributeSet& expected) {
  const AttributeSet told = read_back(session, object, expected);
  AttributeSet wrong;
  for (const NamedAttribute& wanted : expected)
    if (!differences({wanted}, told, {wanted.name}).empty()) wrong.push_back(wanted);
  return Template().add(wrong);
}

CK_OBJECT_HANDLE copy_object(Session& session, CK_OBJECT_HANDLE object, Template changes) {
  CK_OBJECT_HANDLE out = CK_INVALID_HANDLE;
  check(session.fn().C_CopyObject(session.handle(), object, changes.data(), changes.count(), &out),
        "copy an object");
  return out;
}

CK_OBJECT_HANDLE copy_to_token(Session& session, CK_OBJECT_HANDLE object, ByteView id,
                               Template changes) {
  return copy_object(session, object, std::move(changes.set(CKA_TOKEN, true).set(CKA_ID, id)));
}

CK_OBJECT_HANDLE create_object(Session& session, Template attributes) {
  attributes.leave_out(session.module().not_kept());
  CK_OBJECT_HANDLE out = CK_INVALID_HANDLE;
  check(session.fn().C_CreateObject(session.handle(), attributes.data(), attributes.count(), &out),
        "create an object");
  return out;
}

namespace {

bool forbids_copies(Template& attributes) {
  const CK_ATTRIBUTE* given = attributes.data();
  for (CK_ULONG i = 0; i < attributes.count(); ++i)
    if ((given[i].type == CKA_COPYABLE || given[i].type == CKA_MODIFIABLE) &&
        *static_cast<const CK_BBOOL*>(given[i].pValue) == CK_FALSE)
      return true;
  return false;
}

/// What tells one object from another of its class.
constexpr std::array kTelling{CKA_LABEL, CKA_ID, CKA_VALUE, CKA_MODULUS, CKA_EC_POINT};

bool is_telling(const CK_ATTRIBUTE& attribute) {
  return std::find(kTelling.begin(), kTelling.end(), attribute.type) != kTelling.end();
}

/// Throws kConflict unless the object is what was to be copied: the handle of what was staged may
/// have been given to another one. The wrong copy is destroyed, if it is certain that it is one.
void require_copy(Session& session, CK_OBJECT_HANDLE copy, Template& asked) {
  const CK_ATTRIBUTE* attributes = asked.data();
  Template telling;
  bool same = true;
  for (CK_ULONG i = 0; i < asked.count(); ++i) {
    if (!is_telling(attributes[i])) continue;
    const ByteView value(static_cast<const std::uint8_t*>(attributes[i].pValue),
                         attributes[i].ulValueLen);
    telling.set(attributes[i].type, value);
    const auto found = read_bytes(session, copy, attributes[i].type);
    same = same && found && std::equal(found->begin(), found->end(), value.begin(), value.end());
  }
  if (same) return;
  // Where it is there after all, it was the copy's own handle that came to mean something else.
  if (find_objects(session, std::move(telling)).empty()) destroy_object(session, copy);
  throw Error(Errc::kConflict,
              "the token wrote another object than the one that it was given, as when a handle is "
              "given to another object; run it again");
}

}  // namespace

CK_OBJECT_HANDLE create_token_object(Session& session, Template attributes) {
  if (!session.module().quirks().creates_in_pieces || forbids_copies(attributes))
    return create_object(session, std::move(attributes.set(CKA_TOKEN, true)));
  Unfinished passing(session);
  const CK_OBJECT_HANDLE staged = passing.add(create_object(session, attributes));
  const CK_OBJECT_HANDLE out = copy_object(session, staged, Template().set(CKA_TOKEN, true));
  require_copy(session, out, attributes);
  return out;
}

void destroy_object(Session& session, CK_OBJECT_HANDLE object) {
  check(session.fn().C_DestroyObject(session.handle(), object), "destroy an object");
}

Unfinished::~Unfinished() {
  for (const CK_OBJECT_HANDLE object : objects_) {
    try {
      if (is_ours(object)) destroy_object(session_, object);
    } catch (const Error& error) {
      // Its session may have died. What is left in the token is found by its id in the next run.
      log("hsm").warn("an unfinished object is left: {}", error.what());
    }
  }
}

// A handle may mean another object by now, and a token object that is somebody else's is not ours
// to destroy.
bool Unfinished::is_ours(CK_OBJECT_HANDLE object) const {
  return read_bool(session_, object, CKA_TOKEN) == false ||
         (!id_.empty() && read_bytes(session_, object, CKA_ID) == id_);
}

std::optional<crypto::PublicKey> public_key_of(Session& session, CK_OBJECT_HANDLE object) {
  const auto type = read_ulong(session, object, CKA_KEY_TYPE);
  if (type == CKK_RSA) {
    const auto modulus = read_bytes(session, object, CKA_MODULUS);
    const auto exponent = read_bytes(session, object, CKA_PUBLIC_EXPONENT);
    if (modulus && exponent && !modulus->empty() && !exponent->empty())
      return crypto::PublicKey::from_rsa(*modulus, *exponent);
  } else if (type == CKK_EC || type == CKK_EC_EDWARDS) {
    const auto params = read_bytes(session, object, CKA_EC_PARAMS);
    const auto point = read_bytes(session, object, CKA_EC_POINT);
    if (params && point && !point->empty()) return crypto::PublicKey::from_ec(*params, *point);
  }
  return std::nullopt;
}

namespace {

/// An object of a kind that we cannot name (another curve, a damaged point) has no public key for
/// us; it must not keep us from the others.
std::optional<crypto::PublicKey> public_key_if_known(Session& session, CK_OBJECT_HANDLE object) {
  try {
    return public_key_of(session, object);
  } catch (const Error& error) {
    if (error.code() == Errc::kUnsupported || error.code() == Errc::kCorrupt) return std::nullopt;
    throw;
  }
}

/// How often an object is looked at that cannot be read.
constexpr int kTries = 3;

/// SoftHSM shows objects that another process is making, or has just destroyed.
bool is_half_made(const Error& error) {
  return error.ckr() == CKR_ATTRIBUTE_VALUE_INVALID || error.ckr() == CKR_OBJECT_HANDLE_INVALID;
}

KeyObject describe(Session& session, CK_OBJECT_HANDLE handle) {
  KeyObject key{handle,
                read_ulong(session, handle, CKA_KEY_TYPE).value_or(CK_UNAVAILABLE_INFORMATION),
                read_bytes(session, handle, CKA_ID).value_or(Bytes{}),
                to_text(read_bytes(session, handle, CKA_LABEL).value_or(Bytes{})),
                public_key_if_known(session, handle)};
  if (key.public_key || key.id.empty()) return key;
  Template match;
  match.set(CKA_CLASS, CK_ULONG{CKO_PUBLIC_KEY}).set(CKA_ID, ByteView(key.id));
  for (const CK_OBJECT_HANDLE twin : find_objects(session, match)) {
    key.public_key = public_key_if_known(session, twin);
    if (key.public_key) break;
  }
  return key;
}

}  // namespace

void require_login(Session& session) {
  CK_SESSION_INFO info{};
  check(session.fn().C_GetSessionInfo(session.handle(), &info), "look at the session");
  if (info.state != CKS_RW_USER_FUNCTIONS && info.state != CKS_RO_USER_FUNCTIONS)
    throw Error(Errc::kUnavailable, CKR_USER_NOT_LOGGED_IN,
                "the token has lost its login, as when an HSM is restarted; nothing is known about "
                "its keys. Run it again");
}

std::vector<KeyObject> find_private_keys(Session& session, Template wanted) {
  wanted.set(CKA_CLASS, CK_ULONG{CKO_PRIVATE_KEY});
  // A handle may also have died with its object alive: it is absent only if it stays so.
  for (int tries = 1;; ++tries) {
    std::vector<KeyObject> out;
    bool all = true;
    for (const CK_OBJECT_HANDLE handle : find_objects(session, wanted)) {
      try {
        out.push_back(describe(session, handle));
      } catch (const Error& error) {
        if (!is_half_made(error)) throw;
        all = false;
      }
    }
    if (out.empty()) require_login(session);
    if (all || tries == kTries) return out;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

std::optional<KeyObject> find_private_key(Session& session, const crypto::PublicKey& key,
                                          ByteView id) {
  const auto pick = [&](Template wanted) -> std::optional<KeyObject> {
    for (KeyObject& found : find_private_keys(session, std::move(wanted)))
      if (found.public_key && *found.public_key == key) return std::move(found);
    return std::nullopt;
  };
  const auto pick_by_id = [&](ByteView wanted) { return pick(Template().set(CKA_ID, wanted)); };
  if (!id.empty())
    if (auto found = pick_by_id(id)) return found;
  if (key.is_rsa()) return pick(Template().set(CKA_MODULUS, ByteView(key.modulus())));
  if (!key.is_ec()) return std::nullopt;
  for (const Bytes& point : {ec_point_attribute(key), key.ec_point()})
    for (const CK_OBJECT_HANDLE twin :
         find_objects(session, Template()
                                   .set(CKA_CLASS, CK_ULONG{CKO_PUBLIC_KEY})
                                   .set(CKA_EC_POINT, ByteView(point)))) {
      const auto twin_id = read_bytes(session, twin, CKA_ID);
      if (!twin_id || twin_id->empty()) continue;
      if (auto found = pick_by_id(*twin_id)) return found;
    }
  return std::nullopt;
}

Bytes ec_point_attribute(const crypto::PublicKey& key) {
  const Bytes point = key.ec_point();
  Bytes out{0x04};
  if (point.size() >= 0x80) out.push_back(0x81);
  out.push_back(static_cast<std::uint8_t>(point.size()));
  out.insert(out.end(), point.begin(), point.end());
  return out;
}

}  // namespace poolkey::hsm
