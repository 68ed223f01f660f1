#include "crypto/openssl.h"

#include <openssl/pem.h>

#include <algorithm>

#include "crypto/pem.h"
#include "crypto/reasons.h"

namespace poolkey::crypto {

std::string drain_errors() {
  std::string out;
  if (const auto ours = take_queued_error(out))
    out += (out.empty() ? "" : "; ") + std::string(ours->what());
  return out;
}

void throw_openssl(Errc code, const std::string& sentence, std::source_location where) {
  std::string others;
  if (const auto ours = take_queued_error(others))
    throw Error(ours->code(), sentence + ": " + ours->what(), where);
  throw Error(code, others.empty() ? sentence : sentence + " [OpenSSL: " + others + "]", where);
}

BioPtr memory_bio(ByteView bytes) {
  if (bytes.size() > kMaxDer) throw Error(Errc::kInvalidArgument, "the input is over 16 MiB");
  // A null pointer is refused even for a length of zero.
  const void* data = bytes.empty() ? static_cast<const void*>("") : bytes.data();
  BioPtr bio(BIO_new_mem_buf(data, static_cast<int>(bytes.size())));
  if (!bio) throw_openssl(Errc::kInternal, "OpenSSL could not make a memory BIO");
  return bio;
}

Bytes bio_bytes(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? Bytes(data, data + size) : Bytes{};
}

std::vector<Bytes> pem_blocks(std::string_view pem,
                              std::initializer_list<std::string_view> labels) {
  std::vector<Bytes> out;
  for (PemBlock& block : read_pem(pem))
    if (std::ranges::find(labels, block.label) != labels.end())
      out.push_back(std::move(block.content));
  return out;
}

std::string pem_block(std::string_view label, ByteView der) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio(bio.get(), std::string(label).c_str(), "", der.data(),
                            static_cast<long>(der.size())) <= 0)
    throw_openssl(Errc::kInternal, "OpenSSL could not write PEM");
  return to_text(bio_bytes(bio.get()));
}

EvpMd fetch_digest(std::string_view name) {
  const ErrorMark mark;
  EvpMd md(name.empty() ? nullptr : EVP_MD_fetch(nullptr, std::string(name).c_str(), nullptr));
  if (!md)
    throw Error(Errc::kUnsupported,
                "no digest is named '" + std::string(name) + "'; use SHA256, SHA384 or SHA512");
  return md;
}

bool signs_without_digest(const EVP_PKEY* key) {
  return EVP_PKEY_is_a(key, "ED25519") == 1 || EVP_PKEY_is_a(key, "ED448") == 1;
}

}  // namespace poolkey::crypto
