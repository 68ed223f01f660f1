# Self-signed: from a request, and without one.
openssl req -new -key "$KEY" -subj /CN=x -out r.csr
openssl x509 -req -in r.csr -signkey "$KEY" -days 3 -out self.pem
plain verify -CAfile self.pem self.pem
openssl x509 -new -subj /CN=y -key "$KEY" -days 3 -out new.pem
plain verify -CAfile new.pem new.pem
# As a CA, for somebody's key in software.
plain req -newkey rsa:2048 -noenc -keyout leaf.key -subj /CN=leaf -out leaf.csr 2>/dev/null
openssl x509 -req -in leaf.csr -CA cert.pem -CAkey "$KEY" -days 3 -out leaf.pem
plain verify -CAfile cert.pem leaf.pem
