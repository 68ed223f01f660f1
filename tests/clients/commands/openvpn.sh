# Both sides with the token's key, over UDP and without a network device.
common=(--dev null --verb 3 --ca cert.pem --cert cert.pem --key "$KEY")
openvpn "${common[@]}" --tls-server --dh none --local 127.0.0.1 --lport "$PORT" >server.log 2>&1 &
until_said "link local (bound)" server.log
openvpn "${common[@]}" --tls-client --remote 127.0.0.1 "$PORT" --nobind >client.log 2>&1 &
until_said "Initialization Sequence Completed" server.log
until_said "Initialization Sequence Completed" client.log
