// Sessions and logins: how many, whose, and beside whom.
#include "hsm/doctor_bench.h"
#include "hsm/rv.h"

namespace poolkey::hsm::doctor {
namespace {

constexpr std::size_t kMostSessions = 64;
constexpr CK_STATE kUserState = 3;  // CKS_RW_USER_FUNCTIONS

void probe_limit(Bench& bench) {
  std::vector<Session> open;
  CK_RV refusal = CKR_OK;
  while (open.size() < kMostSessions && refusal == CKR_OK) {
    try {
      open.emplace_back(bench.token().shared_module(), bench.token().info().slot);
    } catch (const Error& error) {
      refusal = error.ckr().value_or(CKR_GENERAL_ERROR);
    }
  }
  bench.profile().sessions_opened = static_cast<std::int64_t>(open.size()) + 1;  // and the keeper
  bench.answer_by(Question::kSessionLimit, refusal, "none-seen", "reached");
}

void probe_scope(Bench& bench) {
  const Session other(bench.token().shared_module(), bench.token().info().slot);
  CK_SESSION_INFO info{};
  const CK_RV rv = other.fn().C_GetSessionInfo(other.handle(), &info);
  bench.answer(Question::kLoginScope,
               rv == CKR_OK && info.state == kUserState ? "application" : "session");
}

/// With the right PIN: a wrong one might count.
void probe_again(Bench& bench, const Patient& patient) {
  const auto turn = bench.token().writing();
  const ByteView pin = patient.user_pin.view();
  Session& session = bench.session();
  const CK_RV rv =
      session.fn().C_Login(session.handle(), CKU_USER, const_cast<CK_UTF8CHAR*>(pin.data()),
                           static_cast<CK_ULONG>(pin.size()));
  bench.answer(Question::kLoginAgain, rv == CKR_USER_ALREADY_LOGGED_IN ? "already"
                                      : rv == CKR_OK                   ? "accepted"
                                                                       : "refused");
}

void probe_exclusive(Bench& bench, const Patient& patient) {
  try {
    bench.token().login(Role::kSecurityOfficer, *patient.so_pin);
    bench.answer(Question::kLoginExclusive, "shared");
    bench.token().logout();
    bench.token().login(Role::kUser, patient.user_pin);
  } catch (const Error& error) {
    if (error.ckr() != CKR_USER_ANOTHER_ALREADY_LOGGED_IN) throw;
    bench.answer(Question::kLoginExclusive, "exclusive", rv_name(*error.ckr()));
  }
}

}  // namespace

void probe_sessions(Bench& bench, const Patient& patient) {
  probe_limit(bench);
  probe_scope(bench);
  probe_again(bench, patient);
  if (patient.so_pin != nullptr) probe_exclusive(bench, patient);
}

}  // namespace poolkey::hsm::doctor
