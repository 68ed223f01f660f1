make_software_key
OPENSSL_CONF=$PLAIN openssl s_server -accept "127.0.0.1:$PORT" -cert software.pem -key $SOFTWARE_KEY \
  -Verify 1 -verify_return_error -CAfile cert.pem -www >server.log 2>&1 &
until_said ACCEPT server.log
for version in "--tls-max 1.2" "--tlsv1.3"; do
  says "Client certificate" curl -sS --max-time 20 $version --cacert software.pem --cert cert.pem --key "$KEY" \
    "https://127.0.0.1:$PORT/"
done
