# Both sides with the token's key.
openssl s_server -www -accept "127.0.0.1:$PORT" -cert cert.pem -key "$KEY" -Verify 1 -verify_return_error \
  -CAfile cert.pem >server.log 2>&1 &
until_said ACCEPT server.log
for version in -tls1_2 -tls1_3 -tls1_2 -tls1_3; do
  says "Client certificate" timeout 20 openssl s_client $version -ign_eof -connect "127.0.0.1:$PORT" \
    -cert cert.pem -key "$KEY" -CAfile cert.pem -verify_return_error < <(printf 'GET / HTTP/1.0\r\n\r\n')
done
