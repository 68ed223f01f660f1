#include "home/pin.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/error.h"

namespace poolkey::home {
namespace {

constexpr std::size_t kMaxPin = 255;

/// Reads up to a PIN's worth of octets into wiped memory, until `end` or the end of input.
SecretBytes read_all(int fd, const std::string& whose) {
  SecretBytes buffer(kMaxPin + 2);
  std::size_t size = 0;
  while (size < buffer.size()) {
    // One octet at a time: what follows the line may be somebody else's, such as the next PIN.
    const ssize_t n = ::read(fd, buffer.span().data() + size, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      throw Error(Errc::kUnavailable,
                  "cannot read the PIN of " + whose + ": " + std::strerror(errno));
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
    if (buffer.view()[size - 1] == '\n') break;
  }
  while (size > 0 && (buffer.view()[size - 1] == '\n' || buffer.view()[size - 1] == '\r')) --size;
  if (size == 0) throw Error(Errc::kInvalidArgument, "the PIN of " + whose + " is empty");
  if (size > kMaxPin) throw Error(Errc::kInvalidArgument, "the PIN of " + whose + " is too long");
  return SecretBytes(buffer.view().first(size));
}

Pin read_file_pin(const std::string& path, const std::string& whose) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    throw Error(
        errno == ENOENT ? Errc::kNotFound : Errc::kUnavailable,
        "cannot read the PIN of " + whose + " from '" + path + "': " + std::strerror(errno));
  struct stat status {};
  const bool exposed = ::fstat(fd, &status) != 0 || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0;
  if (exposed) {
    ::close(fd);
    throw Error(Errc::kDenied, "'" + path +
                                   "' holds a PIN and others than its owner may use it; "
                                   "run 'chmod 600 " +
                                   path + "'");
  }
  try {
    Pin pin(read_all(fd, whose));
    ::close(fd);
    return pin;
  } catch (...) {
    ::close(fd);
    throw;
  }
}

/// The terminal with echo off, as it was at the end.
class SilentTerminal {
 public:
  SilentTerminal() : fd_(::open("/dev/tty", O_RDWR | O_CLOEXEC)) {
    if (fd_ < 0 || ::tcgetattr(fd_, &before_) != 0)
      throw Error(Errc::kInvalidArgument,
                  "there is no terminal to ask for a PIN at; give it by --pin or --so-pin as "
                  "fd:N, file:PATH or credential:NAME");
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(fd_, TCSAFLUSH, &silent);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;
  ~SilentTerminal() {
    if (fd_ < 0) return;
    ::tcsetattr(fd_, TCSAFLUSH, &before_);
    (void)!::write(fd_, "\n", 1);
    ::close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
  termios before_{};
};

}  // namespace

PinSource parse_pin_source(std::string_view text) {
  const auto after = [&](std::string_view prefix) {
    return std::string(text.substr(prefix.size()));
  };
  if (text == "prompt") return {PinSource::Kind::kPrompt, ""};
  if (text.starts_with("file:") && text.size() > 5) return {PinSource::Kind::kFile, after("file:")};
  if (text.starts_with("credential:") && text.size() > 11 &&
      text.find('/') == std::string_view::npos)
    return {PinSource::Kind::kCredential, after("credential:")};
  if (text.starts_with("fd:")) {
    int fd = -1;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + 3, end, fd);
    if (error == std::errc{} && stop == end && fd >= 0)
      return {PinSource::Kind::kDescriptor, after("fd:")};
  }
  throw Error(Errc::kInvalidArgument,
              "a PIN source is 'file:PATH', 'fd:N', 'credential:NAME' or 'prompt'; the PIN itself "
              "is never given on the command line, where others can read it");
}

std::string absolute_pin_source(const std::string& source) {
  const PinSource parsed = parse_pin_source(source);
  if (parsed.kind != PinSource::Kind::kFile) return source;
  return "file:" + std::filesystem::absolute(parsed.value).string();
}

PinSource parse_so_pin_source(std::string_view text) {
  PinSource source = parse_pin_source(text);
  if (source.kind != PinSource::Kind::kPrompt && source.kind != PinSource::Kind::kDescriptor)
    throw Error(Errc::kInvalidArgument,
                "the security officer's PIN comes from 'prompt' or 'fd:N' only: it is the master "
                "secret of the token and is not kept on its host");
  return source;
}

Pin read_pin(const PinSource& source, const std::string& whose) {
  switch (source.kind) {
    case PinSource::Kind::kFile:
      return read_file_pin(source.value, whose);
    case PinSource::Kind::kCredential: {
      const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
      if (folder == nullptr)
        throw Error(Errc::kNotFound,
                    "there are no systemd credentials in this process; give the "
                    "unit LoadCredential= or SetCredentialEncrypted=");
      return read_file_pin(std::string(folder) + "/" + source.value, whose);
    }
    case PinSource::Kind::kDescriptor:
      return Pin(read_all(std::stoi(source.value), whose));
    case PinSource::Kind::kPrompt:
      break;
  }
  const SilentTerminal terminal;
  const std::string prompt = "PIN of " + whose + ": ";
  (void)!::write(terminal.fd(), prompt.data(), prompt.size());
  return Pin(read_all(terminal.fd(), whose));
}

Pin read_new_pin(const PinSource& source, const std::string& whose) {
  if (source.kind != PinSource::Kind::kPrompt) return read_pin(source, whose);
  Pin first = read_pin(source, whose + " (new)");
  const Pin again = read_pin(source, whose + " (again)");
  if (!std::equal(first.view().begin(), first.view().end(), again.view().begin(),
                  again.view().end()))
    throw Error(Errc::kInvalidArgument, "the two PINs are not the same; nothing was changed");
  return first;
}

}  // namespace poolkey::home
