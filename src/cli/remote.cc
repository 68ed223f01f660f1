#include "cli/remote.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/file.h"
#include "base/lent_files.h"
#include "cli/exit_code.h"
#include "home/config.h"
#include "http/client.h"

namespace poolkey::cli {
namespace {

namespace fs = std::filesystem;

/// A verb that needs the token, but no security officer; with its options that name files.
struct Remote {
  std::string_view path;
  std::vector<std::string> reads{};
  std::vector<std::string> writes{};
  std::string here{};  ///< with this option it is run by the caller: it writes a folder
};

const std::vector<Remote>& remotes() {
  static const auto& all = *new std::vector<Remote>{
      {"audit checkpoint"},
      {"ca configure", {"FILE"}},
      {"ca sign", {"FILE"}, {"--out", "--chain-out"}},
      {"ca revoke"},
      {"ca unhold"},
      {"ca crl"},
      {"ca ocsp", {"REQUEST"}, {"--out"}},
      {"ca rollover", {"--policy"}},
      {"ca show"},
      {"ca list"},
      {"certificate issue", {}, {"--out", "--chain-out"}},
      {"certificate publish"},
      {"certificate list"},
      {"certificate show"},
      {"enrolment invite", {}, {"--out"}},
      {"enrolment invitations"},
      {"enrolment withdraw"},
      {"enrolment show"},
      {"access invite", {}, {"--out"}},
      {"access invitations"},
      {"access withdraw"},
      {"access certify", {"--csr"}, {"--out"}},
      {"key generate", {"--policy"}},
      {"key list"},
      {"key compromise"},
      {"pool define", {"TOPOLOGY"}},
      {"pool challenge"},
      {"pool collect"},
      {"pool attest", {}, {"--out"}},
      {"pool reconcile"},
      {"pool report", {}, {"--out"}},
      {"status"},
      {"request create", {}, {"--out"}},
      {"request batch", {"FILE"}, {"--out"}},
      {"request list"},
      {"request show"},
      {"request submit"},
      {"request export", {}, {"--out"}, "--certreq"},
      {"request import", {"FILE"}},
      {"request accept"},
      {"rollover start"},
      {"rollover status"},
      {"rollover advance"},
      {"rollover abort"},
      {"rollover look-ahead"},
  };
  return all;
}

const Remote* remote_of(std::string_view path) {
  const auto found = std::ranges::find(remotes(), path, &Remote::path);
  return found == remotes().end() ? nullptr : &*found;
}

constexpr std::string_view kUrl = "http://localhost/v1/commands/";
constexpr std::chrono::minutes kPatience{10};

/// What the caller named for these options.
std::vector<std::string> named(const Arguments& arguments,
                               const std::vector<std::string>& options) {
  std::vector<std::string> out;
  for (const std::string& option : options)
    for (const std::string& file : arguments.all(option)) out.push_back(file);
  return out;
}

json::object call_of(const Command& command, const Call& call, const Remote& remote) {
  json::object arguments, files;
  for (const Option& option : command.options) {
    const std::string name(option.name);
    json::array values;
    for (const std::string& value : call.arguments.all(name)) values.emplace_back(value);
    if (!values.empty()) arguments[name] = std::move(values);
  }
  for (const std::string& file : named(call.arguments, remote.reads))
    files[file] = base64(view(read_file(file)));
  return {{"arguments", std::move(arguments)},
          {"files", std::move(files)},
          {"format", call.out.is_json() ? "json" : "text"}};
}

fs::path socket_of(const Call& call, const RemoteOptions& remote) {
  if (!remote.socket.empty()) return remote.socket;
  if (call.options.home.empty() || !home::has_config(call.options.home)) return {};
  const home::Config config = home::read_config(call.options.home);
  return config.service ? config.service->socket : fs::path{};
}

std::string url_of(const Command& command) {
  std::string path(command.path);
  std::ranges::replace(path, ' ', '.');
  return std::string(kUrl).append(path);
}

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

/// Shows and writes what the verb said and wrote, and gives its status.
int take_result(const json::object& result) {
  constexpr std::string_view kWhat = "the service's answer";
  const std::string out = json::text(result, "stdout", kWhat);
  const std::string err = json::text(result, "stderr", kWhat);
  for (const auto& file : json::as_object(result, "files", kWhat)) {
    const json::object& one = json::as_object(file.value(), kWhat);
    const Bytes content = from_base64(json::text(one, "content", kWhat));
    write_file(std::string(file.key()), ByteView(content),
               static_cast<mode_t>(json::integer(one, "mode", kWhat)));
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
  std::fwrite(err.data(), 1, err.size(), stderr);
  if (result.contains("error")) {
    const json::object& error = json::as_object(result, "error", kWhat);
    throw Error(http::errc_named(json::text(error, "code", kWhat)).value_or(Errc::kInternal),
                json::text(error, "message", kWhat));
  }
  return static_cast<int>(json::integer(result, "status", kWhat));
}

/// A stream into memory.
class Memory {
 public:
  Memory() : stream_(::open_memstream(&data_, &size_)) {
    if (stream_ == nullptr) throw Error(Errc::kUnavailable, "there is no memory left");
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() {
    std::fclose(stream_);
    std::free(data_);
  }
  std::FILE* stream() const { return stream_; }
  std::string text() const {
    std::fflush(stream_);
    return {data_, size_};
  }

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::FILE* stream_;
};

/// The service's own files are not lent to it.
void refuse_own(const fs::path& home, const std::string& file) {
  const std::string inside = fs::absolute(home).lexically_normal().string() + "/";
  if (fs::absolute(file).lexically_normal().string().starts_with(inside))
    throw Error(Errc::kDenied, "'" + file + "' is in the service's own folder");
}

Arguments arguments_of(const Command& command, const json::object& call) {
  constexpr std::string_view kWhat = "the command";
  Arguments out;
  for (const auto& member : json::as_object(call, "arguments", kWhat)) {
    const std::string name(member.key());
    if (std::ranges::find(command.options, name, &Option::name) == command.options.end())
      throw Error(Errc::kInvalidArgument,
                  "'" + std::string(command.path) + "' has no '" + name + "'");
    std::vector<std::string> values;
    for (const json::value& value : member.value().as_array())
      values.emplace_back(value.as_string());
    out.set(name, std::move(values));
  }
  for (const Option& option : command.options)
    if (option.required && !out.has(std::string(option.name)))
      throw Error(Errc::kInvalidArgument,
                  "'" + std::string(command.path) + "' needs '" + std::string(option.name) + "'");
  return out;
}

std::map<std::string, std::string> lent_of(const json::object& call, const fs::path& home,
                                           const std::vector<std::string>& reads) {
  std::map<std::string, std::string> out;
  for (const auto& file : json::as_object(call, "files", "the command")) {
    const std::string name(file.key());
    if (std::ranges::find(reads, name) == reads.end())
      throw Error(Errc::kInvalidArgument, "'" + name + "' is no file that the verb reads");
    refuse_own(home, name);
    const Bytes content = from_base64(std::string(file.value().as_string()));
    out.emplace(name, std::string(content.begin(), content.end()));
  }
  for (const std::string& name : reads)
    if (!out.contains(name))
      throw Error(Errc::kInvalidArgument, "the content of '" + name + "' is missing");
  return out;
}

json::object written_json(const LentFiles& files) {
  json::object out;
  for (const auto& [name, file] : files.written())
    out[name] = json::object{{"content", base64(view(file.content))},
                             {"mode", static_cast<std::int64_t>(file.mode)}};
  return out;
}

}  // namespace

std::optional<int> run_in_service(const Command& command, Call& call, const RemoteOptions& remote) {
  const Remote* row = remote_of(command.path);
  const bool for_service = row != nullptr && call.options.pin.empty() &&
                           call.options.witness.empty() &&
                           (row->here.empty() || !call.arguments.has(row->here));
  const fs::path socket = for_service ? socket_of(call, remote) : fs::path{};
  if (socket.empty() || (!remote.only_print && ::access(socket.c_str(), F_OK) != 0)) {
    if (remote.only_print)
      throw Error(Errc::kUnsupported, "'" + std::string(command.path) +
                                          "' is no verb that a running service does here");
    return std::nullopt;
  }
  const std::string body = json::compact(call_of(command, call, *row));
  if (remote.only_print) {
    std::printf("curl --unix-socket %s -H 'Content-Type: application/json' -d %s %s\n",
                quoted(socket.string()).c_str(), quoted(body).c_str(), url_of(command).c_str());
    call.out.leave();
    return 0;
  }
  http::Client client({.unix_socket = socket, .total = kPatience, .stalled = kPatience});
  http::Response answer;
  try {
    answer = client.send({.method = "POST",
                          .url = url_of(command),
                          .headers = {{"content-type", "application/json"}},
                          .body = body});
  } catch (const Error& error) {
    // Nobody listens: the socket's file is what a service left that was killed.
    if (error.code() == Errc::kUnavailable) return std::nullopt;
    throw;
  }
  if (answer.status != 200)
    throw http::problem_of({.method = "POST", .url = url_of(command)}, answer);
  call.out.leave();
  const json::value result = json::parse(answer.body, "the service's answer");
  return take_result(json::as_object(result, "the service's answer"));
}

json::object run_for_client(app::App& side, const std::string& path, const json::object& call) {
  const Remote* row = remote_of(path);
  const auto commands = all_commands();
  const auto command = std::ranges::find(commands, path, &Command::path);
  if (row == nullptr || command == commands.end())
    throw Error(Errc::kNotFound, "'" + path + "' is no verb that the service runs");
  const Arguments arguments = arguments_of(**command, call);
  const auto wanted = named(arguments, row->writes);
  for (const std::string& name : wanted) refuse_own(side.home(), name);
  const LentFiles files(lent_of(call, side.home(), named(arguments, row->reads)), wanted);
  const Memory out, err;
  Output output(json::text(call, "format", "the command") == "json", out.stream(), err.stream());
  Call verb{arguments,
            {.home = side.home(), .shared = side.share(), .actor = side.context().actor},
            output};
  json::object result;
  try {
    result["status"] = (*command)->run(verb);
    output.finish();
  } catch (const Error& error) {
    result["status"] = exit_code(error.code());
    result["error"] =
        json::object{{"code", std::string(name(error.code()))}, {"message", error.what()}};
  }
  result["stdout"] = out.text();
  result["stderr"] = err.text();
  result["files"] = written_json(files);
  return result;
}

}  // namespace poolkey::cli
