// What is a client: a row of the table "Which client needs what", with the code that shows it.
// Called by: the tests, and the table.
#pragma once

#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "clients/site.h"

namespace poolkey::clients {

/// Why a cell has no test.
struct Reason {
  std::string text;
  /// Lines of bash that fail with a key in software ($SOFTWARE_KEY) of the cell's kind, so that it
  /// is not the provider that fails; empty where the text needs no proof.
  std::string proof{};
};

struct Client {
  std::string name;
  /// Throws std::exception unless the client uses the site's key as it should.
  std::function<void(const Site&)> show;
  /// Settings and environment, as Markdown.
  std::string needs;
  std::map<Form, Reason> not_by{};
  std::map<Kind, Reason> not_with{};
  /// Lines for the provider's section, where `needs` tells of some.
  std::string settings{};
};

const std::vector<Client>& all_clients();

/// One test: a client with one kind of key, told in one way, in one module.
struct Case {
  const Client* client;
  Kind kind;
  Form form;
  Module module;

  /// Letters, digits and underscores ("nginx_P256_reference").
  std::string name() const;
};
/// For GoogleTest, which would print octets.
inline void PrintTo(const Case& c, std::ostream* out) { *out << c.name(); }

/// Every combination that has no reason against it.
const std::vector<Case>& all_cases();

// What the programs other than `openssl` are shown by; clients.cc says which is whose.
void show_s_server(const Site& site);
void show_rsa_key_exchange(const Site& site);
void show_nginx(const Site& site);
void show_haproxy(const Site& site);
void show_haproxy_master(const Site& site);
void show_apache(const Site& site);
void show_stunnel(const Site& site);
void show_unbound(const Site& site);

}  // namespace poolkey::clients
