# Before every script of this folder, which runs in a folder of its own with
#   openssl.cnf (OPENSSL_CONF)  loads the provider; plain.cnf ($PLAIN): does not
#   cert.pem                    the certificate of the token's key, self-signed; pub.pem its key
#   $KEY                        the key as the client is given it: a URI or a file; $URI: always the URI
#   $KIND                       RSA-2048, P-256, P-384 or Ed25519
#   $MODULE                     SoftHSM or NSS
#   $PORT                       a free one of 127.0.0.1
# What a script starts in the background ends with it; what stands in *.log is shown if it fails.

# openssl without the provider: the other side, which verifies in software.
plain() { OPENSSL_CONF=$PLAIN openssl "$@"; }

rsa() { [ "$KIND" = RSA-2048 ]; }
ec() { [[ "$KIND" = P-* ]]; }
ed25519() { [ "$KIND" = Ed25519 ]; }

set -E
trap 'echo "FAULT: line $LINENO: $BASH_COMMAND" >&2' ERR
fault() { echo "FAULT: $*" >&2; exit 1; }

# says WORDS COMMAND...: it ends well and its output has WORDS.
says() {
  local words=$1 text; shift
  text=$("$@" 2>&1) || fault "$*: $text"
  [[ "$text" = *"$words"* ]] || fault "$*: no '$words' in: $text"
}

# A software CA of the other side: ca.pem, ca.key.
make_ca() {
  plain req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout ca.key -out ca.pem \
    -subj /CN=ca -days 3 2>/dev/null
}

# certify EXTENSION...: leaf.pem, a certificate of that CA for the token's key.
certify() {
  make_ca
  printf '%s\n' "$@" > leaf.ext
  openssl req -new -key "$URI" -subj /CN=localhost -out leaf.csr
  plain x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -days 3 -extfile leaf.ext -out leaf.pem 2>/dev/null
}

# until_said WORDS FILE: a server said so there.
until_said() {
  for _ in $(seq 200); do
    grep -qs "$1" "$2" && return
    sleep 0.05
  done
  fault "no '$1' in $2: $(cat "$2")"
}

end() {
  local status=$?
  kill $(jobs -p) 2>/dev/null || true
  wait
  [ $status = 0 ] || tail -n 40 ./*.log >&2 2>/dev/null || true
}
trap end EXIT
echo "the content" > message

# A key of $KIND in software, with its certificate: $SOFTWARE_KEY, software.pem.
SOFTWARE_KEY=software.key
make_software_key() {
  case $KIND in
    RSA-2048) plain genpkey -quiet -algorithm RSA -out $SOFTWARE_KEY ;;
    P-*) plain genpkey -algorithm EC -pkeyopt ec_paramgen_curve:"$KIND" -out $SOFTWARE_KEY ;;
    Ed25519) plain genpkey -algorithm Ed25519 -out $SOFTWARE_KEY ;;
  esac
  plain req -x509 -new -key $SOFTWARE_KEY -out software.pem -subj /CN=localhost -days 3 \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1
}

# cert.pem, with the key's label.
put_certificate_into_token() {
  if [ $MODULE = NSS ]; then
    certutil -A -d sql:tokens -f pin -n the-key -t u,u,u -a -i cert.pem
  else
    plain x509 -in cert.pem -outform DER -out cert.der
    SOFTHSM2_CONF=softhsm2.conf PIN=$(cat pin) pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so \
      --token-label clients --login --pin env:PIN --write-object cert.der --type cert --label the-key --id 01
  fi
}
