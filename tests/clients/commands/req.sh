openssl req -new -key "$KEY" -subj /CN=sip.contoso.com -out r.csr
says "verify OK" plain req -in r.csr -verify -noout
plain req -in r.csr -pubkey -noout | cmp - pub.pem
openssl req -x509 -new -key "$KEY" -subj /CN=x -days 3 -out self.pem
plain verify -CAfile self.pem self.pem
if rsa; then
  for salt in digest max auto 20; do
    openssl req -new -key "$KEY" -subj /CN=x -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:$salt -out r.csr
    says "verify OK" plain req -in r.csr -verify -noout
  done
fi
