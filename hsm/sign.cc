#include "hsm/sign.h"

#include "hsm/rv.h"

namespace poolkey::hsm {

Bytes sign(Session& session, CK_OBJECT_HANDLE key, CK_MECHANISM mechanism, ByteView data,
           std::size_t max_size) {
  check(session.fn().C_SignInit(session.handle(), &mechanism, key), "begin a signature");
  Bytes out(max_size);
  CK_ULONG size = static_cast<CK_ULONG>(out.size());
  check(session.fn().C_Sign(session.handle(), const_cast<CK_BYTE*>(data.data()),
                            static_cast<CK_ULONG>(data.size()), out.data(), &size),
        "sign");
  out.resize(size);
  return out;
}

}  // namespace poolkey::hsm
