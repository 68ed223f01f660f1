for way in threads fork-before-use fork-after-use own-context load-and-unload copy held-to-the-end; do
  timeout 40 "$STORE_CLIENT" $way "$KEY" cert.pem || fault "$way ends with $?"
done
