#include "hsm/husk.h"

#include <algorithm>
#include <array>

#include "base/log.h"
#include "hsm/object.h"

namespace poolkey::hsm {
namespace {

/// What names an object, and what makes it one.
constexpr std::array kSubstance{CKA_LABEL,       CKA_ID,         CKA_MODULUS,       CKA_EC_POINT,
                                CKA_EC_PARAMS,   CKA_VALUE,      CKA_SERIAL_NUMBER, CKA_SUBJECT,
                                CKA_APPLICATION, CKA_CHECK_VALUE};

/// A value that is there and may not be read (a secret key's) is substance, too.
bool is_empty(Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  CK_ATTRIBUTE attribute{type, nullptr, 0};
  const CK_RV rv = session.fn().C_GetAttributeValue(session.handle(), object, &attribute, 1);
  return rv == CKR_ATTRIBUTE_TYPE_INVALID || (rv == CKR_OK && attribute.ulValueLen == 0);
}

bool is_husk(Session& session, CK_OBJECT_HANDLE object) {
  return std::ranges::all_of(
      kSubstance, [&](CK_ATTRIBUTE_TYPE type) { return is_empty(session, object, type); });
}

}  // namespace

std::size_t remove_husks(Token& token) {
  if (!token.module().quirks().creates_in_pieces) return 0;
  const auto turn = token.writing();
  const Lease lease = token.lease();
  std::size_t out = 0;
  // A husk may have lost CKA_TOKEN as well, so both kinds are looked at.
  for (const bool in_token : {true, false})
    for (const CK_OBJECT_HANDLE object :
         find_objects(*lease, Template().set(CKA_TOKEN, in_token))) {
      if (!is_husk(*lease, object)) continue;
      destroy_object(*lease, object);
      ++out;
    }
  if (out == 0) return 0;
  token.module().sync();
  log("hsm").info("{}: removed {} object(s) without name and value, which an interrupted run left",
                  token.name().str(), out);
  return out;
}

}  // namespace poolkey::hsm
