openssl spkac -key "$KEY" -challenge hello -digest sha256 -out s
says "Signature OK" plain spkac -in s -verify -noout
plain spkac -in s -pubkey -noout | cmp - pub.pem
