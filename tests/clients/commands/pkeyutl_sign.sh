verify() { plain pkeyutl -verify -pubin -inkey pub.pem -sigfile s "$@"; }
if ed25519; then
  openssl pkeyutl -sign -rawin -inkey "$KEY" -in message -out s
  verify -rawin -in message
  openssl pkeyutl -verify -rawin -inkey "$KEY" -sigfile s -in message
else
  openssl dgst -sha256 -binary -out d message
  openssl pkeyutl -sign -inkey "$KEY" -pkeyopt digest:sha256 -in d -out s
  verify -pkeyopt digest:sha256 -in d
  openssl pkeyutl -verify -inkey "$KEY" -pkeyopt digest:sha256 -sigfile s -in d
  openssl pkeyutl -sign -rawin -digest sha512 -inkey "$KEY" -in message -out s
  verify -rawin -digest sha512 -in message
  openssl pkeyutl -sign -inkey "$KEY" -in d -out s   # without a digest's name
  verify -in d
fi
if rsa; then
  openssl pkeyutl -sign -inkey "$KEY" -pkeyopt digest:sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:32 -in d -out s
  verify -pkeyopt digest:sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:32 -in d
fi
