// Certificate and reference as programs see them while another version comes into force.
#include "pool/pair.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "base/file.h"
#include "tests/base/process.h"
#include "tests/crypto/software.h"

namespace poolkey::pool {
namespace {

using namespace test;
namespace fs = std::filesystem;

class PairTest : public testing::Test {
 protected:
  static KeyVersion version(std::uint32_t number) { return {KeyName("av"), number}; }
  fs::path put(std::uint32_t number, bool in_force = true) const {
    const Identity& leaf = number == 1 ? first : second;
    return put_pair(scratch.path(), version(number), {leaf.certificate, root.certificate},
                    "reference " + std::to_string(number) + "\n", in_force);
  }
  static std::string text_of(const Identity& leaf) { return leaf.certificate.pem(); }

  const Scratch scratch;
  const Identity root = make_root("root");
  const Identity first = make_under(root, spec("first"));
  const Identity second = make_under(root, spec("second"));
};

TEST_F(PairTest, CertificateAndReferenceAreThereTogether) {
  const fs::path link = put(1);
  EXPECT_EQ(link, scratch.path() / "av");
  EXPECT_EQ(read_file(link / "certificate.pem"), text_of(first));
  EXPECT_EQ(read_file(link / "key.pem"), "reference 1\n");
  EXPECT_EQ(read_file(link / "both.pem"), text_of(first) + "reference 1\n");
}

TEST_F(PairTest, TheLinkFollowsTheVersionInForce) {
  const fs::path link = put(1);
  put(2, /*in_force=*/false);
  EXPECT_EQ(read_file(link / "key.pem"), "reference 1\n");
  put(2);
  EXPECT_EQ(read_file(link / "key.pem"), "reference 2\n");
  remove_pairs(scratch.path(), version(2));
  EXPECT_EQ(read_file(link / "key.pem"), "reference 2\n") << "it is served with";
  remove_pairs(scratch.path(), version(1));
  EXPECT_THAT(linked_pairs(scratch.path()), testing::StartsWith("av av@2-"));
}

/// What a program finds in the folder that it opened under the link's name.
std::string in_folder(int folder, const char* name) {
  const int fd = ::openat(folder, name, O_RDONLY | O_CLOEXEC);
  std::string out(65536, '\0');
  const ssize_t size = fd < 0 ? 0 : ::read(fd, out.data(), out.size());
  if (fd >= 0) ::close(fd);
  out.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return out;
}

TEST_F(PairTest, NobodyMeetsHalfOfAChange) {
  const fs::path link = put(1);
  std::atomic<bool> ends = false;
  std::jthread writer([&] {
    for (std::uint32_t n = 0; n < 200; ++n) put(1 + n % 2);
    ends = true;
  });
  int seen[3] = {};
  while (!ends) {
    const int folder = ::open(link.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT_GE(folder, 0);
    const std::string certificate = in_folder(folder, "certificate.pem"),
                      key = in_folder(folder, "key.pem");
    ::close(folder);
    const int number = certificate == text_of(first) ? 1 : certificate == text_of(second) ? 2 : 0;
    EXPECT_EQ(key, "reference " + std::to_string(number) + "\n");
    const std::string both = read_file(link / "both.pem");
    EXPECT_TRUE(both == text_of(first) + "reference 1\n" ||
                both == text_of(second) + "reference 2\n");
    ++seen[number];
  }
  writer.join();
  EXPECT_GT(seen[1], 0);
  EXPECT_GT(seen[2], 0);
}

}  // namespace
}  // namespace poolkey::pool
