openssl pkey -in "$KEY" -pubout | cmp - pub.pem
plain pkey -pubin -in pub.pem -pubcheck -noout
! openssl pkey -in "$KEY" -out private.pem 2>/dev/null || fault "the private key was written"
! grep -q "PRIVATE KEY" private.pem 2>/dev/null || fault "a private key is in the file"
