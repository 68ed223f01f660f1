// Where the functions of Cryptoki take and give handles and lengths, as far as the types do not
// tell: sessions, objects, slots and numbers are all CK_ULONG.
// May touch: nothing. Called by: the module.
#pragma once

#include "support/faulty_module/script.h"

namespace poolkey::test::faulty {

/// A set of arguments, the first one being bit 0.
using Arguments = unsigned;
constexpr Arguments argument(unsigned number) { return 1U << number; }

/// The arguments that are an object's handle.
constexpr Arguments objects_taken(std::size_t function) {
  switch (function) {
    case kC_CopyObject:
    case kC_DestroyObject:
    case kC_GetObjectSize:
    case kC_GetAttributeValue:
    case kC_SetAttributeValue:
    case kC_DigestKey:
      return argument(1);
    case kC_EncryptInit:
    case kC_DecryptInit:
    case kC_SignInit:
    case kC_SignRecoverInit:
    case kC_VerifyInit:
    case kC_VerifyRecoverInit:
    case kC_UnwrapKey:
    case kC_DeriveKey:
      return argument(2);
    case kC_WrapKey:
      return argument(2) | argument(3);
    case kC_SetOperationState:
      return argument(3) | argument(4);
    default:
      return 0;
  }
}

/// The arguments that point to a handle which is given.
constexpr Arguments objects_given(std::size_t function) {
  switch (function) {
    case kC_CreateObject:
      return argument(3);
    case kC_CopyObject:
    case kC_GenerateKey:
      return argument(4);
    case kC_DeriveKey:
      return argument(5);
    case kC_GenerateKeyPair:
      return argument(6) | argument(7);
    case kC_UnwrapKey:
      return argument(7);
    default:
      return 0;
  }
}

/// True where the last argument points to a length or a count that is given.
constexpr bool gives_length(std::size_t function) {
  switch (function) {
    case kC_GetSlotList:
    case kC_GetMechanismList:
    case kC_FindObjects:
    case kC_Encrypt:
    case kC_Decrypt:
    case kC_Digest:
    case kC_DigestFinal:
    case kC_Sign:
    case kC_SignFinal:
    case kC_SignRecover:
    case kC_VerifyRecover:
    case kC_WrapKey:
      return true;
    default:
      return false;
  }
}

/// True where the first argument is a slot.
constexpr bool takes_slot(std::size_t function) {
  switch (function) {
    case kC_GetSlotInfo:
    case kC_GetTokenInfo:
    case kC_GetMechanismList:
    case kC_GetMechanismInfo:
    case kC_InitToken:
    case kC_OpenSession:
    case kC_CloseAllSessions:
      return true;
    default:
      return false;
  }
}

/// True where the first argument is a session.
constexpr bool takes_session(std::size_t function) {
  switch (function) {
    case kC_Initialize:
    case kC_Finalize:
    case kC_GetInfo:
    case kC_GetFunctionList:
    case kC_GetSlotList:
    case kC_WaitForSlotEvent:
      return false;
    default:
      return !takes_slot(function);
  }
}

}  // namespace poolkey::test::faulty
