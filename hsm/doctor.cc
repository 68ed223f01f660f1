#include "hsm/doctor.h"

#include <array>

#include "hsm/doctor_bench.h"
#include "hsm/rv.h"

namespace poolkey::hsm {
namespace {

constexpr std::array kOfTheSo{Question::kTrustedBySo, Question::kTrustedBySoLater,
                              Question::kCeremony, Question::kLoginExclusive};

/// The last answer of a vocabulary is the one for what could not be tried.
void start(Examination& out, bool with_so) {
  for (const QuestionRow& row : questions())
    out.profile.found[row.question] = row.answers.back().word;
  if (!with_so)
    for (const Question question : kOfTheSo) out.profile.found[question] = "not-asked";
  out.profile.mechanisms.assign(profiled_mechanisms().size(), "absent");
}

std::vector<CK_OBJECT_HANDLE> everything(Session& session) {
  return find_objects(session, Template());
}

/// What of the doctor's is in the token though it was destroyed, or should have been.
void look_for_leftovers(Session& session, Examination& out) {
  for (const CK_OBJECT_HANDLE object : everything(session)) {
    const auto label = read_bytes(session, object, CKA_LABEL);
    if (!label || !to_text(*label).starts_with(doctor::kPrefix)) continue;
    out.left_behind.push_back(to_text(*label));
  }
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

std::string member_verdict(const Profile& p) {
  if (!p.kwp())
    return "As a member: no. It cannot unwrap private keys, so it cannot receive a pool key.";
  std::vector<std::string> hashes;
  if (p.oaep(OaepHash::kSha256)) hashes.emplace_back("SHA-256");
  if (p.oaep(OaepHash::kSha1)) hashes.emplace_back("SHA-1");
  if (hashes.empty()) return "As a member: no. It does not unwrap by RSA-OAEP.";
  std::string out = "As a member: yes, by RSA-OAEP with " + joined(hashes) + " and " +
                    std::string(p.answer(Question::kKwp)) + ".";
  if (const auto loose = p.not_enforced(); !loose.empty())
    out += " It does not enforce " + joined(loose) + ": who has its PIN can take the key away.";
  return out;
}

std::string origin_verdict(const Profile& p) {
  if (!p.kwp()) return "As an origin: no. It cannot wrap private keys.";
  if (!p.says(Question::kWrapWithTrusted, "enforced"))
    return "As an origin: no. It does not enforce CKA_WRAP_WITH_TRUSTED, so policies with mode "
           "'wrapped' refuse it.";
  if (p.says(Question::kTrustedByUser, "allowed") ||
      p.says(Question::kTrustedByUserLater, "allowed"))
    return "As an origin: not safely. Its user can make any key trusted.";
  if (p.says(Question::kCeremony, "not-asked"))
    return "As an origin: perhaps. Whether its security officer can make trusted keys was not "
           "asked; give --so-pin.";
  return p.says(Question::kCeremony, "works") ? "As an origin: yes."
                                              : "As an origin: no. A release cannot be made.";
}

}  // namespace

std::vector<std::string> announcement(bool with_so) {
  std::vector<std::string> out{
      "The doctor logs in as the user and tries what the token does with keys of its own making,",
      "all labelled 'poolkey-doctor-...'. Most are session objects. Into the token go some key",
      "pairs (which attributes are kept, what can be copied), a data object and up to 400 AES "
      "keys, one after the",
      "other (does creating race with searching). All are destroyed. No other object is used."};
  out.emplace_back(with_so ? "It then logs in as security officer and makes trusted keys, in the "
                             "session only."
                           : "What needs the security officer is not asked (give --so-pin).");
  return out;
}

Examination examine(const Patient& patient) {
  Examination out;
  start(out, patient.so_pin != nullptr);
  const auto token = Token::open(patient.module, patient.token);
  out.profile.make = patient.module->make(token->info());
  token->login(Role::kUser, patient.user_pin);
  doctor::Bench bench(*token, out);
  bench.list_mechanisms();
  bench.rsa = doctor::generate_rsa(bench.session(), "rsa");
  if (bench.rsa.ok()) bench.rsa_public = public_key_of(bench.session(), bench.rsa.public_key);
  doctor::probe_attributes(bench);
  doctor::probe_wrapping(bench);
  doctor::probe_mechanisms(bench);
  doctor::probe_protections(bench);
  doctor::probe_user_trust(bench);
  doctor::probe_sessions(bench, patient);
  doctor::probe_race(bench);
  if (patient.so_pin != nullptr) {
    token->logout();
    doctor::probe_so_trust(bench, patient);
  }
  look_for_leftovers(bench.session(), out);
  patient.module->sync();
  token->logout();
  return out;
}

std::vector<std::string> verdicts(const Profile& profile) {
  return {origin_verdict(profile), member_verdict(profile)};
}

}  // namespace poolkey::hsm
