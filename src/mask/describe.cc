// Describes a stream m by its head.

#include <cstdio>
#include <string>

#include "kitsink/mask.h"

namespace kitsink {

std::string MaskLevelName(int level) { return level == kCtwLevel ? "ctw" : std::to_string(level); }

std::string DescribeMask(const MaskInfo& info, uint64_t stream_bytes) {
  const auto bytes = static_cast<double>(stream_bytes);
  const double pixels = static_cast<double>(info.width) * info.height * info.count;
  char text[200];
  std::snprintf(text, sizeof(text), "%u class maps of %u x %u, %u classes, %s, %.1f bytes a pair, %.6f bits a pixel",
                info.count, info.width, info.height, info.num_classes,
                info.stored ? "stored" : ("level " + MaskLevelName(info.level)).c_str(), bytes / info.count,
                8 * bytes / pixels);
  return text;
}

// Plain numbers and booleans, written here to avoid a JSON library.
std::string MaskFacts(const MaskInfo& info) {
  return "{\"width\": " + std::to_string(info.width) + ", \"height\": " + std::to_string(info.height) +
         ", \"classes\": " + std::to_string(info.num_classes) + ", \"level\": " + std::to_string(info.level) +
         ", \"stored\": " + (info.stored ? "true" : "false") + "}";
}

}  // namespace kitsink
