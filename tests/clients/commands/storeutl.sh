says "Total found: 1" openssl storeutl -noout "$KEY"
says "0: Pkey" openssl storeutl -noout -keys "$KEY"
# What stands beside the key is told by URI.
token=${URI%%;*}
says "Total found: 0" openssl storeutl -noout -certs "$token"
put_certificate_into_token
says "Total found: 1" openssl storeutl -noout -certs "$token;object=the-key"
openssl x509 -in "$token;object=the-key;type=cert" | cmp - <(plain x509 -in cert.pem)
openssl pkey -pubin -in "$token;object=the-key;type=public" -pubout | cmp - pub.pem
