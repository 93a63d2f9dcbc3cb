#pragma once
// Codes the maps of a segment one after another. One template serves BinaryEncoder and BinaryDecoder.

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "kitsink/binary_coder.h"
#include "mask/context.h"
#include "mask/map_tables.h"
#include "mask/motion.h"
#include "mask/network.h"
#include "mask/predictor.h"

namespace kitsink {

// An adaptive probability for decisions without mixing. It has 32 bits because some decisions are almost certain.
struct FineCounter {
  uint32_t p_one = 1U << 31;
  uint32_t count = 0;
  void Update(int bit) {
    const uint32_t rate = 2 + count;
    if (count < 1022) ++count;
    p_one = bit != 0 ? p_one + (UINT32_MAX - p_one) / rate : p_one - p_one / rate;
  }
};

// What a coder must know about its maps.
struct ClipShape {
  int width, height, num_classes;
  LevelShape work;
  uint64_t pixels;  // in all maps of the segment; small clips get small tables
};

// A coder that adds up the cost of its decisions, by what they were for.
template <typename Coder>
concept CountsBits = requires(Coder coder) {
  coder.ChargeClass(uint8_t{});
};

template <typename Coder>
class MapCoder {
 public:
  static constexpr bool kEncoding = !std::is_base_of_v<BinaryDecoder, Coder>;

  MapCoder(const ClipShape& clip, Coder coder)
      : width_(clip.width),
        height_(clip.height),
        num_classes_(clip.num_classes),
        coder_(std::move(coder)),
        easy_(EasyContexts::Shape(clip.work, TableBits(clip.pixels))),
        hard_(HardContexts::Shape(clip.work, TableBits(clip.pixels))),
        all_hard_(clip.work.easy_contexts == 0),
        hard_contexts_(clip.work, width_),
        maps_{EmptyMap(4), EmptyMap(4), EmptyMap(4)},
        warped_(EmptyMap(2)),
        sure_(static_cast<size_t>(width_) + 1),
        sure_before_(width_, height_) {
    for (int i = 0; i < clip.work.num_networks; ++i) {
      networks_.emplace_back(
          NetworkShape{HardContexts::kNumFeatureRows, clip.work.hidden, 16 * HardContexts::kNumRanks},
          static_cast<uint32_t>(i + 1));
    }
    for (FineCounter& counter : run_whole_) counter.p_one = 0xfff00000U;
    for (size_t i = 0; i < escape_order_.size(); ++i) escape_order_[i] = static_cast<uint8_t>(i);
  }

  // Makes the latest map the previous one.
  void StartMap() {
    std::swap(maps_[1], maps_[2]);
    std::swap(maps_[0], maps_[1]);
    maps_[0].StartMap(maps_[1]);
  }
  // Codes the motion as a difference from the motion of the previous map. A decoder ignores the argument.
  void CodeMotion(const Motion& wanted) {
    for (size_t i = 0; i < Motion::kNumFields; ++i) {
      motion_.field[i] += CodeInteger(wanted.field[i] - motion_.field[i], motion_models_[i]);
      motion_.field[i] = std::clamp(motion_.field[i], -kMaxMotion, kMaxMotion);
    }
    for (uint32_t id = 0; id < static_cast<uint32_t>(num_classes_); ++id) {
      const uint32_t differs = (wanted.plane ^ motion_.plane) >> id & 1;
      motion_.plane ^= static_cast<uint32_t>(CodeBit(static_cast<int>(differs), plane_model_)) << id;
    }
  }

