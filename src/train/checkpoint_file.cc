// Keeps the state of a training in a file.

#include "kitsink/file.h"
#include "kitsink/train.h"

namespace kitsink {

Result<Checkpoint> CheckpointInFile(const std::filesystem::path& path) {
  constexpr uint64_t kMostBytes = uint64_t{1} << 32;
  Checkpoint checkpoint;
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) {
    KIT_ASSIGN(checkpoint.saved, ReadFile(path, kMostBytes));
  }
  checkpoint.save = [path](std::span<const uint8_t> bytes) { return WriteFile(path, bytes, Overwrite::kAllow); };
  return checkpoint;
}

}  // namespace kitsink
