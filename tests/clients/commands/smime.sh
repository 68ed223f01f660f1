openssl smime -sign -signer cert.pem -inkey "$KEY" -in message -out m.eml
plain smime -verify -in m.eml -CAfile cert.pem -purpose any | tr -d '\r' | cmp - message
openssl smime -sign -binary -nodetach -noattr -signer cert.pem -inkey "$KEY" -in message -outform DER -out m.p7
plain smime -verify -binary -inform DER -in m.p7 -CAfile cert.pem -purpose any | cmp - message
