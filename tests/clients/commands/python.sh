timeout 40 /usr/bin/python3 "$COMMANDS/tls.py" cert.pem "$KEY"
