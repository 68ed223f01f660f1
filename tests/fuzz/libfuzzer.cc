// One fuzzer: POOLKEY_FUZZ_TARGET says of which target.
#include <cstdint>

#include "fuzz/target.h"

// NOLINTNEXTLINE: the name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  poolkey::fuzz::POOLKEY_FUZZ_TARGET({data, size});
  return 0;
}
