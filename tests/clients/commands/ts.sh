certify extendedKeyUsage=critical,timeStamping keyUsage=critical,digitalSignature
cat openssl.cnf - > ts.cnf <<EOF
[tsa]
default_tsa = ts
[ts]
serial = serial
signer_cert = leaf.pem
certs = leaf.pem
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
accuracy = secs:1
EOF
echo 01 > serial
plain ts -query -data message -sha256 -cert -out q
OPENSSL_CONF=ts.cnf openssl ts -reply -section ts -inkey "$KEY" -queryfile q -out a
says "Verification: OK" plain ts -verify -queryfile q -in a -CAfile ca.pem
