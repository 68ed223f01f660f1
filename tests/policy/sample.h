// A small valid policy that tests change one line of.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "policy/policy.h"

namespace poolkey::policy::test {

inline constexpr char kFile[] = "policies/sample.toml";

/// Line numbers matter to the tests: `version` is line 1, `[key]` 5, `[export]` 11 and so on.
inline constexpr char kSample[] = R"(version = 1
name = "sample"
description = "for tests"

[key]
algorithm = "rsa"
bits = 2048
usages = ["tls", "csr", "proof"]
signing = "session-copy"

[export]
mode = "wrapped"
suites = ["rsa-oaep-sha256+aes256-kwp"]
recipients = ["edge", "proxy"]
max_recipients = 3
re_export = false

[lifetime]
key_days = 398
certificate_days = 199
overlap_hours = 24
token_lifetime_hours = 8

[request]
roles = ["edge-external"]
lint_profiles = ["public-br"]
key_usage = ["digitalSignature"]
extended_key_usage = ["serverAuth"]
organizational_unit = "forbidden"
hash = "sha256"

[ca]
allowed = ["internal", "public"]
)";

/// `text` with the one occurrence of `from` replaced.
inline std::string with(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << "the sample has no " << from;
  if (at != std::string::npos) text.replace(at, from.size(), to);
  return text;
}

inline Policy sample() { return parse_policy(kSample, kFile); }
inline Policy sample_with(const std::string& from, const std::string& to) {
  return parse_policy(with(kSample, from, to), kFile);
}

/// The sample as an EC key that stays where it was born.
inline std::string unexported_text() {
  std::string text =
      with(kSample, "algorithm = \"rsa\"\nbits = 2048", "algorithm = \"ec\"\ncurve = \"P-256\"");
  text = with(text,
              "mode = \"wrapped\"\nsuites = [\"rsa-oaep-sha256+aes256-kwp\"]\nrecipients = "
              "[\"edge\", \"proxy\"]\nmax_recipients = 3\nre_export = false",
              "mode = \"none\"");
  text = with(text, "session-copy", "token-object");
  return with(text, "edge-external", "front-end");
}

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << "cannot read " << path;
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace poolkey::policy::test
