#include "hsm/decrypt.h"

#include <algorithm>
#include <array>

#include "hsm/rv.h"

namespace poolkey::hsm {
namespace {

/// Bad padding, as it is called: SoftHSM has CKR_GENERAL_ERROR for it, others CKR_FUNCTION_FAILED
/// or a code of their own.
constexpr std::array<CK_RV, 6> kDamaged{CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE,
                                        CKR_DATA_INVALID,           CKR_DATA_LEN_RANGE,
                                        CKR_GENERAL_ERROR,          CKR_FUNCTION_FAILED};

}  // namespace

Decrypted decrypt(Session& session, CK_OBJECT_HANDLE key, CK_MECHANISM mechanism, ByteView data,
                  std::size_t room) {
  check(session.fn().C_DecryptInit(session.handle(), &mechanism, key), "begin a decryption");
  Decrypted out{true, SecretBytes(room), room};
  CK_ULONG size = static_cast<CK_ULONG>(room);
  const CK_RV rv =
      session.fn().C_Decrypt(session.handle(), const_cast<CK_BYTE*>(data.data()),
                             static_cast<CK_ULONG>(data.size()), out.octets.span().data(), &size);
  out.good = rv == CKR_OK;
  const bool damaged =
      rv >= CKR_VENDOR_DEFINED || std::ranges::find(kDamaged, rv) != kDamaged.end();
  if (!out.good && !damaged) check(rv, "decrypt");
  if (out.good && size > room)
    throw Error(Errc::kUnavailable, "cannot decrypt: the module says that it gave " +
                                        std::to_string(size) + " octets where there was room for " +
                                        std::to_string(room) + "; nothing of it was used");
  out.size = out.good ? size : 0;
  // Nothing is said of what stands beyond in a PKCS#1 v1.5 decryption: modules work in that room.
  const auto beyond = out.octets.view().subspan(out.size);
  if (out.good && mechanism.mechanism != CKM_RSA_PKCS &&
      std::ranges::any_of(beyond, [](CK_BYTE octet) { return octet != 0; }))
    throw Error(Errc::kUnavailable, "cannot decrypt: the module says that it gave " +
                                        std::to_string(size) +
                                        " octets, and wrote more; nothing of it was used");
  return out;
}

}  // namespace poolkey::hsm
