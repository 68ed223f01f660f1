# A server, as a user of its own where root runs the tests, and psql, each with the token's key.
bin=$(echo /usr/lib/postgresql/*/bin)
server=()
chmod 600 key.pem   # it wants that of every key file
mkdir db && cp cert.pem key.pem pin db
sed "s|$PWD/pin|$PWD/db/pin|" openssl.cnf > db/openssl.cnf
if [ "$(id -u)" = 0 ]; then
  chmod a+rx . && chmod -R a+rwX tokens && chmod a+r softhsm2.conf && chown -R postgres db
  server=(setpriv --reuid=postgres --regid=postgres --clear-groups)
fi
cd db
"${server[@]}" "$bin/initdb" -D data -A trust -U localhost >init.log
printf '%s\n' "port = $PORT" "listen_addresses = '127.0.0.1'" "unix_socket_directories = ''" "ssl = on" \
  "ssl_cert_file = '$PWD/cert.pem'" "ssl_key_file = '$PWD/key.pem'" "ssl_ca_file = '$PWD/cert.pem'" \
  "ssl_ecdh_curve = $([ $KIND = P-384 ] && echo secp384r1 || echo prime256v1)" >> data/postgresql.conf
echo "hostssl all all 127.0.0.1/32 cert" > data/pg_hba.conf
OPENSSL_CONF=$PWD/openssl.cnf "${server[@]}" "$bin/postgres" -D data >../postgres.log 2>&1 &
until_said "ready to accept connections" ../postgres.log
cd ..
ask() {
  for version in TLSv1.2 TLSv1.3; do
    says "$version" psql -XAt -c "select version from pg_stat_ssl where pid = pg_backend_pid()" "host=127.0.0.1 port=$PORT \
      user=localhost dbname=postgres sslmode=verify-full sslrootcert=cert.pem sslcert=cert.pem sslkey=key.pem \
      ssl_min_protocol_version=$version ssl_max_protocol_version=$version"
  done
}
ask
kill -HUP %%   # it reads the key anew
until_said "reloading configuration files" postgres.log
ask
