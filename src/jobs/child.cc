// Runs another program for a limited time.

#include "jobs/child.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "kitsink/run.h"

namespace kitsink {
namespace {

constexpr double kGraceSeconds = 5;  // between SIGTERM and SIGKILL
constexpr auto kPoll = std::chrono::milliseconds(20);

// A list as exec takes it: pointers, the last one null.
std::vector<char*> Pointers(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// Our environment, and the settings that it lacks.
std::vector<std::string> Environment(const std::vector<Setting>& settings) {
  std::vector<std::string> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) environment.emplace_back(*variable);
  for (const Setting& setting : settings) {
    if (getenv(setting.name.c_str()) == nullptr) environment.push_back(setting.name + "=" + setting.value);
  }
  return environment;
}

// posix_spawn and not fork, because the engine already has threads and gigabytes of memory.
Result<pid_t> Spawn(const std::vector<std::string>& command, const std::vector<std::string>& environment) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  const std::vector<char*> arguments = Pointers(command), variables = Pointers(environment);
  pid_t pid = 0;
  const int code = posix_spawnp(&pid, arguments[0], &actions, &attributes, arguments.data(), variables.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (code != 0) return Error{Code::kIo, command[0] + ": cannot start it: " + std::strerror(code)};
  return pid;
}

// True when the process has ended. It stays a zombie, so that no other process group can get its number meanwhile.
bool HasEnded(pid_t pid) {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

bool WaitFor(pid_t pid, double limit_seconds, const Progress* progress) {
  const Stopwatch watch;
  while (!HasEnded(pid)) {
    if (watch.seconds() >= limit_seconds || (progress != nullptr && progress->stop_requested())) return false;
    std::this_thread::sleep_for(kPoll);
  }
  return true;
}

}  // namespace

Result<ChildOutcome> RunChild(const std::vector<std::string>& command, const std::vector<Setting>& settings,
                              double limit_seconds, const Progress& progress) {
  const Stopwatch watch;
  KIT_ASSIGN(const pid_t pid, Spawn(command, Environment(settings)));
  const bool ended = WaitFor(pid, limit_seconds, &progress);
  if (!ended) {
    kill(-pid, SIGTERM);
    WaitFor(pid, kGraceSeconds, nullptr);
  }
  kill(-pid, SIGKILL);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended && progress.stop_requested()) return Error{Code::kInterrupted, "interrupted"};
  ChildOutcome outcome;
  outcome.timed_out = !ended;
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  outcome.seconds = watch.seconds();
  return outcome;
}

}  // namespace kitsink
