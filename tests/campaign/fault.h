// The faults of the campaign: drawn from a seed, and written as one line that says everything.
// Called by: the campaign.
#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace poolkey::test {

/// One fault at one call of the whole job.
struct Draw {
  std::uint64_t call = 1;  ///< counted over all processes
  std::string fault;       ///< as the script of the faulty module says it: "after CKR_DEVICE_ERROR"

  /// "before", "lose-session": what the final table is by.
  std::string kind() const { return fault.substr(0, fault.find(' ')); }
  /// "call=137 fault=after CKR_DEVICE_ERROR"
  std::string str() const;
};

/// Throws std::invalid_argument unless the text is one of str().
Draw parse_draw(const std::string& text);

/// A kind, then (where it takes one) an argument, each as likely as the others.
std::string draw_fault(std::mt19937_64& random);

}  // namespace poolkey::test
