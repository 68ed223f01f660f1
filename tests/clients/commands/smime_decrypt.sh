plain smime -encrypt -binary -aes256 -in message -out e.eml cert.pem
openssl smime -decrypt -binary -in e.eml -recip cert.pem -inkey "$KEY" | cmp - message
