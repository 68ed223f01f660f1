#include "campaign/main_job.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <sstream>

#include "base/file.h"
#include "hsm/functions.h"

namespace poolkey::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTimeout = "call_timeout_seconds = 6\n";
constexpr const char* kTimeoutAtInit = "6";
constexpr int kTimedOut = 9;         // without a fault: the machine is slow, not the module
constexpr std::size_t kMembers = 2;  // the fewest that a pool has

/// Something that was promised and not kept.
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class MainJob {
 public:
  MainJob(Deployment deployment, std::string script)
      : script_(std::move(script)), d_(std::move(deployment)) {}

  /// The verbs from `first` on, each once; one that is refused is run again without the fault.
  void run(std::size_t first) {
    const std::vector<Step> steps = d_.job();
    for (std::size_t i = first; i < steps.size(); ++i) run(steps[i]);
  }

  void run(const Step& step) {
    const Words words = step.words();
    Outcome outcome = verb(step.side, words, script_);
    for (int i = 0; i < 3 && outcome.status == kTimedOut && fault().empty(); ++i)
      outcome = verb(step.side, words, script_);
    if (outcome.status == 0) return;
    refused_ = line(step.side, words) + ": " + outcome.text();
    check_refusal(outcome);
    for (const std::string& side : d_.sides()) set_timeout(side, false);
    outcome = verb(step.side, words, "");
    if (outcome.status != 0)
      throw Broken("'" + line(step.side, words) +
                   "' does not end without the fault either: " + outcome.text());
  }

  void check_end() {
    const auto expect = [](bool truth, const std::string& what) {
      if (!truth) throw Broken(what);
    };
    const Outcome status = d_.on("origin", {"status", "--check"});
    expect(status.status == 0, "status --check: " + status.text());
    expect(d_.count("origin", "certificate WHERE request_id IS NOT NULL") == 1,
           "there is not one certificate");
    for (const std::string& side : d_.sides()) {
      const auto unfinished = d_.unfinished(side);
      expect(unfinished.empty(),
             side + ": unfinished: " + (unfinished.empty() ? "" : unfinished[0]));
    }
    const auto whole = d_.audit_is_whole();
    expect(bool(whole), std::string("audit: ") + whole.message());
    const Outcome openssl = shell(
        "cd " + d_.path("out").string() +
        " && openssl req -in csr.pem -verify -noout"
        " && openssl verify -x509_strict -purpose sslserver -CAfile root.pem -untrusted chain.pem"
        " cert.pem && openssl cms -verify -inform DER -in attestation.cms -CAfile root.pem"
        " -out attestation.json");
    expect(openssl.status == 0, "openssl: " + openssl.text());
  }

  /// Labels only: handles, ids and keys differ from job to job.
  std::string token_of(const std::string& side) const {
    const Outcome listed = d_.pkcs11_tool(side, "--list-objects");
    if (listed.status != 0) throw Broken("pkcs11-tool: " + listed.text());
    std::vector<std::string> objects;
    std::istringstream lines(listed.out);
    for (std::string one; std::getline(lines, one);) {
      if (!one.starts_with(' ')) objects.push_back(one.substr(0, one.find_first_of(";0123456789")));
      const auto label = one.find("label:");
      if (label != std::string::npos && !objects.empty())
        objects.back() += " " + one.substr(one.find_first_not_of(' ', label + 6));
    }
    std::sort(objects.begin(), objects.end());
    std::string out;
    for (const std::string& object : objects) out += object + "\n";
    return out;
  }

  std::map<std::string, std::string> tokens() const {
    std::map<std::string, std::string> out;
    for (const std::string& side : d_.sides()) out[side] = token_of(side);
    return out;
  }

  std::uint64_t calls() const {
    if (!fs::exists(d_.path("calls"))) return 0;
    const std::string state = read_file(d_.path("calls"));
    std::uint64_t out = 0;
    std::memcpy(&out, state.data() + hsm::kFunctionCount * sizeof out, sizeof out);
    return out;
  }
  std::string fault() const {
    std::string out = fs::exists(d_.path("fault")) ? read_file(d_.path("fault")) : "";
    std::replace(out.begin(), out.end(), '\n', ' ');
    return out;
  }
  const std::optional<std::string>& refused() const { return refused_; }
  const Deployment& deployment() const { return d_; }

  /// Calls may take a moment only, so that nobody waits long for one that hangs.
  void expect_hang() {
    for (const std::string& side : d_.sides()) set_timeout(side, true);
    d_.init_with({"--module", POOLKEY_FAULTY_MODULE, "--call-timeout", kTimeoutAtInit});
  }

  /// How long a call may take: as long as the default says, or a moment.
  void set_timeout(const std::string& side, bool moment) const {
    const fs::path file = d_.home(side) / "poolkey.toml";
    if (!fs::exists(file)) return;
    std::string text = read_file(file);
    const auto at = text.find(kTimeout);
    if (at != std::string::npos) text.erase(at, std::strlen(kTimeout));
    write_file(file, text + (moment ? kTimeout : ""), 0600);
  }

 private:
  static std::string line(const std::string& side, const Words& words) {
    std::string out = side + ":";
    for (const std::string& word : words) out += " " + word;
    return out;
  }

  Outcome verb(const std::string& side, const Words& words, const std::string& script) const {
    return d_.on(side, words, [&](Command& command) {
      command.environment["FAULTY_MODULE_STATE"] = d_.path("calls").string();
      command.environment["FAULTY_MODULE_REPORT"] = d_.path("fault").string();
      command.environment["FAULTY_MODULE_SCRIPT"] = script;
    });
  }

  /// A refusal says by its status what to do next, and why in one line.
  void check_refusal(const Outcome& outcome) const {
    if (fault().empty()) throw Broken("refused without a fault: " + *refused_);
    const bool in_table = (outcome.status >= 2 && outcome.status <= 11) || outcome.status == 20;
    if (!in_table) throw Broken("not refused cleanly: " + *refused_);
    const bool told = ("\n" + outcome.err).find("\npoolkey: ") != std::string::npos;
    // What becomes of single envelopes is told one by one, as a result.
    const bool told_as_result = outcome.out.find(": refused: ") != std::string::npos;
    if (!told && !told_as_result) throw Broken("refused without a sentence: " + *refused_);
  }

  std::string script_;
  Deployment d_;
  std::optional<std::string> refused_;
};

}  // namespace

