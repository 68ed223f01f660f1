encrypt() { plain cms -encrypt -binary -aes-256-cbc -in message -outform DER -out e.cms -recip cert.pem "$@"; }
decrypt() { openssl cms -decrypt -binary -inform DER -in e.cms -recip cert.pem -inkey "$KEY" | cmp - message; }
encrypt; decrypt
if rsa; then
  encrypt -keyopt rsa_padding_mode:oaep; decrypt
  encrypt -keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256; decrypt
else
  encrypt -keyopt ecdh_kdf_md:sha256; decrypt
fi
