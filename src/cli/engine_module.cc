// Defines the entry point of the shared library that holds the engine.

#include <string_view>

#include "cli/engine.h"

namespace kitsink {

extern "C" [[gnu::visibility("default")]] const Engine* kitsink_engine(const char* version) {
  static constexpr Engine kEngine = {
      .codecs = EngineCodecs,
      .compress = Compress,
      .inflate = Inflate,
      .score = RunScore,
      .evaluate = RunEvaluate,
      .mask_pictures = PngPictures,
      .describe = DescribeEngine,
      .make_run_page = MakeRunPage,
  };
  return std::string_view(version) == KITSINK_VERSION ? &kEngine : nullptr;
}

}  // namespace kitsink
