// LD_PRELOAD: lets writes to databases fail. While the file $SOAK_DISK is there, it says how: "full N", "eio N" or
// "kill N", each for one write in N. EIO also comes from fsync; a kill ends the process in the middle of a commit.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int fault(int fd, int syncing) {
  const char *control = getenv("SOAK_DISK");
  if (fd <= 2 || !control) return 0;
  char link[64], path[1024], how[32], kind[16];
  int n = 0;
  int file = open(control, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  ssize_t read_ = read(file, how, sizeof how - 1);
  close(file);
  if (read_ <= 0) return 0;
  how[read_] = 0;
  if (sscanf(how, "%15s %d", kind, &n) != 2 || n < 1) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  if (!strstr(path, ".db")) return 0;
  static int seeded;
  if (!seeded) { srand(getpid()); seeded = 1; }
  if (rand() % n != 0) return 0;
  if (!strcmp(kind, "kill")) { kill(getpid(), SIGKILL); for (;;) pause(); }
  if (!strcmp(kind, "eio")) return EIO;
  return syncing ? 0 : ENOSPC;
}

#define REAL(name) if (!real) real = dlsym(RTLD_NEXT, name)
#define FAIL(syncing) do { int error = fault(fd, syncing); if (error) { errno = error; return -1; } } while (0)

ssize_t write(int fd, const void *b, size_t n) {
  static ssize_t (*real)(int, const void *, size_t); REAL("write"); FAIL(0); return real(fd, b, n);
}
ssize_t pwrite(int fd, const void *b, size_t n, off_t o) {
  static ssize_t (*real)(int, const void *, size_t, off_t); REAL("pwrite"); FAIL(0); return real(fd, b, n, o);
}
ssize_t pwrite64(int fd, const void *b, size_t n, off64_t o) {
  static ssize_t (*real)(int, const void *, size_t, off64_t); REAL("pwrite64"); FAIL(0); return real(fd, b, n, o);
}
int fsync(int fd) {
  static int (*real)(int); REAL("fsync"); FAIL(1); return real(fd);
}
int fdatasync(int fd) {
  static int (*real)(int); REAL("fdatasync"); FAIL(1); return real(fd);
}
