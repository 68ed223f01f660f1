// Rows of `openssl req -new` as a whole process, beside the same with a software key's file.
#include <sys/resource.h>

#include "base/file.h"
#include "bench/foreign_token.h"
#include "bench/process_time.h"

namespace poolkey::bench {
namespace {

constexpr const char* kRequest = "[req]\ndistinguished_name = dn\nprompt = no\n[dn]\nCN = bench\n";

constexpr const char* kProvider =
    "openssl_conf = init\n[init]\nproviders = providers\n[providers]\ndefault = default_section\n"
    "poolkey = poolkey_section\n[default_section]\nactivate = 1\n[poolkey_section]\n"
    "identity = poolkey\nactivate = 1\nmodule = " POOLKEY_BINARY_DIR "/ossl-modules/poolkey.so\n";

constexpr const char* kEngine =
    "openssl_conf = init\n[init]\nengines = engines\n[engines]\npkcs11 = pkcs11_section\n"
    "[pkcs11_section]\nengine_id = pkcs11\nPIN = 1234\ninit = 0\nMODULE_PATH = ";

/// Files named NAME.cnf.
void write_configurations(const ForeignToken& token) {
  write_file(token.path("plain.cnf"), std::string_view(kRequest));
  write_file(token.path("poolkey.cnf"), kProvider + section_for(token.path("")) + kRequest);
  write_file(token.path("libp11.cnf"), kEngine + std::string(test::kSoftHsm) + "\n" + kRequest);
}

/// The processor's time of all processes that ended, in milliseconds: where the machine is busy
/// with something else it says more than the clock.
double cpu_of_processes() {
  rusage used{};
  ::getrusage(RUSAGE_CHILDREN, &used);
  const auto ms = [](const timeval& time) {
    return 1e3 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e3;
  };
  return ms(used.ru_utime) + ms(used.ru_stime);
}

struct Way {
  const char* name;
  const char* configuration;
  bool by_file;  ///< a key reference in place of the URI
  std::vector<std::string> more;
  Aim aim;
};

void add(const std::string& algorithm, const Way& way) {
  add_row({"openssl req -new, " + std::string(way.name) + ", " + algorithm,
           "software key in a file", Unit::kMilliseconds, way.aim, 41},
          [=](Pairs& pairs) {
            make_folders_in(Place::kMemory);
            const auto& token = fixture<ForeignToken>(ForeignToken::kFew);
            write_configurations(token);
            const auto seconds = [&](const char* configuration, const std::string& key,
                                     const std::vector<std::string>& more, const char* cpu) {
              std::vector<std::string> words{"/usr/bin/openssl", "req", "-new", "-key", key};
              words.insert(words.end(), more.begin(), more.end());
              const double before = cpu_of_processes();
              const double out = process_seconds(
                  std::move(words), "/dev/null",
                  {"OPENSSL_CONF=" + token.path(configuration + std::string(".cnf"))});
              pairs.remark(cpu, cpu_of_processes() - before);
              return out;
            };
            const std::string key =
                way.by_file ? token.path(algorithm + ".ref") : ForeignToken::uri(algorithm);
            pairs.run(
                [&] { return seconds(way.configuration, key, way.more, "CPU ms"); },
                [&] { return seconds("plain", token.path(algorithm + ".key"), {}, "its CPU ms"); });
          });
}

}  // namespace

void add_command_rows() {
  const std::vector<std::string> engine{"-engine", "pkcs11", "-keyform", "engine"};
  for (const char* algorithm : {"RSA-2048", "P-256"})
    for (const Way& way : {Way{"pkcs11: URI", "poolkey", false, {}, at_most_more(4)},
                           Way{"reference file", "poolkey", true, {}, at_most_more(4)},
                           Way{"libp11 engine", "libp11", false, engine, {}}})
      add(algorithm, way);
}

}  // namespace poolkey::bench
