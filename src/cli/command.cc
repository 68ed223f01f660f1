#include "cli/command.h"

#include "base/file.h"

namespace poolkey::cli {

void write_or_print(Call& call, const std::string& text) {
  const std::string out = call.arguments.one("--out");
  if (out.empty())
    call.out.product(text);
  else
    write_file(out, text);
}

}  // namespace poolkey::cli
