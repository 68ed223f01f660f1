#include "clients/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <stdexcept>

namespace poolkey::clients {
namespace {

template <class T, void (*F)(T*)>
struct Free {
  void operator()(T* p) const { F(p); }
};
using Bio = std::unique_ptr<BIO, Free<BIO, BIO_free_all>>;
using Ssl = std::unique_ptr<SSL, Free<SSL, SSL_free>>;

[[noreturn]] void fail(const std::string& what) {
  std::string text = "TLS client: " + what;
  std::array<char, 256> line;
  while (const unsigned long error = ERR_get_error()) {
    ERR_error_string_n(error, line.data(), line.size());
    text += "\n";
    text += line.data();
  }
  throw std::runtime_error(text);
}

X509* read_certificate(const std::string& file) {
  const Bio bio(BIO_new_file(file.c_str(), "r"));
  X509* const out = bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr;
  if (out == nullptr) fail("cannot read " + file);
  return out;
}

Bio connect(int port) {
  Bio bio(BIO_new_connect(("127.0.0.1:" + std::to_string(port)).c_str()));
  if (!bio || BIO_do_connect(bio.get()) != 1) fail("no connection");
  int fd = -1;
  BIO_get_fd(bio.get(), &fd);
  const timeval limit{.tv_sec = 20, .tv_usec = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return bio;
}

}  // namespace

TlsClient::TlsClient(const Site& site, const Offer& offer)
    : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free),
      expected_(read_certificate(site.path("cert.pem")), X509_free) {
  SSL_CTX* const context = context_.get();
  SSL_CTX_set_min_proto_version(context, offer.version);
  SSL_CTX_set_max_proto_version(context, offer.version);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
  X509_VERIFY_PARAM_set1_ip_asc(SSL_CTX_get0_param(context), "127.0.0.1");
  if (SSL_CTX_load_verify_file(context, site.path("cert.pem").c_str()) != 1) fail("no trust");
  if (!offer.signatures.empty() &&
      SSL_CTX_set1_sigalgs_list(context, offer.signatures.c_str()) != 1)
    fail("signatures");
  if (!offer.ciphers.empty() && SSL_CTX_set_cipher_list(context, offer.ciphers.c_str()) != 1)
    fail("ciphers");
}

Answer TlsClient::ask(int port, const std::string& request) const {
  const Ssl ssl(SSL_new(context_.get()));
  Bio bio = connect(port);
  SSL_set_bio(ssl.get(), bio.get(), bio.get());
  (void)bio.release();
  if (SSL_connect(ssl.get()) != 1)
    fail(std::string("no handshake: ") +
         X509_verify_cert_error_string(SSL_get_verify_result(ssl.get())));
  if (X509_cmp(SSL_get0_peer_certificate(ssl.get()), expected_.get()) != 0)
    fail("another certificate");
  Answer answer;
  SSL_get_peer_signature_type_nid(ssl.get(), &answer.signature);
  if (SSL_write(ssl.get(), request.data(), static_cast<int>(request.size())) <= 0) fail("write");
  std::array<char, 4096> buffer;
  int n = 0;
  while ((n = SSL_read(ssl.get(), buffer.data(), static_cast<int>(buffer.size()))) > 0)
    answer.text.append(buffer.data(), static_cast<std::size_t>(n));
  if (SSL_get_error(ssl.get(), n) != SSL_ERROR_ZERO_RETURN) fail("read: " + answer.text);
  SSL_shutdown(ssl.get());
  return answer;
}

}  // namespace poolkey::clients
