#include "requests/state.h"

#include <set>

#include "tests/support/matchers.h"

namespace poolkey::requests {
namespace {

using enum State;
using test::ThrowsErrc;

constexpr State kAll[] = {kDrafted, kLinted,   kApproved,  kSigned,    kSubmitted,
                          kIssued,  kAccepted, kInstalled, kSuperseded};

/// Every move there is; what is not here is forbidden.
const std::set<std::pair<State, State>> kMoves{
    {kDrafted, kLinted},     {kLinted, kApproved},     {kApproved, kSigned},
    {kSigned, kSubmitted},   {kSubmitted, kSubmitted}, {kSigned, kIssued},
    {kSubmitted, kIssued},   {kIssued, kIssued},       {kIssued, kAccepted},
    {kAccepted, kInstalled}, {kAccepted, kSuperseded}, {kInstalled, kSuperseded},
    {kAccepted, kAccepted},  {kInstalled, kAccepted},
};

TEST(StateTest, MayMakeTheseMovesAndNoOthers) {
  for (const State from : kAll)
    for (const State to : kAll)
      EXPECT_EQ(may_follow(from, to), to == kDrafted || kMoves.contains({from, to}))
          << name(from) << " to " << name(to);
}

TEST(StateTest, IsReadAsItIsWritten) {
  std::set<std::string_view> names;
  for (const State state : kAll) {
    EXPECT_EQ(parse_state(name(state)), state);
    names.insert(name(state));
  }
  EXPECT_EQ(names.size(), std::size(kAll));
  EXPECT_EQ(name(kSuperseded), "superseded");
  for (const char* wrong : {"", "Issued", "issued ", "refused"})
    EXPECT_THAT([&] { parse_state(wrong); }, ThrowsErrc(Errc::kCorrupt, "is no state"));
}

TEST(StateTest, SaysWhatToDoNextUntilThereIsNothing) {
  using testing::HasSubstr;
  for (const State state : kAll)
    for (const Route route : {Route::kEmbedded, Route::kFile, Route::kEst})
      EXPECT_EQ(next_act(state, route).empty(), state == kInstalled || state == kSuperseded)
          << name(state);
  EXPECT_THAT(next_act(kSigned, Route::kFile), HasSubstr("request export"));
  EXPECT_THAT(next_act(kSubmitted, Route::kFile), HasSubstr("request import"));
  EXPECT_THAT(next_act(kIssued, Route::kFile), HasSubstr("request accept"));
  EXPECT_THAT(next_act(kSigned, Route::kEmbedded), HasSubstr("certificate issue"));
  EXPECT_THAT(next_act(kSubmitted, Route::kEst), HasSubstr("request submit"));
}

}  // namespace
}  // namespace poolkey::requests
