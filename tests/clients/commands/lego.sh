# pebble, with a certificate in software for its own port, asks 127.0.0.1 for every name.
make_ca
plain req -newkey rsa:2048 -noenc -keyout pebble.key -out pebble.csr -subj /CN=localhost 2>/dev/null
plain x509 -req -in pebble.csr -CA ca.pem -CAkey ca.key -days 3 -out pebble.pem 2>/dev/null \
  -extfile <(echo subjectAltName=DNS:localhost)
acme=$PORT http=$((PORT + 1)) dns=$((PORT + 2)) management=$((PORT + 3))
cat > pebble.json <<EOF
{"pebble": {"listenAddress": "127.0.0.1:$acme", "managementListenAddress": "127.0.0.1:$((PORT + 4))",
  "certificate": "pebble.pem", "privateKey": "pebble.key", "httpPort": $http, "tlsPort": $((PORT + 5)),
  "ocspResponderURL": "", "externalAccountBindingRequired": false, "retryAfter": {"authz": 1, "order": 1}}}
EOF
pebble-challtestsrv -defaultIPv4 127.0.0.1 -defaultIPv6 "" -dns01 "127.0.0.1:$dns" -http01 "" -https01 "" \
  -tlsalpn01 "" -management "127.0.0.1:$management" >dns.log 2>&1 &
PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0 pebble -config pebble.json -dnsserver "127.0.0.1:$dns" >pebble.log 2>&1 &
until_said "Listening on" pebble.log
openssl req -new -key "$KEY" -subj /CN=hsm.test -addext subjectAltName=DNS:hsm.test -out hsm.csr
LEGO_CA_CERTIFICATES=ca.pem timeout 60 lego --path lego -s "https://localhost:$acme/dir" -a -m a@example.org \
  --csr hsm.csr --http --http.port "127.0.0.1:$http" run >lego.log 2>&1
plain x509 -in lego/certificates/hsm.test.crt -pubkey -noout | cmp - pub.pem
