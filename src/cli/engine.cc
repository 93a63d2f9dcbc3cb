// Finds and opens the engine's shared library.

#include "cli/engine.h"

#include <dlfcn.h>
#include <stdlib.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "cli/command.h"

namespace kitsink {
namespace {

Result<const Engine*> OpenFile(const std::filesystem::path& path) {
  // Idle threads of OpenMP and OpenBLAS would spin and take the processors from other jobs: beside two busy processes
  // on two cores, compress took four times the processor time. A user's own setting wins.
  setenv("OMP_WAIT_POLICY", "PASSIVE", /*overwrite=*/0);
  setenv("OPENBLAS_THREAD_TIMEOUT", "4", /*overwrite=*/0);
  // RTLD_GLOBAL, because LibTorch's libraries find each other's type information by name.
  void* const library = dlopen(path.c_str(), RTLD_LAZY | RTLD_GLOBAL);
  if (library == nullptr) {
    const char* reason = dlerror();
    return Error{Code::kIo, "engine: cannot load it: " + std::string(reason == nullptr ? path.string() : reason)};
  }
  void* const entry = dlsym(library, kEngineEntry);
  const Engine* const engine =
      entry == nullptr ? nullptr : reinterpret_cast<decltype(&kitsink_engine)>(entry)(KITSINK_VERSION);
  if (engine == nullptr) {
    return Error{Code::kUnsupported,
                 "engine: " + path.string() + " belongs to another kitsink than this " KITSINK_VERSION};
  }
  return engine;
}

Result<const Engine*> FindAndOpen() {
  if (std::string_view(KITSINK_ENGINE_FILE).empty()) {
    return Error{Code::kUnsupported, "engine: this kitsink was built without it, and this verb needs it to compute"};
  }
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return Error{Code::kIo, "engine: cannot tell where this program lies: " + error.message()};
  const std::filesystem::path beside = self.parent_path() / KITSINK_ENGINE_FILE;
  const std::filesystem::path installed =
      (self.parent_path() / KITSINK_RELATIVE_LIB_DIR / KITSINK_ENGINE_FILE).lexically_normal();
  for (const std::filesystem::path& path : {beside, installed}) {
    if (std::filesystem::exists(path, error)) return OpenFile(path);
  }
  return Error{Code::kIo, "engine: found neither " + beside.string() + " nor " + installed.string() +
                              ", which this verb needs to compute"};
}

}  // namespace

Result<const Engine*> OpenEngine() {
  static const Result<const Engine*> engine = FindAndOpen();
  return engine;
}

Result<const Engine*> OpenEngine(JobOptions& job) {
  KIT_ASSIGN(const Engine* const engine, OpenEngine());
  KIT_TRY(ResolveNets(job));
  job.codecs = engine->codecs();
  return engine;
}

}  // namespace kitsink
