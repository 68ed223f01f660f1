encrypt() { plain pkeyutl -encrypt -pubin -inkey pub.pem -in message -out e "$@"; }
decrypt() { openssl pkeyutl -decrypt -inkey "$KEY" -in e "$@" | cmp - message; }
for options in "" "-pkeyopt rsa_padding_mode:oaep" \
               "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256"; do
  encrypt $options
  decrypt $options
done
