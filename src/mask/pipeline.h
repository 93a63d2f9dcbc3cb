#pragma once
// Runs the bands of a clip over its maps, on one thread or two.
//
// With two bands, step k codes the upper band of map k beside the lower band of map k - 1. So the lower band sees the
// whole upper one of its own map, and the upper band sees, below the split, the map before the previous: nothing that
// a pixel is predicted from depends on how the two threads run.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <future>
#include <vector>

#include "kitsink/log.h"
#include "kitsink/result.h"
#include "mask/band_coder.h"
#include "mask/head.h"

namespace kitsink {

// The bands of a clip that is split above row `split`, or not at all when that is 0.
inline std::vector<RowWindow> BandsOf(int height, int split) {
  if (split == 0) return {{0, height}};
  return {{0, split}, {split, height}};
}

inline ClipShape ShapeOf(const MaskHead& head) {
  return {static_cast<int>(head.width), static_cast<int>(head.height), static_cast<int>(head.num_classes), head.level,
          head.clip_bytes()};
}

inline void CopyRows(const MapTables& from, RowWindow rows, MapTables& to) {
  for (int y = rows.begin; y < rows.end; ++y) std::copy_n(from.ids.Row(y), from.width, to.ids.Row(y));
}

// `prepare(i, upper)` tells the upper band's motion before map i; `actual(i)` is map i when encoding; `done(i, map)` is
// called with every whole map in turn. Stops early, with an error, when asked to or when a decoder has failed.
template <typename Coder, typename Prepare, typename Actual, typename Done>
Status CodeMaps(std::vector<BandCoder<Coder>>& bands, size_t count, int threads, Progress& progress, Prepare prepare,
                Actual actual, Done done) {
  BandCoder<Coder>& upper = bands.front();
  const bool split = bands.size() == 2;
  for (size_t step = 0; step < count + (split ? 1 : 0); ++step) {
    if (progress.stop_requested()) return Error{Code::kIo, "interrupted"};
    const bool codes_upper = step < count, codes_lower = split && step > 0;
    const auto code_upper = [&] {
      upper.StartMap();
      prepare(step, upper);
      upper.CodeRows(actual(step));
    };
    const auto code_lower = [&] { bands[1].CodeRows(actual(step - 1)); };
    if (codes_upper && codes_lower && threads > 1) {
      std::future<void> lower = std::async(std::launch::async, code_lower);
      code_upper();
      lower.get();
    } else {
      if (codes_lower) code_lower();
      if (codes_upper) code_upper();
    }
    for (BandCoder<Coder>& band : bands) {
      if (band.coder().failed()) return Ok();
    }
    if (codes_lower) {
      bands[1].FinishMap();
      done(step - 1, bands[1].map());
    }
    if (!codes_upper) continue;
    if (split) {
      BandCoder<Coder>& lower = bands[1];
      CopyRows(lower.map(), lower.band(), upper.map());
      upper.FinishMap();
      lower.StartMap();
      lower.SetMotion(upper.motion());
      CopyRows(upper.map(), upper.band(), lower.map());
    } else {
      upper.FinishMap();
      done(step, upper.map());
    }
  }
  return Ok();
}

}  // namespace kitsink