  // Codes the next map. `actual` holds its ids; a decoder does not read it.
  void CodeMap(const uint8_t* actual) {
    WarpMap(maps_[1], motion_, warped_);
    MarkSurePixels();
    hard_contexts_.StartMap();
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
  static constexpr int32_t kMaxMotion = (1 << kMotionBits) - 1;

  static int TableBits(uint64_t pixels) { return std::clamp(static_cast<int>(std::bit_width(pixels)) - 6, 10, 18); }

  MapTables EmptyMap(int flat_radius) const {
    MapTables map(width_, height_, flat_radius);
    map.StartMap(map);
    for (int y = 0; y < height_; ++y) map.FinishRow(y);
    map.FinishMap();
    return map;
  }

  int CodeBit(int bit, FineCounter& model) {
    const int coded = coder_.Code(bit, model.p_one);
    model.Update(coded);
    return coded;
  }

  // Codes: not zero?, the sign, the bit length of the magnitude in unary, then the bits below the leading one.
  using IntegerModel = std::array<FineCounter, kMotionBits + 3>;
  int32_t CodeInteger(int32_t value, IntegerModel& model) {
    if (CodeBit(value != 0 ? 1 : 0, model[0]) == 0) return 0;
    const int negative = CodeBit(value < 0 ? 1 : 0, model[1]);
    const auto magnitude = static_cast<uint32_t>(value < 0 ? -value : value);
    int width = 1;
    while (width <= kMotionBits && CodeBit(static_cast<int>(std::bit_width(magnitude)) > width ? 1 : 0,
                                           model[static_cast<size_t>(width) + 1]) != 0) {
      ++width;
    }
    uint32_t coded = 1;
    for (int bit = width - 2; bit >= 0; --bit)
      coded = coded << 1 | static_cast<uint32_t>(CodeEven(magnitude >> bit & 1));
    return negative != 0 ? -static_cast<int32_t>(coded) : static_cast<int32_t>(coded);
  }
  int CodeEven(uint32_t bit) { return coder_.Code(static_cast<int>(bit), 1U << 31); }

  // The decision to encode; 0 for a decoder, which ignores it.
  static int Is(const uint8_t* actual, int x, uint8_t id) {
    if constexpr (kEncoding) return actual[x] == id ? 1 : 0;
    return 0;
  }

  // Fills sure_before_: the class of a pixel if all pixels within 4 in the previous map and within 2 in the warped map
  // have it, otherwise kMixed.
  void MarkSurePixels() {
    for (int y = 0; y < height_; ++y) {
      uint8_t* sure = sure_before_.Row(y);
      std::copy_n(maps_[1].flat.Row(y), width_, sure);
      for (int dy = -4; dy <= 4; ++dy) KeepAgreeing(maps_[1].flat.Row(y + dy), sure);
      for (int dy = -2; dy <= 2; ++dy) KeepAgreeing(warped_.flat.Row(y + dy), sure);
    }
  }
  void KeepAgreeing(const uint8_t* flat, uint8_t* sure) const {
    for (int x = 0; x < width_; ++x) sure[x] = sure[x] == flat[x] ? sure[x] : kMixed;
  }

  void CodeRow(const uint8_t* actual, int y) {
    uint8_t* row = maps_[0].ids.Row(y);
    uint8_t* left = maps_[0].left.Row(y);
    std::fill_n(row - kMarginColumns, kMarginColumns, row[-static_cast<int>(maps_[0].ids.stride())]);
    std::fill_n(left - kMarginColumns, kMarginColumns, uint8_t{kFarRun});
    std::copy_n(sure_before_.Row(y), width_, sure_.data());
    for (int dy = 1; dy <= 4; ++dy) KeepAgreeing(maps_[0].flat.Row(y - dy), sure_.data());
    sure_[static_cast<size_t>(width_)] = kMixed;
    for (int x = 0; x < width_;) {
      if (sure_[static_cast<size_t>(x)] == row[x - 1] && left[x - 1] >= 4) {
        x = CodeSureRun(actual, x, y);
      } else {
        CodePixel(actual, x, y);
        ++x;
      }
    }
  }

  void Charge(uint8_t id) {
    if constexpr (CountsBits<Coder>) coder_.ChargeClass(id);
  }

  void Put(int x, int y, uint8_t id) {
    uint8_t* row = maps_[0].ids.Row(y);
    uint8_t* left = maps_[0].left.Row(y);
    row[x] = id;
    left[x] = id == row[x - 1] ? static_cast<uint8_t>(std::min(left[x - 1] + 1, kFarRun)) : uint8_t{1};
  }

  // Codes a run of up to 64 sure pixels with one decision: do all continue the class on the left? If not, codes the
  // index of the first pixel that does not, and this pixel as a hard one. Returns the next column to code.
  int CodeSureRun(const uint8_t* actual, int x, int y) {
    constexpr int kMaxRun = 64;
    const uint8_t a = maps_[0].ids.Row(y)[x - 1];
    int length = 1;
    while (length < kMaxRun && sure_[static_cast<size_t>(x + length)] == a) ++length;
    int same = length;
    if constexpr (kEncoding) {
      same = static_cast<int>(std::find_if(actual + x, actual + x + length, [a](uint8_t id) { return id != a; }) -
                              actual) -
             x;
    }
    FineCounter& model = run_whole_[static_cast<size_t>(std::bit_width(static_cast<unsigned>(length)) * 16 + a)];
    const bool whole = CodeBit(same == length ? 1 : 0, model) != 0;
    if (!whole) {
      int low = 0, high = length - 1;
      while (low < high) {
        const int middle = (low + high) / 2;
        if (CodeEven(same <= middle ? 1 : 0) != 0) {
          high = middle;
        } else {
          low = middle + 1;
        }
      }
      same = low;
    } else {
      same = length;
    }
    for (int i = 0; i < same; ++i) Put(x + i, y, a);
    if (whole) {
      Charge(a);
      return x + length;
    }
    CodeHard(actual, x + same, y, 1);
    return x + same + 1;
  }

  void CodePixel(const uint8_t* actual, int x, int y) {
    const uint8_t *row = maps_[0].ids.Row(y), *r1 = maps_[0].ids.Row(y - 1), *r2 = maps_[0].ids.Row(y - 2);
    const uint8_t *p = maps_[1].ids.Row(y), *pm = maps_[1].ids.Row(y - 1), *p1 = maps_[1].ids.Row(y + 1);
    const uint8_t a = row[x - 1];
    const bool easy = row[x - 2] == a && r1[x] == a && r1[x - 1] == a && r1[x + 1] == a && r2[x] == a && p[x] == a &&
                      p[x + 1] == a && p[x - 1] == a && p1[x] == a && pm[x] == a && warped_.ids.Row(y)[x] == a;
    if (!easy || all_hard_) {
      CodeHard(actual, x, y, 0);
      return;
    }
    easy_contexts_.Gather(Around(), x, y);
    easy_contexts_.Set(easy_, a);
    const int bit = coder_.Code(Is(actual, x, a), easy_.Predict());
    easy_.Update(bit);
    if (bit != 0) {
      Put(x, y, a);
      Charge(a);
    } else {
      CodeHard(actual, x, y, 1);
    }
  }

  // Codes "is it this class?" for one candidate class after another, nearest neighbours first. The first `known`
  // candidates are already excluded. The last class left needs no decision.
  void CodeHard(const uint8_t* actual, int x, int y, int known) {
    hard_contexts_.Gather(Around(), x, y);
    for (Network& network : networks_) network.SetInput(hard_contexts_.features());
    const uint8_t *row = maps_[0].ids.Row(y), *r1 = maps_[0].ids.Row(y - 1);
    const uint8_t *p = maps_[1].ids.Row(y), *pm = maps_[1].ids.Row(y - 1), *p1 = maps_[1].ids.Row(y + 1);
    const std::array<uint8_t, 10> nearest = {row[x - 1], r1[x], p[x],     r1[x + 1], r1[x - 1],
                                             p[x + 1],   p1[x], p[x - 1], pm[x],     warped_.ids.Row(y)[x]};
    uint32_t seen = 0;
    int asked = 0;
    const auto settles = [&](uint8_t candidate) {
      if ((seen >> candidate & 1) != 0) return false;
      seen |= 1U << candidate;
      const int rank = asked++;
      if (rank < known) return false;
      const bool settled =
          asked == num_classes_ || Ask(actual, x, std::min(rank, HardContexts::kNumRanks - 1), candidate);
      if (settled) {
        Put(x, y, candidate);
        Charge(candidate);
      }
      return settled;
    };
    for (const uint8_t candidate : nearest) {
      if (settles(candidate)) return;
    }
    // The class is not that of a neighbour. Try the others, those found here most recently first.
    for (auto at = escape_order_.begin(); at != escape_order_.begin() + num_classes_; ++at) {
      if (!settles(*at)) continue;
      std::rotate(escape_order_.begin(), at, at + 1);
      return;
    }
  }

  bool Ask(const uint8_t* actual, int x, int rank, uint8_t candidate) {
    hard_contexts_.Set(hard_, rank, candidate);
    for (size_t i = 0; i < networks_.size(); ++i) {
      hard_.SetExtra(static_cast<int>(i), networks_[i].Predict(rank * 16 + candidate));
    }
    const int bit = coder_.Code(Is(actual, x, candidate), hard_.Predict());
    hard_.Update(bit);
    for (Network& network : networks_) network.Update(bit);
    return bit != 0;
  }

  Surroundings Around() const { return {&maps_[0], &maps_[1], &maps_[2], &warped_}; }

  int width_, height_, num_classes_;
  Coder coder_;
  Predictor easy_, hard_;
  std::vector<Network> networks_;  // with different initial weights
  bool all_hard_;
  EasyContexts easy_contexts_;
  HardContexts hard_contexts_;
  std::array<MapTables, 3> maps_;  // the map being coded, the previous one, the one before it
  MapTables warped_;
  Motion motion_;
  std::array<IntegerModel, Motion::kNumFields> motion_models_;
  FineCounter plane_model_;
  std::vector<uint8_t> sure_;
  Plane sure_before_;
  std::array<FineCounter, 8 * 16> run_whole_;  // by bit width of the run's length, and class
  std::array<uint8_t, 16> escape_order_{};
};

}  // namespace kitsink
