#include "hsm/derive.h"

#include "hsm/object.h"
#include "hsm/rv.h"

namespace poolkey::hsm {

SecretBytes derive(Session& session, CK_OBJECT_HANDLE key, CK_MECHANISM mechanism,
                   std::size_t size) {
  Template secret;
  secret.set(CKA_CLASS, CK_ULONG{CKO_SECRET_KEY})
      .set(CKA_KEY_TYPE, CK_ULONG{CKK_GENERIC_SECRET})
      .set(CKA_TOKEN, false)
      .set(CKA_PRIVATE, true)
      .set(CKA_SENSITIVE, false)
      .set(CKA_EXTRACTABLE, true)
      .set(CKA_VALUE_LEN, CK_ULONG{size});
  CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
  check(session.fn().C_DeriveKey(session.handle(), &mechanism, key, secret.data(), secret.count(),
                                 &object),
        "agree on a secret");
  Unfinished passing(session);
  passing.add(object);
  SecretBytes out(size);
  CK_ATTRIBUTE value{CKA_VALUE, out.span().data(), static_cast<CK_ULONG>(size)};
  check(session.fn().C_GetAttributeValue(session.handle(), object, &value, 1),
        "read the secret that was agreed on");
  if (value.ulValueLen != size)
    throw Error(Errc::kUnavailable, "the token gave a secret of " +
                                        std::to_string(value.ulValueLen) + " octets, not " +
                                        std::to_string(size) + "; nothing of it was used");
  return out;
}

}  // namespace poolkey::hsm
