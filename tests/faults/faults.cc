// Injects failures into system calls; loaded by LD_PRELOAD. KITSINK_FAULT names the one fault of a run:
//   CALL:N:ERRNO  the Nth call of a kind fails once (write:3:28)
//   kill:N        the process is killed before its Nth call of any kind
//   short         reads and writes transfer half of the bytes requested
//   full:BYTES    the disk is full after this many more bytes
// KITSINK_FAULT_COUNTS names a file to which the number of calls of each kind is written. Only calls on regular files
// count; standard input and outputs do not.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr std::array<const char*, 9> kNames = {"open",   "read", "write",  "fsync", "close",
                                               "rename", "link", "unlink", "mkdir"};
enum Kind { kOpen, kRead, kWrite, kFsync, kClose, kRename, kLink, kUnlink, kMkdir, kNumKinds };
static_assert(kNames.size() == kNumKinds);

// LibTorch's libraries open files before static constructors of this library run, so state is created on first use.
struct Plan {
  int kind = -1;  // the kind that fails; kNumKinds: any kind, for kills
  long at = 0;
  int error_number = 0;
  bool moves_half = false;
  std::atomic<long> room_bytes{-1};  // free space on the disk; -1: no limit
  std::array<std::atomic<long>, kNumKinds + 1> counts{};
  Plan();
};

Plan::Plan() {
  const char* text = std::getenv("KITSINK_FAULT");
  if (text == nullptr) return;
  char name[16] = "";
  long number = 0;
  int error = 0;
  const int fields = std::sscanf(text, "%15[a-z]:%ld:%d", name, &number, &error);
  moves_half = std::strcmp(name, "short") == 0;
  if (std::strcmp(name, "full") == 0) room_bytes = number;
  if (fields == 2 && std::strcmp(name, "kill") == 0) kind = kNumKinds;
  for (int i = 0; i < kNumKinds; ++i) {
    if (fields == 3 && std::strcmp(name, kNames[static_cast<size_t>(i)]) == 0) kind = i;
  }
  at = number;
  error_number = error;
}

Plan& ThePlan() {
  static Plan plan;
  return plan;
}

template <typename Function>
Function* Real(Function* /*type*/, const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// Counts a call. Returns true and sets errno when this call must fail.
bool Fails(Kind kind) {
  Plan& plan = ThePlan();
  const long count = ++plan.counts[kind];
  const long all = ++plan.counts[kNumKinds];
  if (plan.kind == kNumKinds && all == plan.at) kill(getpid(), SIGKILL);
  if (plan.kind != kind || count != plan.at) return false;
  errno = plan.error_number;
  return true;
}

bool IsRegular(int descriptor) {
  struct stat info {};
  return descriptor > 2 && fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode);
}

// Number of the `count` bytes that a write transfers; 0 with errno set when the disk is full.
size_t Room(size_t count) {
  Plan& plan = ThePlan();
  if (plan.moves_half) count = (count + 1) / 2;
  if (plan.room_bytes < 0) return count;
  const auto room = std::min(count, static_cast<size_t>(plan.room_bytes.load()));
  plan.room_bytes -= static_cast<long>(room);
  if (room == 0) errno = ENOSPC;
  return room;
}

template <typename Function>
int Open(const char* name, Function* type, const char* path, int flags, mode_t mode) {
  return Fails(kOpen) ? -1 : Real(type, name)(path, flags, mode);
}

mode_t ModeOf(int flags, va_list arguments) { return (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0; }

__attribute__((destructor)) void WriteCounts() {
  const char* name = std::getenv("KITSINK_FAULT_COUNTS");
  std::FILE* const file = name == nullptr ? nullptr : std::fopen(name, "w");
  if (file == nullptr) return;
  for (size_t i = 0; i < kNames.size(); ++i) std::fprintf(file, "%s %ld\n", kNames[i], ThePlan().counts[i].load());
  std::fprintf(file, "all %ld\n", ThePlan().counts[kNumKinds].load());
  std::fclose(file);
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ModeOf(flags, arguments);
  va_end(arguments);
  return Open("open", &open, path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ModeOf(flags, arguments);
  va_end(arguments);
  return Open("open64", &open64, path, flags, mode);
}

ssize_t read(int descriptor, void* to, size_t count) {
  if (IsRegular(descriptor)) {
    if (Fails(kRead)) return -1;
    if (ThePlan().moves_half) count = (count + 1) / 2;
  }
  return Real(&read, "read")(descriptor, to, count);
}

ssize_t write(int descriptor, const void* from, size_t count) {
  if (IsRegular(descriptor)) {
    if (Fails(kWrite)) return -1;
    const size_t room = Room(count);
    if (room == 0 && count != 0) return -1;
    count = room;
  }
  return Real(&write, "write")(descriptor, from, count);
}

int fsync(int descriptor) { return IsRegular(descriptor) && Fails(kFsync) ? -1 : Real(&fsync, "fsync")(descriptor); }

int close(int descriptor) {
  const bool counts = IsRegular(descriptor) && (fcntl(descriptor, F_GETFL) & O_ACCMODE) != O_RDONLY;
  const bool fails = counts && Fails(kClose);
  const int error_number = errno;
  const int result = Real(&close, "close")(descriptor);
  if (!fails) return result;
  errno = error_number;
  return -1;
}

int rename(const char* from, const char* to) noexcept {
  return Fails(kRename) ? -1 : Real(&rename, "rename")(from, to);
}
int link(const char* from, const char* to) noexcept { return Fails(kLink) ? -1 : Real(&link, "link")(from, to); }
int unlink(const char* path) noexcept { return Fails(kUnlink) ? -1 : Real(&unlink, "unlink")(path); }
int mkdir(const char* path, mode_t mode) noexcept { return Fails(kMkdir) ? -1 : Real(&mkdir, "mkdir")(path, mode); }

}  // extern "C"
