#pragma once
// Codes the maps of a segment by context-tree weighting. One template serves BinaryEncoder and BinaryDecoder.

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "kitsink/binary_coder.h"
#include "mask/ctw_model.h"
#include "mask/fine_counter.h"
#include "mask/map_coder.h"
#include "mask/map_tables.h"
#include "mask/motion.h"
#include "mask/sure_runs.h"

namespace kitsink {

// Has the methods of MapCoder.
template <typename Coder>
class CtwCoder {
 public:
  static constexpr bool kEncoding = !std::is_base_of_v<BinaryDecoder, Coder>;

  CtwCoder(const ClipShape& clip, Coder coder) : CtwCoder(clip, CtwShape{}, std::move(coder)) {}
  CtwCoder(const ClipShape& clip, const CtwShape& shape, Coder coder)
      : width_(clip.width),
        height_(clip.height),
        num_classes_(clip.num_classes),
        coder_(std::move(coder)),
        model_(shape, clip.pixels),
        maps_{EmptyMap(width_, height_, 4), EmptyMap(width_, height_, 4), EmptyMap(width_, height_, 4)},
        warped_(EmptyMap(width_, height_, 2)),
        sure_(width_, height_) {}

  void StartMap() {
    std::swap(maps_[1], maps_[2]);
    std::swap(maps_[0], maps_[1]);
    maps_[0].StartMap(maps_[1]);
  }
  void CodeMotion(const Motion& wanted) { WarpMap(maps_[1], motion_.Code(coder_, wanted, num_classes_), warped_); }
  void CodeMap(const uint8_t* actual) {
    sure_.StartMap(maps_[1], warped_);
    for (int y = 0; y < height_ && !coder_.failed(); ++y) {
      CodeRow(kEncoding ? actual + static_cast<size_t>(y) * static_cast<size_t>(width_) : nullptr, y);
      maps_[0].FinishRow(y);
    }
    maps_[0].FinishMap();
  }
  const MapTables& map() const { return maps_[0]; }
  const MapTables& previous() const { return maps_[1]; }
  Coder& coder() { return coder_; }

 private:
  void CodeRow(const uint8_t* actual, int y) {
    maps_[0].StartRow(y);
    sure_.StartRow(maps_[0], y);
    const uint8_t *row = maps_[0].ids.Row(y), *left = maps_[0].left.Row(y);
    for (int x = 0; x < width_;) {
      const uint8_t a = row[x - 1];
      int known = 0;
      if (sure_.Has(x, a, left[x - 1])) {
        const SureRuns::Run run = sure_.Code(coder_, actual, x, a);
        for (int i = 0; i < run.same; ++i) maps_[0].Put(x++, y, a);
        if (run.whole) {
          Charge(a);
          continue;
        }
        known = 1;
      }
      const uint8_t id = CodePixel(actual, x, y, known);
      maps_[0].Put(x++, y, id);
      Charge(id);
    }
  }

  // Asks "is it this class?" for the classes of near neighbours, then for the others. The first `known` classes are
  // already excluded. The last class left needs no decision.
  uint8_t CodePixel(const uint8_t* actual, int x, int y, int known) {
    MeasureShortList({&maps_[0], &maps_[1], &maps_[2], &warped_}, x, y, measures_);
    model_.Gather(measures_);
    const uint8_t *row = maps_[0].ids.Row(y), *above = maps_[0].ids.Row(y - 1);
    const std::array<uint8_t, 5> nearest = {row[x - 1], above[x], maps_[1].ids.Row(y)[x], warped_.ids.Row(y)[x],
                                            above[x + 1]};
    uint32_t seen = 0;
    int rank = 0;
    for (size_t i = 0;; ++i) {
      const auto candidate = i < nearest.size() ? nearest[i] : static_cast<uint8_t>(i - nearest.size());
      if ((seen >> candidate & 1) != 0) continue;
      seen |= 1U << candidate;
      if (rank + 1 == num_classes_) return candidate;
      if (rank >= known && Ask(actual, x, rank, candidate)) return candidate;
      ++rank;
    }
  }

  bool Ask(const uint8_t* actual, int x, int rank, uint8_t candidate) {
    const uint32_t p_one = model_.Predict(rank, candidate);
    const int bit = coder_.Code(kEncoding && actual[x] == candidate ? 1 : 0, p_one);
    model_.Update(bit);
    return bit != 0;
  }

  void Charge(uint8_t id) {
    if constexpr (CountsBits<Coder>) coder_.ChargeClass(id);
  }

  int width_, height_, num_classes_;
  Coder coder_;
  Measures measures_;
  CtwModel model_;
  std::array<MapTables, 3> maps_;  // the map being coded, the previous one, the one before it
  MapTables warped_;
  MotionCoder motion_;
  SureRuns sure_;
};

}  // namespace kitsink
