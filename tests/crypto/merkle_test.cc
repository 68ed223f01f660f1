#include "crypto/merkle.h"

#include <gtest/gtest.h>

#include "base/ids.h"
#include "crypto/digest.h"

namespace poolkey::crypto {
namespace {

/// The leaves and roots that Certificate Transparency's own implementations are tested with
/// (google/certificate-transparency, merkle_tree_test): the tree of RFC 6962, which RFC 9162 keeps.
const char* const kLeaves[] = {"",
                               "00",
                               "10",
                               "2021",
                               "3031",
                               "40414243",
                               "5051525354555657",
                               "606162636465666768696a6b6c6d6e6f"};
const char* const kRoots[] = {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                              "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                              "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                              "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                              "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                              "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                              "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                              "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                              "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

std::vector<Bytes> leaves(std::size_t count) {
  std::vector<Bytes> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(from_hex(kLeaves[i]));
  return out;
}

TEST(MerkleRootTest, IsThatOfCertificateTransparency) {
  for (std::size_t count = 0; count < std::size(kRoots); ++count)
    EXPECT_EQ(hex(merkle_root(leaves(count))), kRoots[count]) << count;
}

TEST(MerkleRootTest, TellsOrderAndLeavesFromNodes) {
  std::vector<Bytes> all = leaves(4);
  std::swap(all[1], all[2]);
  EXPECT_NE(hex(merkle_root(all)), kRoots[4]);
  // The two inner nodes of a tree of four, given as leaves, are another tree.
  const std::vector<Bytes> four = leaves(4);
  const std::vector<Bytes> nodes{merkle_root(std::span(four).first(2)),
                                 merkle_root(std::span(four).last(2))};
  EXPECT_NE(hex(merkle_root(nodes)), kRoots[4]);
}

}  // namespace
}  // namespace poolkey::crypto
