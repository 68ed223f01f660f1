# The server's key is in software; it asks for a certificate and stops at one that does not verify.
make_software_key
serve() {
  OPENSSL_CONF=$PLAIN openssl s_server -accept "127.0.0.1:$PORT" -cert software.pem -key $SOFTWARE_KEY \
    -Verify 1 -verify_return_error -CAfile cert.pem -www "$@" >server.log 2>&1 &
  until_said ACCEPT server.log
}
ask() {
  says "${said:-Client certificate}" timeout 20 openssl s_client -connect "127.0.0.1:$PORT" -CAfile software.pem \
    -verify_return_error -cert cert.pem -key "$KEY" -ign_eof "$@" < <(printf 'GET / HTTP/1.0\r\n\r\n')
}
serve
for version in -tls1_2 -tls1_3; do
  for _ in 1 2 3; do ask $version; done
done
if rsa; then
  ask -tls1_2 -sigalgs RSA+SHA256
  for version in -tls1_2 -tls1_3; do
    for digest in 256 384 512; do ask $version -sigalgs rsa_pss_rsae_sha$digest; done
  done
fi
