// Rows of a verb as a whole process, in tokens of several sizes, beside a program that does no more
// than PKCS#11 demands: C_Initialize, login, one search, one signature, C_Finalize.
#include "bench/start.h"

#include <unistd.h>

#include <filesystem>
#include <set>

#include "base/file.h"
#include "bench/homes.h"
#include "bench/process_time.h"
#include "bench/raw.h"
#include "bench/writer.h"
#include "hsm/object.h"
#include "hsm/token_file.h"

namespace poolkey::bench {
namespace {

namespace fs = std::filesystem;

/// How many foreign objects the token makes itself; the others are copies of their files.
constexpr int kPrototypes = 20;

std::set<fs::path> objects_in(const fs::path& folder) {
  std::set<fs::path> out;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".object") out.insert(entry.path());
  return out;
}

/// Foreign objects under other names: ten thousand made by calls would take minutes, and SoftHSM
/// tells objects apart by their files.
void copy_files(const fs::path& folder, const std::set<fs::path>& prototypes, int objects) {
  auto next = prototypes.begin();
  for (int i = static_cast<int>(prototypes.size()); i < objects; ++i) {
    char name[64];
    std::snprintf(name, sizeof name, "00000000-0000-0000-0000-%012d.object", i);
    fs::copy_file(*next, folder / name);
    if (++next == prototypes.end()) next = prototypes.begin();
  }
}

/// A member with its replica, whose token holds so many foreign objects besides.
class FullMember : public Fixture {
 public:
  explicit FullMember(int objects)
      : objects_(objects), deployment_(deploy(test::Stage::kDelivered, Place::kMemory)) {
    app::App app(app::Options{.home = home()});
    app.use_token();
    pool::MemberSide side = app.member();
    id_ = pool::own_key(side, pool::OwnRole::kIdentity).id;
    const hsm::TokenInfo token = app.context().token->info();
    const fs::path folder = hsm::token_folder(app.context().token->module(), token.serial);
    std::set<fs::path> foreign;
    const std::set<fs::path> own = objects_in(folder);
    fill(*app.context().token, kPrototypes);
    for (const fs::path& file : objects_in(folder))
      if (!own.contains(file)) foreign.insert(file);
    copy_files(folder, foreign, objects);
  }
  bool is_for(int objects) const { return objects == objects_; }

  double verb() const {
    return process_seconds({POOLKEY_PROGRAM, "--home", home().string(), "member", "status"});
  }
  double raw() const {
    return process_seconds({"/proc/self/exe", "--raw-start", "edge1", hex(id_)},
                           deployment_.path("pins/edge1.user").string());
  }

 private:
  fs::path home() const { return deployment_.home("edge1"); }

  int objects_;
  test::Deployment deployment_;
  Bytes id_;
};

}  // namespace

int raw_start(const std::string& label, const std::string& id) {
  char pin[256];
  const ssize_t size = ::read(STDIN_FILENO, pin, sizeof pin);
  const auto token = hsm::Token::open(hsm::Module::load(test::kSoftHsm), {label, ""});
  const auto check = [](CK_RV rv) {
    if (rv != CKR_OK) throw Error(Errc::kInternal, "a raw call failed");
  };
  hsm::Session& session = token->keeper();
  check(session.fn().C_Login(session.handle(), CKU_USER, reinterpret_cast<CK_UTF8CHAR*>(pin),
                             static_cast<CK_ULONG>(size)));
  hsm::Template wanted;
  wanted.set(CKA_CLASS, CK_ULONG{CKO_PRIVATE_KEY}).set(CKA_ID, ByteView(from_hex(id)));
  const CK_OBJECT_HANDLE key = hsm::find_objects(session, std::move(wanted)).at(0);
  CK_MECHANISM mechanism{CKM_ECDSA, nullptr, 0};
  Bytes digest(32, 0x5a), out(256);
  CK_ULONG out_size = static_cast<CK_ULONG>(out.size());
  check(session.fn().C_SignInit(session.handle(), &mechanism, key));
  check(session.fn().C_Sign(session.handle(), digest.data(), 32, out.data(), &out_size));
  return 0;
}

void add_start_rows() {
  for (const int objects : {100, 1000, 10000}) {
    if (smoke() && objects > 100) continue;
    add_row({"start: member status, " + std::to_string(objects) + " objects",
             "C_Initialize, login, find, C_Sign, C_Finalize",
             Unit::kMilliseconds,
             {},
             objects > 1000 ? 7 : 15},
            [=](Pairs& pairs) {
              auto& member = fixture<FullMember>(objects);
              pairs.run([&] { return member.verb(); }, [&] { return member.raw(); });
            });
  }
}

}  // namespace poolkey::bench
