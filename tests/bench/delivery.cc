// Rows of delivery: a member takes one key, beside the same three steps done directly.
#include "bench/homes.h"
#include "bench/raw.h"
#include "hsm/key_pair.h"
#include "hsm/object.h"
#include "hsm/wrap.h"
#include "pool/deliver.h"

namespace poolkey::bench {
namespace {

/// Unwrap the wrapping key, unwrap the key into the token, create its public object: nothing found,
/// read back or checked.
double one_direct_delivery(Receiver& receiver, Pairs& pairs) {
  pool::MemberSide side = receiver.app().member();
  const pool::Envelope& envelope = receiver.envelope();
  const hsm::Lease lease = side.context.token->lease();
  hsm::Session& session = *lease;
  const pool::OwnKey transport = pool::own_key(side, pool::OwnRole::kTransport);
  const CK_OBJECT_HANDLE transport_key =
      pool::own_object(side, session, transport, "transport").handle;
  const std::size_t split = transport.public_key.modulus().size();
  const ByteView blob(envelope.blob);
  CK_RSA_PKCS_OAEP_PARAMS oaep{CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, nullptr, 0};
  hsm::Template wrapping = hsm::wrapping_key_template(false);
  hsm::Template replica;
  replica.set(CKA_CLASS, CK_ULONG{CKO_PRIVATE_KEY})
      .set(CKA_KEY_TYPE, CK_ULONG{CKK_RSA})
      .set(CKA_TOKEN, true)
      .set(CKA_LABEL, envelope.key.str())
      .set(CKA_ID, ByteView(envelope.id))
      .add(envelope.private_attributes);
  hsm::Template public_object;
  public_object.set(CKA_CLASS, CK_ULONG{CKO_PUBLIC_KEY})
      .set(CKA_KEY_TYPE, CK_ULONG{CKK_RSA})
      .set(CKA_TOKEN, true)
      .set(CKA_LABEL, envelope.key.str())
      .set(CKA_ID, ByteView(envelope.id))
      .set(CKA_MODULUS, ByteView(envelope.public_key.modulus()))
      .set(CKA_PUBLIC_EXPONENT, ByteView(envelope.public_key.exponent()))
      .add(envelope.public_attributes);
  CK_OBJECT_HANDLE wrapping_key = CK_INVALID_HANDLE;
  const CpuSince cpu;
  const double out = seconds_of([&] {
    wrapping_key = raw_unwrap(session, {CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep}, transport_key,
                              blob.first(split), wrapping);
    raw_unwrap(session, {session.module().profile().kwp().value(), nullptr, 0}, wrapping_key,
               blob.subspan(split), replica);
    raw_create(session, public_object);
  });
  pairs.remark("raw CPU ms", 1000 * cpu.seconds());
  hsm::destroy_object(session, wrapping_key);
  return out;
}

double one_delivery(Receiver& receiver, Pairs& pairs) {
  pool::MemberSide side = receiver.app().member();
  std::vector<pool::Delivery> taken;
  const SyncSince disk;
  const CpuSince cpu;
  const double all = seconds_of([&] { taken = pool::receive(side); });
  if (taken.size() != 1 || taken.front().outcome != "accepted")
    throw Error(Errc::kInternal, "the envelope was not accepted: " +
                                     (taken.empty() ? "nothing came" : taken.front().reason));
  pairs.remark("fsync ms", 1000 * disk.seconds());
  pairs.remark("fsyncs", disk.calls());
  pairs.remark("all ms", 1000 * all);
  pairs.remark("CPU ms", 1000 * cpu.seconds());
  return all - disk.seconds();
}

void add(Place place) {
  const bool on_disk = place == Place::kDisk;
  add_row({std::string("delivery of one key") + (on_disk ? ", on the disk" : ""),
           "OAEP, unwrap into token, public object", Unit::kMilliseconds, at_most(0.5),
           on_disk ? 15 : 31},
          [=](Pairs& pairs) {
            auto& receiver = fixture<Receiver>(place);
            pairs.run(
                [&] {
                  receiver.rewind();
                  return one_delivery(receiver, pairs);
                },
                [&] {
                  receiver.rewind();
                  return one_direct_delivery(receiver, pairs);
                });
          });
}

}  // namespace

void add_delivery_rows() {
  add(Place::kMemory);
  add(Place::kDisk);
}

}  // namespace poolkey::bench
