certify extendedKeyUsage=OCSPSigning keyUsage=critical,digitalSignature
plain req -newkey rsa:2048 -noenc -keyout asked.key -subj /CN=asked -out asked.csr 2>/dev/null
plain x509 -req -in asked.csr -CA ca.pem -CAkey ca.key -days 3 -set_serial 7 -out asked.pem 2>/dev/null
printf 'V\t361231235959Z\t\t07\tunknown\t/CN=asked\n' > index.txt
echo "unique_subject = no" > index.txt.attr
responder=(-index index.txt -CA ca.pem -rsigner leaf.pem -rkey "$KEY")
# From a file to a file.
plain ocsp -issuer ca.pem -cert asked.pem -no_nonce -reqout q >/dev/null
openssl ocsp "${responder[@]}" -reqin q -respout a >/dev/null
for words in "asked.pem: good" "Response verify OK"; do
  says "$words" plain ocsp -issuer ca.pem -cert asked.pem -no_nonce -respin a -CAfile ca.pem
done
# On a port, asked by a client that signs what it asks.
openssl ocsp -port "$PORT" "${responder[@]}" -nrequest 1 >responder.log 2>&1 &
until_said "waiting for OCSP client" responder.log
says "asked.pem: good" timeout 20 openssl ocsp -issuer ca.pem -cert asked.pem -url "http://127.0.0.1:$PORT/" \
  -CAfile ca.pem -signer leaf.pem -signkey "$KEY" -reqout signed
says "Signature Algorithm" plain ocsp -reqin signed -req_text -noverify
