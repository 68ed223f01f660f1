#include "requests/lint/debian_list.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.h"
#include "crypto/debian_key.h"
#include "crypto/weak_key.h"

namespace poolkey::requests {
namespace {

using crypto::DebianMachine, crypto::DebianSeed;

constexpr std::uint32_t kLastProcess = 32767;
constexpr std::array kMachines{DebianMachine::kLittle64, DebianMachine::kLittle32,
                               DebianMachine::kBig32};
constexpr std::array kSeeds{DebianSeed::kRnd, DebianSeed::kNoReadRnd, DebianSeed::kNoRnd};

std::vector<std::string> lines_of(unsigned bits, std::uint32_t process) {
  std::vector<std::string> out;
  for (const DebianMachine machine : kMachines)
    for (const DebianSeed seed : kSeeds)
      out.push_back(hex(
          crypto::debian_fingerprint(crypto::debian_key(bits, {machine, seed, process}).modulus)));
  return out;
}

}  // namespace

std::string debian_list(unsigned bits, std::uint32_t first, std::uint32_t last) {
  if (first > last || last > kLastProcess)
    throw Error(Errc::kInvalidArgument, "the process numbers go from 0 to 32767, in this order");
  std::vector<std::string> lines;
  std::exception_ptr failure;
  std::mutex mutex;
  std::atomic<std::uint32_t> next = first;
  const auto work = [&] {
    try {
      for (std::uint32_t process; (process = next++) <= last;) {
        const std::vector<std::string> some = lines_of(bits, process);
        const std::lock_guard hold(mutex);
        lines.insert(lines.end(), some.begin(), some.end());
      }
    } catch (...) {
      const std::lock_guard hold(mutex);
      failure = std::current_exception();
      next = last + 1;
    }
  };
  {
    std::vector<std::jthread> threads(std::max(1U, std::thread::hardware_concurrency()));
    for (std::jthread& thread : threads) thread = std::jthread(work);
  }
  if (failure) std::rethrow_exception(failure);
  std::ranges::sort(lines);
  std::string out = "# RSA-" + std::to_string(bits) +
                    " keys of Debian's broken OpenSSL (CVE-2008-0166), processes " +
                    std::to_string(first) + " to " + std::to_string(last) + "\n";
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

}  // namespace poolkey::requests
