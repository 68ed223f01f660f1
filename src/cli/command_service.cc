// Setting up the origin's service.
#include <arpa/inet.h>

#include <array>

#include "app/service_token.h"
#include "app/view.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/remote.h"
#include "home/pin.h"
#include "keys/origin.h"
#include "service/service.h"

namespace poolkey::cli {
namespace {

constexpr std::string_view kLabel = "poolkey-service";
/// Whoever wants to be reached from elsewhere says so.
constexpr std::string_view kListen = "127.0.0.1:8443";

/// As certificates are printed: "2001:db8::1".
std::string address(const std::string& text) {
  std::array<char, INET6_ADDRSTRLEN> out{};
  std::array<unsigned char, 16> octets{};
  for (const int family : {AF_INET, AF_INET6})
    if (::inet_pton(family, text.c_str(), octets.data()) == 1)
      return ::inet_ntop(family, octets.data(), out.data(), out.size());
  throw Error(Errc::kInvalidArgument, "'" + text + "' is no IP address");
}

/// What is not given stays as it is.
home::Service wanted(const Call& call, const app::App& side) {
  const Arguments& given = call.arguments;
  home::Service out =
      side.config().service.value_or(home::Service{.listen = {std::string(kListen)},
                                                   .socket = side.home() / "service.sock",
                                                   .token_label = std::string(kLabel)});
  if (given.has("--listen")) out.listen = given.all("--listen");
  if (given.has("--socket")) out.socket = std::filesystem::absolute(given.one("--socket"));
  if (given.has("--name")) out.names = given.all("--name");
  if (given.has("--address")) {
    out.addresses.clear();
    for (const std::string& one : given.all("--address")) out.addresses.push_back(address(one));
  }
  out.token_label = given.one("--token-label", out.token_label);
  if (given.has("--service-pin"))
    out.pin_source = home::absolute_pin_source(given.one("--service-pin"));
  if (out.names.empty())
    throw Error(Errc::kInvalidArgument, "say by --name under which name clients reach the service");
  if (out.pin_source.empty())
    throw Error(Errc::kInvalidArgument,
                "say by --service-pin where the PIN of the service's own token comes from; it is "
                "written to poolkey.toml as the source (never the PIN itself)");
  if (out.socket.string().size() > home::kLongestSocket)
    throw Error(Errc::kInvalidArgument,
                "'" + out.socket.string() + "' is too long for a socket; give a shorter --socket");
  return out;
}

int service_init(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  home::Service service = wanted(call, side);
  side.use_token();
  service = app::set_up_service(
      side, service,
      call.arguments.has("--existing-token") ? app::TokenIs::kThere : app::TokenIs::kMade);
  keys::Context& context = side.context();
  const app::ServiceToken token(context, service);
  const auto identity = token.identity(context, service);
  keys::checkpoint_origin(context);
  const crypto::Certificate leaf = crypto::Certificate::from_pem(identity.chain);
  const crypto::Certificate root = keys::origin_root(side.database());
  call.out.say("The service is set up: token '" + service.token_label + "', serial " +
               service.token_serial + "; certificate '" + leaf.subject() + "' until " +
               rfc3339(identity.not_after) + ", renewed by itself.");
  call.out.say("'poolkey serve' listens on " + listed(service.listen) + " and '" +
               service.socket.string() + "'.");
  call.out.say("Fingerprint of the root that its clients pin (SHA-256):");
  call.out.say("  " + fingerprint_text(root.sha256()));
  call.out.result({{"token", service.token_label},
                   {"token_serial", service.token_serial},
                   {"certificate", leaf.pem()},
                   {"serial", leaf.serial()},
                   {"not_after", rfc3339(identity.not_after)},
                   {"root_sha256", hex(root.sha256())}});
  return 0;
}

int access_certify(Call& call) {
  const crypto::ParsedCsr csr = crypto::parse_csr(view(read_file(call.arguments.one("--csr"))));
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  side.use_token();
  const requests::ClientCertificate made = requests::client_certificate(
      side.context(), requests::ca_config(side.database()), call.arguments.one("NAME"), csr);
  keys::checkpoint_origin(side.context());
  const std::string pem = made.issued.pem + app::pem_of(made.chain);
  write_or_print(call, pem);
  call.out.say("'" + call.arguments.one("NAME") + "' has a client certificate, serial " +
               made.issued.serial + ", until " + rfc3339(made.issued.not_after) +
               (made.already ? "; it had it before." : "."));
  call.out.result({{"name", call.arguments.one("NAME")},
                   {"serial", made.issued.serial},
                   {"not_after", rfc3339(made.issued.not_after)},
                   {"certificate", pem}});
  return 0;
}

int serve(Call& call) {
  service::ServeOptions options{.app = call.options};
  options.access = call.arguments.one("--access");
  options.listen = call.arguments.all("--listen");
  options.run_command = run_for_client;
  options.started = [&](const std::vector<std::string>& addresses) {
    call.out.say("Serving on " + listed(addresses) + ".");
    call.out.flush();
  };
  service::serve(std::move(options));
  call.out.say("Stopped.");
  return 0;
}

}  // namespace

std::span<const Command> service_commands() {
  static const auto& commands = *new std::vector<Command>{
      {"service init",
       "origin",
       "give the service a token and TLS key of its own, a certificate, and its addresses",
       {{"--name", "NAME", "DNS name under which it is reached; the first time at least one", false,
         true},
        {"--address", "IP", "IP address under which it is reached", false, true},
        {"--listen", "ADDRESS:PORT", "where it listens (default: 127.0.0.1:8443)", false, true},
        {"--socket", "FILE", "its socket for programs of this host (default: HOME/service.sock)"},
        {"--token-label", "LABEL", "label of its token (default: poolkey-service)"},
        {"--existing-token", "", "use an empty token that is there already"},
        {"--service-pin", "SOURCE",
         "where the PIN of its token comes from: file:PATH, fd:N, credential:NAME or prompt"}},
       service_init},
      {"access certify",
       "origin",
       "certify the key of a person or application by its request, so that the service knows it",
       {{"NAME", "NAME", "as policies/access.toml names the client", true},
        {"--csr", "FILE", "PKCS#10, PEM or DER", true},
        {"--out", "FILE", "write certificate and chain here instead of to stdout"}},
       access_certify},
      {"serve",
       "origin",
       "answer members, persons and applications over HTTPS, until told to stop",
       {{"--access", "FILE", "who may do what (default: HOME/access.toml)"},
        {"--listen", "ADDRESS:PORT", "listen here instead of where 'service init' said", false,
         true}},
       serve},
  };
  return commands;
}

}  // namespace poolkey::cli
