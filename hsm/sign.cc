#include "hsm/sign.h"

#include "hsm/output.h"
#include "hsm/rv.h"

namespace poolkey::hsm {

Bytes sign(Session& session, CK_OBJECT_HANDLE key, CK_MECHANISM mechanism, ByteView data,
           std::size_t size) {
  // check() makes a string of what it is told, and that one is too long to cost nothing.
  if (const CK_RV rv = session.fn().C_SignInit(session.handle(), &mechanism, key); rv != CKR_OK)
    check(rv, "begin a signature");
  Output out(size);
  // SoftHSM refuses a null pointer (CKR_ARGUMENTS_BAD), and nothing may stand behind one.
  static constexpr CK_BYTE kNothing = 0;
  const CK_BYTE* octets = data.empty() ? &kNothing : data.data();
  check(session.fn().C_Sign(session.handle(), const_cast<CK_BYTE*>(octets),
                            static_cast<CK_ULONG>(data.size()), out.data(), out.size()),
        "sign");
  return out.take(size, "sign");
}

}  // namespace poolkey::hsm
