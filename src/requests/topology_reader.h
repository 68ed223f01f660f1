// Reading the parts of a topology file: names, pools, CAs. What is wrong is filed where it stands.
// May touch: base (pure). Called by: topology.cc and its parts only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "requests/topology.h"

namespace poolkey::requests {

/// Reads the host names of one table.
class NameReader {
 public:
  /// `table` is the dotted name for sentences: "pool.edge".
  NameReader(std::string table, toml::Reader& reader) : table_(std::move(table)), reader_(reader) {}

  /// "'pool.edge.access'"
  std::string full(std::string_view key) const;
  /// A name that must be there; `why` ends the sentence that asks for it.
  HostName host(std::string_view key, std::string_view why);
  std::optional<HostName> optional_host(std::string_view key);
  /// A list, each name once; empty where the key is left out. Wildcards pass where they may.
  HostNames hosts(std::string_view key, bool wildcards = false);

 private:
  HostName checked(std::string_view key, const toml::Located<std::string>& text);
  void add(HostNames& list, HostName name);

  std::string table_;
  toml::Reader& reader_;
};

struct FileContext {
  bool has_xmpp;  ///< the product has an XMPP gateway
  std::string_view product;
  const std::vector<Authority>& authorities;
};

/// One [pool.NAME]; nothing if it has no valid name.
std::optional<Pool> read_pool(std::string_view name, toml::Reader& reader,
                              const FileContext& context, std::vector<toml::Fault>& warnings);

/// All of [ca.NAME], and before them those that need no table.
std::vector<Authority> read_authorities(toml::Reader& top);

}  // namespace poolkey::requests