CleanJob run_clean() {
  CleanJob out;
  Deployment untouched = Deployment::at(Stage::kNothing, kMembers);
  untouched.init_with({"--module", POOLKEY_FAULTY_MODULE});
  MainJob job(std::move(untouched), "");
  for (const Step& step : job.deployment().job()) {
    out.stands.push_back({job.calls(), job.deployment().copy()});
    job.run(step);
  }
  job.check_end();
  out.calls = job.calls();
  out.tokens = job.tokens();
  return out;
}

Verdict run_with_fault(const Draw& draw, const CleanJob& clean) {
  std::size_t first = clean.stands.size() - 1;
  while (first > 0 && clean.stands[first].calls >= draw.call) --first;
  MainJob job(clean.stands[first].deployment.copy(),
              "* " + std::to_string(draw.call) + " " + draw.fault);
  if (draw.kind() == "hang") job.expect_hang();
  Verdict out;
  try {
    job.run(first);
    job.check_end();
    for (const auto& [side, objects] : job.tokens())
      if (objects != clean.tokens.at(side))
        throw Broken("the token of " + side + " holds\n" + objects + "and not\n" +
                     clean.tokens.at(side));
  } catch (const std::exception& error) {
    out.failure = error.what();
  }
  out.fault = job.fault();
  out.refused = job.refused();
  return out;
}

}  // namespace poolkey::test
