// Parses the command line and runs the chosen verb.

#include <fcntl.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>

#include "cli/command.h"
#include "kitsink/version.h"

#ifdef KITSINK_JEMALLOC
// jemalloc's settings, which it finds by this name. A layer's output has tens of megabytes: freed memory is kept for
// the next layer, because the page faults of new memory cost three to five times the arithmetic. One arena lets threads
// reuse each other's blocks.
extern "C" {
[[gnu::visibility("default"), gnu::used]] const char* malloc_conf = "dirty_decay_ms:-1,muzzy_decay_ms:-1,narenas:1";
}
#endif

namespace kitsink {
namespace {

std::string VersionText() {
  std::string text = "kitsink " + std::string(Version()) + "\n";
  text += "  archive formats 1 and 2, " KITSINK_BUILD_TYPE " build, " KITSINK_COMPILER "\n";
  text += std::string_view(KITSINK_TORCH_VERSION).empty() ? "  built without the engine\n"
                                                          : "  engine built against LibTorch " KITSINK_TORCH_VERSION
                                                            "; every report names the one that ran\n";
#ifdef KITSINK_JEMALLOC
  text += "  memory by jemalloc\n";
#endif
  return text;
}

int Main(int argc, char** argv) {
  CLI::App app(
      "kitsink: compresses a driving video for two frozen neural networks, inflates it again, and scores it:\n"
      "100 * seg + sqrt(10 * pose) + 25 * archive bytes / original bytes, lower is better.",
      "kitsink");
  app.set_help_all_flag("--help-all", "Help of every verb");
  app.set_version_flag("--version,-V", VersionText, "Version and build facts");
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  kitsink compress drive.mkv -o drive.zip\n"
      "  kitsink inflate drive.zip out/\n"
      "  kitsink score out/ --device cpu\n"
      "  kitsink report out/ -o report.html\n"
      "  kitsink evaluate --submission-dir submissions/mine\n"
      "  kitsink info drive.zip\n"
      "  kitsink verify drive.zip --against out/\n"
      "  kitsink doctor\n"
      "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.");
  Action action;
  AddCompress(app, action);
  AddInflate(app, action);
  AddScore(app, action);
  AddEvaluate(app, action);
  AddInfo(app, action);
  AddVerify(app, action);
  AddUnpack(app, action);
  AddPack(app, action);
  AddRepack(app, action);
  AddDoctor(app, action);
  AddLedger(app, action);
  AddReport(app, action);
  AddSubmission(app, action);
  AddAudit(app, action);
  AddMask(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? kExitDone : kExitUsage;
  }
  InstallInterruptHandler();
  return action();
}

// Gives closed standard streams descriptors on which reads end and writes fail. Otherwise the next file to be opened
// would get such a descriptor, and results would be written into it.
void ReserveStandardStreams() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor) {
    if (fcntl(descriptor, F_GETFD) < 0) open("/dev/null", descriptor == 2 ? O_WRONLY : O_RDONLY);
  }
}

// A verb whose results did not arrive has failed.
int CheckStandardOutput(int code) {
  errno = 0;
  std::cout.flush();
  const bool failed = std::fflush(stdout) != 0 || std::ferror(stdout) != 0 || !std::cout;
  if (!failed) return code;
  std::fprintf(stderr, "kitsink: standard output: cannot write%s%s\n", errno == 0 ? "" : ": ",
               errno == 0 ? "" : std::strerror(errno));
  return code == kExitDone ? kExitFailed : code;
}

}  // namespace
}  // namespace kitsink

int main(int argc, char** argv) {
  try {
    kitsink::ReserveStandardStreams();
    return kitsink::CheckStandardOutput(kitsink::Main(argc, argv));
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "kitsink: out of memory\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "kitsink: %s\n", error.what());
  }
  return kitsink::kExitFailed;
}
