// What a hostile key file would like to have loaded: a library that leaves a file where it ran.
#include <fcntl.h>
#include <unistd.h>

[[gnu::constructor]] static void mark() {
  const int fd = ::open("marker", O_CREAT | O_WRONLY, 0600);
  if (fd >= 0) ::close(fd);
}
