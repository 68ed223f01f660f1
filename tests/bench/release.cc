// Rows of the release ceremony, in process, beside the raw calls that it must make.
#include "pool/release.h"
#include "bench/homes.h"
#include "bench/raw.h"
#include "hsm/object.h"
#include "hsm/wrap.h"
#include "keys/origin.h"

namespace poolkey::bench {
namespace {

/// One KWP, an OAEP and a signature for each member: handles found and sessions open beforehand.
class RawRelease {
 public:
  explicit RawRelease(Origin& origin) : token_(origin.app().context().token) {
    keys::Context& context = origin.app().context();
    hsm::Session& session = token_->keeper();
    const keys::StoredKey key = keys::key(context.database, Origin::key());
    key_ = hsm::find_private_key(session, key.public_key, key.id).value().handle;
    for (const pool::Member& m : pool::members(context.database, Origin::pool()))
      members_.push_back(hsm::find_trusted_key(session, m.transport.value()));
    const auto signer = keys::origin_signer(context.database, keys::OriginRole::kEnvelopeSigner);
    signer_ = std::make_unique<RawSigner>(token_, signer.key.public_key, signer.key.id);
  }

  void wrap(CK_OBJECT_HANDLE wrapping_key) {
    hsm::Session& session = token_->keeper();
    CK_RSA_PKCS_OAEP_PARAMS oaep{CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, nullptr, 0};
    raw_wrap(session, {session.module().profile().kwp().value(), nullptr, 0}, wrapping_key, key_);
    for (const CK_OBJECT_HANDLE member : members_)
      raw_wrap(session, {CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep}, member, wrapping_key);
  }
  void sign() {
    for (std::size_t i = 0; i < members_.size(); ++i) signer_->sign();
  }

 private:
  std::shared_ptr<hsm::Token> token_;
  CK_OBJECT_HANDLE key_ = CK_INVALID_HANDLE;
  std::vector<CK_OBJECT_HANDLE> members_;
  std::unique_ptr<RawSigner> signer_;
};

/// The seconds of one release without its logins and without waiting for the disk, which are
/// remarks.
double one_release(Origin& origin, Pairs& pairs) {
  origin.log_out();
  keys::Context& context = origin.app().context();
  const SyncSince disk;
  const CpuSince cpu;
  const double logins_before = origin.login_seconds();
  const double all = seconds_of([&] {
    const pool::ReleasePlan plan = pool::plan_release(context, Origin::pool(), {Origin::key()});
    pool::release(context, origin.app().mailbox(), plan,
                  [&](hsm::Role role) { origin.log_in(role); });
  });
  // A login writes nothing that is synced, except the copy of the token's file the first time.
  const double logins = origin.login_seconds() - logins_before;
  pairs.remark("logins ms", 1000 * logins);
  pairs.remark("fsync ms", 1000 * disk.seconds());
  pairs.remark("fsyncs", disk.calls());
  pairs.remark("all ms", 1000 * all);
  pairs.remark("CPU ms", 1000 * cpu.seconds());
  return all - logins - disk.seconds();
}

double one_raw_release(Origin& origin, Pairs& pairs) {
  origin.log_out();
  hsm::Session& session = origin.app().context().token->keeper();
  origin.log_in(hsm::Role::kSecurityOfficer);
  const CK_OBJECT_HANDLE wrapping_key = hsm::generate_trusted_wrapping_key(session);
  origin.log_out();
  origin.log_in(hsm::Role::kUser);
  RawRelease raw(origin);
  const CpuSince cpu;
  const double wraps = seconds_of([&] { raw.wrap(wrapping_key); });
  const double signatures = seconds_of([&] { raw.sign(); });
  pairs.remark("raw CPU ms", 1000 * cpu.seconds());
  // The protocol signs an envelope and a statement for each member.
  pairs.remark("raw with 2N C_Sign ms", 1000 * (wraps + 2 * signatures));
  hsm::destroy_object(session, wrapping_key);
  return wraps + signatures;
}

void add(int members, int slices, Place place) {
  add_row({"release to " + std::to_string(members) + (members == 1 ? " member" : " members") +
               (place == Place::kDisk ? ", on the disk" : ""),
           "1 KWP, N OAEP, N C_Sign", Unit::kMilliseconds,
           place == Place::kDisk ? Aim{} : at_most(2), slices},
          [=](Pairs& pairs) {
            auto& origin = fixture<Origin>(members, place);
            pairs.run([&] { return one_release(origin, pairs); },
                      [&] { return one_raw_release(origin, pairs); });
          });
}

}  // namespace

void add_release_rows() {
  add(1, 31, Place::kMemory);
  add(10, 15, Place::kMemory);
  add(smoke() ? 12 : 100, 9, Place::kMemory);
  if (!smoke()) add(1000, 3, Place::kMemory);
  add(10, 7, Place::kDisk);
}

}  // namespace poolkey::bench
