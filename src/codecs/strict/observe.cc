// Looks at the original for the first stages of compress.

#include "codecs/strict/observe.h"

namespace kitsink::strict {

MaskClip MapsOf(std::span<const Observation> targets) {
  MaskClip maps{kModelGrid.width, kModelGrid.height, static_cast<uint32_t>(targets.size()), kNumClasses, {}};
  for (const Observation& target : targets) {
    maps.ids.insert(maps.ids.end(), target.class_map.begin(), target.class_map.end());
  }
  return maps;
}

Result<ClassColours> MeanColours(const CompressContext& context, std::span<const Observation> targets) {
  std::array<std::array<uint64_t, 4>, kNumClasses> sums{};  // of red, green and blue, and the number of pixels
  size_t pair = 0;
  const auto add = [&](const FramePair& pictures) -> Status {
    if (pair == targets.size()) return Error{Code::kIo, "video: changed while it was read: has more pairs now"};
    const std::vector<uint8_t>& map = targets[pair++].class_map;
    for (size_t i = 0; i < map.size(); ++i) {
      std::array<uint64_t, 4>& sum = sums[map[i]];
      for (size_t c = 0; c < 3; ++c) sum[c] += pictures.f1.rgb[3 * i + c];
      ++sum[3];
    }
    return Ok();
  };
  KIT_TRY(ForEachGridPair(context, context.pairs, add));
  ClassColours colours{};
  for (size_t k = 0; k < sums.size(); ++k) {
    for (size_t c = 0; c < 3; ++c) {
      colours[k][c] = sums[k][3] > 0
                          ? static_cast<float>(static_cast<double>(sums[k][c]) / static_cast<double>(sums[k][3]))
                          : 127.5F;
    }
  }
  return colours;
}

}  // namespace kitsink::strict
