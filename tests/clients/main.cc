// The tests of the clients. With --table: the table of them, as they are to be; with --table FILE:
// as they are where only the cases passed that FILE names, one a line.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <set>
#include <string>

#include "clients/table.h"

namespace {

std::set<std::string> lines_of(const char* file) {
  std::set<std::string> out;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) out.insert(line);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "--table") {
    const bool all = argc == 2;
    const auto passed = all ? std::set<std::string>() : lines_of(argv[2]);
    std::fputs(poolkey::clients::table([&](const std::string& name) {
                 return all || passed.contains(name);
               }).c_str(),
               stdout);
    return 0;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
