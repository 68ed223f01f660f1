#include "fuzz/target.h"
#include "pool/documents.h"

namespace poolkey::fuzz {
namespace {

/// Writes what was read, and reads it again.
template <class Read>
void round_trip(std::string_view text, Read read) {
  accepted([&] {
    const std::string written = json::compact(to_json(read(text)));
    require(json::compact(to_json(read(written))) == written, "a document reads the same again");
  });
}

}  // namespace

/// Everything that a member sends: receipts with their signatures, what they sign, and the request
/// for enrolment.
void receipt(ByteView octets) {
  const std::string_view text = text_of(octets);
  round_trip(text, pool::receipt);
  round_trip(text, pool::enrolment_request);
  round_trip(text, pool::signed_statement);
  accepted([&] {
    for (const pool::SignedReceipt& signed_one : pool::signed_receipts(text))
      round_trip(signed_one.statement.statement, pool::receipt);
  });
}

}  // namespace poolkey::fuzz
