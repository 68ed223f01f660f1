// The home of a member, with a statement signed by an origin of the test's own making.
#pragma once

#include "base/file.h"
#include "crypto/cms.h"
#include "fixture.h"
#include "home/config.h"
#include "home/oids.h"
#include "home/statement.h"
#include "tests/crypto/software.h"

namespace poolkey::provider {

class MemberHome {
 public:
  /// Of the token of `soft`, whose PIN is in a file beside it.
  explicit MemberHome(const test::SoftToken& soft)
      : folder_(soft.folder() / "home"), serial_(soft.serial()), label_(soft.label()) {
    write_file(soft.folder() / "pin", soft.user_pin() + "\n", 0600);
    home::write_config(folder_, {.side = home::Side::kMember,
                                 .pool = PoolName("edge"),
                                 .member = MemberName("edge1"),
                                 .module = test::kSoftHsm,
                                 .softhsm2_conf = soft.configuration(),
                                 .token_label = label_,
                                 .token_serial = serial_,
                                 .mailbox = "mailbox",
                                 .pin_source = "file:" + (soft.folder() / "pin").string()});
    make_private_folder(state());
    pin_root(root_);
  }

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path state() const { return folder_ / "state"; }
  std::filesystem::path file() const { return home::statement_file(state(), PoolName("edge")); }

  static home::Statement::Version version(const std::string& name, const crypto::PublicKey& key,
                                          const std::string& id,
                                          std::vector<std::string> usages = {"tls", "csr"},
                                          bool in_force = true) {
    return {parse_key_version(name), 1,        key.spki_der(),         to_bytes(id), "00ff",
            std::move(usages),       in_force, "policies/av-auth.toml"};
  }

  void pin_root(const test::Identity& root) const {
    write_file(home::root_file(state()), root.certificate.pem());
  }
  void keep(std::vector<home::Statement::Version> versions, std::int64_t sequence = 1) const {
    keep_signed_by(signer_, std::move(versions), sequence);
  }
  void keep_signed_by(const test::Identity& signer, std::vector<home::Statement::Version> versions,
                      std::int64_t sequence = 1) const {
    const home::Statement statement{
        {PoolName("edge"), MemberName("edge1"), serial_}, label_, sequence, std::move(versions)};
    const std::string text = json::compact(home::to_json(statement));
    write_file(file(), crypto::cms::sign(view(text), home::oid::kStatement, signer.certificate,
                                         signer.key.get(), {}));
  }

  /// One who may sign statements under `root`, or whatever `role` says.
  static test::Identity signer_under(const test::Identity& root,
                                     std::string_view role = home::oid::kEnvelopeSigner) {
    crypto::CertificateSpec what = test::spec("signer");
    what.key_usage = {crypto::KeyUsage::kDigitalSignature};
    what.extended_key_usage = {std::string(role)};
    return test::make_under(root, what);
  }
  const test::Identity& root() const { return root_; }

 private:
  std::filesystem::path folder_;
  std::string serial_, label_;
  test::Identity root_ = test::make_root("root");
  test::Identity signer_ = signer_under(root_);
};

}  // namespace poolkey::provider
