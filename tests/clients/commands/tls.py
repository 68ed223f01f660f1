"""Python's ssl on both sides, both with the token's key: a server, and a client that proves itself."""
import socket
import ssl
import sys
import threading

certificate, key = sys.argv[1:]
ROUNDS = 5


def context(side, version):
    out = ssl.SSLContext(side)
    out.minimum_version = out.maximum_version = version
    out.load_cert_chain(certificate, key)
    out.load_verify_locations(certificate)
    out.verify_mode = ssl.CERT_REQUIRED
    return out


def serve(listener, version):
    server = context(ssl.PROTOCOL_TLS_SERVER, version)
    for _ in range(ROUNDS):
        raw, _ = listener.accept()
        with server.wrap_socket(raw, server_side=True) as connection:
            connection.sendall(b"served " + connection.version().encode())
            connection.unwrap()


for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        thread = threading.Thread(target=serve, args=(listener, version), daemon=True)
        thread.start()
        client = context(ssl.PROTOCOL_TLS_CLIENT, version)
        for _ in range(ROUNDS):
            with socket.create_connection(listener.getsockname(), timeout=20) as raw:
                with client.wrap_socket(raw, server_hostname="localhost") as connection:
                    said = connection.recv(100).decode()
                    assert said == "served " + connection.version(), said
                    connection.unwrap()
        thread.join()
