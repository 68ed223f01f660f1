# The mock server hands out one certificate, for the token's key: leaf.pem.
certify keyUsage=critical,digitalSignature
serve() {
  OPENSSL_CONF=$PLAIN openssl cmp -config '' -port "$PORT" -rsp_cert leaf.pem -rsp_capubs ca.pem "$@" >server.log 2>&1 &
  server=$!
  until_said "ACCEPT" server.log
}
ask() {
  timeout 20 openssl cmp -config '' -server "127.0.0.1:$PORT" -path pkix/ -certout out.pem "$@" >client.log 2>&1
  plain x509 -in out.pem -pubkey -noout | cmp - pub.pem
}
# Messages under a shared secret; the proof of possession is signed with the key.
secret=(-ref 1234 -secret pass:insta)
serve -srv_ref 1234 -srv_secret pass:insta "${secret[@]}"
ask -cmd ir "${secret[@]}" -newkey "$KEY" -subject /CN=dev -popo 1
ask -cmd p10cr "${secret[@]}" -csr leaf.csr
kill $server
wait $server || true
# Messages signed with the key.
ed25519 || {
  serve -srv_cert ca.pem -srv_key ca.key -srv_trusted ca.pem
  for command in cr kur; do
    ask -cmd $command -cert leaf.pem -key "$KEY" -newkey "$KEY" -subject /CN=localhost -trusted ca.pem
  done
  kill $server
}
