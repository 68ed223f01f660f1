mkdir issued && touch index.txt && echo 01 > serial && echo 01 > crlnumber
cat openssl.cnf - > ca.cnf <<EOF
[the_ca]
database = index.txt
serial = serial
crlnumber = crlnumber
new_certs_dir = issued
certificate = cert.pem
policy = any
default_days = 3
default_crl_days = 1
default_md = default
[any]
commonName = supplied
EOF
ca() { OPENSSL_CONF=ca.cnf openssl ca -name the_ca -batch -notext -keyfile "$KEY" "$@"; }
plain req -newkey rsa:2048 -noenc -keyout leaf.key -subj /CN=leaf -out leaf.csr 2>/dev/null
ca -in leaf.csr -out leaf.pem
plain verify -CAfile cert.pem leaf.pem
ca -gencrl -out 1.crl
says "verify OK" plain crl -in 1.crl -CAfile cert.pem -noout
plain verify -crl_check -CRLfile 1.crl -CAfile cert.pem leaf.pem
ca -revoke leaf.pem
ca -gencrl -out 2.crl
! plain verify -crl_check -CRLfile 2.crl -CAfile cert.pem leaf.pem || fault "a revoked certificate verifies"
