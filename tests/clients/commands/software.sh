# The provider is active in every `openssl` here.
says "poolkey" openssl list -providers
case $KIND in
  RSA-2048) options=(-algorithm RSA -quiet) speed=rsa2048 ;;
  P-256) options=(-algorithm EC -pkeyopt ec_paramgen_curve:P-256) speed=ecdsap256 ;;
  P-384) options=(-algorithm EC -pkeyopt ec_paramgen_curve:P-384) speed=ecdhp384 ;;
  Ed25519) options=(-algorithm Ed25519) speed=ed25519 ;;
esac
openssl genpkey "${options[@]}" -out made.key
openssl pkey -in made.key -aes256 -passout pass:x -out locked.key
openssl pkey -in locked.key -passin pass:x | cmp - made.key
openssl pkey -in made.key -outform DER | openssl pkey -inform DER | cmp - made.key
says "Key is valid" openssl pkey -in made.key -noout -check
openssl req -x509 -new -key made.key -subj /CN=x -days 3 -out made.pem
openssl verify -CAfile made.pem made.pem
openssl pkcs12 -export -inkey made.key -in made.pem -passout pass:x -out made.p12
openssl pkcs12 -in made.p12 -passin pass:x -nodes -nocerts | openssl pkey | cmp - made.key
openssl pkeyutl -sign -rawin -inkey made.key -in message -out s
openssl pkeyutl -verify -rawin -inkey made.key -in message -sigfile s
! ed25519 || for other in "X25519" "X448" "Ed448" "DH -pkeyopt group:ffdhe2048"; do
  openssl genpkey -algorithm $other -out other.key
  openssl pkey -in other.key -pubout -out other.pub
done
! rsa || {
  openssl genrsa -traditional -out old.key 2048
  openssl rsa -in old.key -check -noout
}
! ec || {
  openssl ecparam -name prime256v1 -genkey -noout -out old.key
  openssl ec -in old.key -pubout -out old.pub
}
openssl speed -seconds 1 $speed >/dev/null
