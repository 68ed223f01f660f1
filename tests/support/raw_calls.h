// PKCS#11 calls as an attacker makes them: nothing checked, nothing thrown, the CKR_ code returned.
// Called by: tests that show what a token refuses, and what it does not.
#pragma once

#include <gmock/gmock.h>

#include <ostream>

#include "hsm/rv.h"
#include "hsm/template.h"
#include "hsm/token.h"

namespace poolkey::test {

/// A CK_RV that prints its name: `EXPECT_EQ(copy(...), Rv{CKR_ATTRIBUTE_READ_ONLY})`.
struct Rv {
  CK_RV value;
  bool operator==(const Rv&) const = default;
};
inline void PrintTo(const Rv& rv, std::ostream* out) { *out << hsm::rv_name(rv.value); }

/// `EXPECT_THAT(raw_copy(...), RvIs(CKR_ATTRIBUTE_READ_ONLY))`
inline auto RvIs(CK_RV rv) { return testing::Eq(Rv{rv}); }

/// `EXPECT_THAT([&] { act(); }, ThrowsRv(CKR_PIN_INCORRECT))`
inline auto ThrowsRv(CK_RV rv) {
  return testing::Throws<Error>(testing::Property("ckr", &Error::ckr, testing::Optional(rv)));
}

/// AES-KWP under the module's id.
CK_MECHANISM kwp();
/// RSA-OAEP with SHA-1, the only one that SoftHSM 2.6.1 has.
CK_MECHANISM oaep();

Rv raw_create(hsm::Session& session, hsm::Template attributes, CK_OBJECT_HANDLE* out = nullptr);
Rv raw_copy(hsm::Session& session, CK_OBJECT_HANDLE object, hsm::Template changes,
            CK_OBJECT_HANDLE* out = nullptr);
Rv raw_set(hsm::Session& session, CK_OBJECT_HANDLE object, hsm::Template changes);
Rv raw_read(hsm::Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
            Bytes* out = nullptr);
Rv raw_generate_aes(hsm::Session& session, hsm::Template attributes,
                    CK_OBJECT_HANDLE* out = nullptr);
Rv raw_wrap(hsm::Session& session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE wrapping_key,
            CK_OBJECT_HANDLE key, Bytes* out = nullptr);
Rv raw_unwrap(hsm::Session& session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE key, ByteView wrapped,
              hsm::Template attributes, CK_OBJECT_HANDLE* out = nullptr);
/// C_DecryptInit, then C_Decrypt where that went well; the first refusal.
Rv raw_decrypt(hsm::Session& session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE key, ByteView data,
               Bytes* out = nullptr);
Rv raw_encrypt_init(hsm::Session& session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE key);
Rv raw_sign_init(hsm::Session& session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE key);
Rv raw_login(hsm::Session& session, CK_USER_TYPE who, std::string_view pin);

/// An AES key with a value that the attacker knows, able to wrap, as a session object.
hsm::Template known_aes_key(ByteView value);

}  // namespace poolkey::test
