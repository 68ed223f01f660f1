// certify_member HOME MEMBER OUT: the client certificate of an enrolled member of pool 'edge', as
// its enrolment over the network would give it. A process of its own, for it has the origin's
// token.
#include <iostream>

#include "app/app.h"
#include "base/file.h"
#include "requests/ca/client.h"

int main(int argc, char** argv) {
  using namespace poolkey;
  if (argc != 4) return 2;
  try {
    app::App origin({.home = argv[1]});
    origin.use_token();
    const auto made =
        requests::member_certificate(origin.context(), requests::ca_config(origin.database()),
                                     PoolName("edge"), MemberName(argv[2]));
    std::string pem = made.issued.pem;
    for (const crypto::Certificate& above : made.chain) pem += above.pem();
    write_file(argv[3], pem);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
