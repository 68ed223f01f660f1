sign() { openssl cms -sign -binary -nodetach -signer cert.pem -inkey "$KEY" -in message -outform DER -out m.cms "$@"; }
verify() { plain cms -verify -inform DER -in m.cms -CAfile cert.pem -purpose any -binary | cmp - message; }
sign; verify
sign -noattr; verify
sign -md sha512; verify
sign -noattr -md sha384; verify
openssl cms -sign -binary -signer cert.pem -inkey "$KEY" -in message -outform PEM -out d.cms
plain cms -verify -inform PEM -in d.cms -content message -CAfile cert.pem -purpose any -binary | cmp - message
sign
openssl cms -resign -nocerts -inform DER -in m.cms -signer cert.pem -inkey "$KEY" -outform DER -out 2.cms
plain cms -verify -inform DER -in 2.cms -CAfile cert.pem -purpose any -binary | cmp - message
if rsa; then
  sign -keyopt rsa_padding_mode:pss; verify
  sign -keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:20; verify
  sign -noattr -keyopt rsa_padding_mode:pss; verify
fi
