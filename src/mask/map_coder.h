#pragma once
// Codes one class map after another through a BinaryEncoder or a BinaryDecoder: one template for both directions.

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
#include "mask/predictor.h"

namespace kitsink {

// A probability of its own, for decisions that need no mixing: 32 bits, since the sure ones are very sure.
struct FineCounter {
  uint32_t p_one;
  uint32_t count = 0;
  void Update(int bit) {
    const uint32_t rate = 2 + std::min<uint32_t>(count, 1022);
    count += count < 1022 ? 1 : 0;
    p_one = bit != 0 ? p_one + (0xffffffffU - p_one) / rate : p_one - p_one / rate;
  }
};

template <typename Coder>
class MapCoder {
 public:
  MapCoder(int width, int height, int num_classes, Coder& coder)
      : width_(width),
        height_(height),
        num_classes_(num_classes),
        coder_(coder),
        light_(ContextMaker::LightShape()),
        heavy_(ContextMaker::HeavyShape()),
        maps_{MapTables(width, height), MapTables(width, height), MapTables(width, height)},
        warped_(width, height),
        sure_(static_cast<size_t>(width + 2 * kMarginColumns)),
        previous_flat_(width, height) {
    run_ok_.fill(FineCounter{0xfff00000U});
    for (size_t i = 0; i < escape_order_.size(); ++i) escape_order_[i] = static_cast<uint8_t>(i);
    warped_.flat_radius = 2;
    for (MapTables& map : maps_) {
      map.StartMap(map);
      for (int y = 0; y < height; ++y) map.FinishRow(y);
      map.FinishMap();
    }
  }

  // `actual` is the map when encoding and is not read when decoding; the map's ids are left in map().
  void CodeMap(const uint8_t* actual) {
    std::swap(maps_[1], maps_[2]);
    std::swap(maps_[0], maps_[1]);
    current_ = &maps_[0];
    surroundings_ = {&maps_[0], &maps_[1], &maps_[2], &warped_};
    Warp();
    MarkSurePixels();
    maps_[0].StartMap(maps_[1]);
    for (int y = 0; y < height_ && !coder_.failed(); ++y) {
      CodeRow(kEncoding ? actual + static_cast<size_t>(y) * static_cast<size_t>(width_) : nullptr, y);
      maps_[0].FinishRow(y);
    }
    maps_[0].FinishMap();
  }
  const MapTables& map() const { return maps_[0]; }

 private:
  static constexpr bool kEncoding = !std::is_same_v<Coder, BinaryDecoder>;
  // The decision to code; the decoder ignores it.
  static int Is(const uint8_t* actual, int x, uint8_t id) {
    if constexpr (kEncoding) return actual[x] == id ? 1 : 0;
    return 0;
  }

  void Warp() {
    warped_.StartMap(maps_[1]);
    for (int y = 0; y < height_; ++y) {
      std::copy_n(maps_[1].ids.Row(y), width_, warped_.ids.Row(y));
      warped_.FinishRow(y);
    }
    warped_.FinishMap();
  }

  // previous_flat_: the class where all within 4 pixels of the previous map and 2 of the warped one share it.
  void MarkSurePixels() {
    for (int y = 0; y < height_; ++y) {
      uint8_t* out = previous_flat_.Row(y);
      std::copy_n(maps_[1].flat.Row(y), width_, out);
      for (int d = -4; d <= 4; ++d) {
        const uint8_t* flat = maps_[1].flat.Row(y + d);
        for (int x = 0; x < width_; ++x) out[x] = out[x] == flat[x] ? out[x] : kMixed;
      }
      for (int d = -2; d <= 2; ++d) {
        const uint8_t* flat = warped_.flat.Row(y + d);
        for (int x = 0; x < width_; ++x) out[x] = out[x] == flat[x] ? out[x] : kMixed;
      }
    }
  }

  void CodeRow(const uint8_t* actual, int y) {
    uint8_t* row = current_->ids.Row(y);
    const uint8_t* above = current_->ids.Row(y - 1);
    std::fill_n(row - kMarginColumns, kMarginColumns, above[0]);
    uint8_t* left = current_->left.Row(y);
    std::fill_n(left - kMarginColumns, kMarginColumns, uint8_t{kFarRun});
    uint8_t* sure = sure_.data();
    std::copy_n(previous_flat_.Row(y), width_, sure);
    for (int d = 1; d <= 4; ++d) {
      const uint8_t* flat = current_->flat.Row(y - d);
      for (int x = 0; x < width_; ++x) sure[x] = sure[x] == flat[x] ? sure[x] : kMixed;
    }
    sure[width_] = kMixed;
    int x = 0;
    while (x < width_) {
      const uint8_t a = row[x - 1];
      if (sure[x] == a && left[x - 1] >= 4) {
        int length = 1;
        while (length < 64 && sure[x + length] == a) ++length;
        int same = length;
        if constexpr (kEncoding) {
          same = static_cast<int>(std::find_if(actual + x, actual + x + length, [&](uint8_t id) { return id != a; }) -
                                  (actual + x));
        }
        FineCounter& ok = run_ok_[static_cast<size_t>(std::bit_width(static_cast<unsigned>(length)) * 16 + a)];
        const int whole = coder_.Code(same == length ? 1 : 0, ok.p_one);
        ok.Update(whole);
        if (whole == 0) {
          // which pixel differs: halving
          int low = 0, high = length - 1;
          while (low < high) {
            const int middle = (low + high) / 2;
            if (coder_.Code(same <= middle ? 1 : 0, 1U << 31) != 0) {
              high = middle;
            } else {
              low = middle + 1;
            }
          }
          same = low;
        }
        for (int i = 0; i < same; ++i) Put(row, left, x + i, a);
        x += same;
        if (whole == 0 && x < width_) {
          CodeHard(actual, row, left, x, y, 1);
          ++x;
        }
        continue;
      }
      CodePixel(actual, row, left, x, y);
      ++x;
    }
  }

  static void Put(uint8_t* row, uint8_t* left, int x, uint8_t id) {
    row[x] = id;
    left[x] = id == row[x - 1] ? static_cast<uint8_t>(std::min(left[x - 1] + 1, kFarRun)) : uint8_t{1};
  }

  void CodePixel(const uint8_t* actual, uint8_t* row, uint8_t* left, int x, int y) {
    const uint8_t a = row[x - 1];
    const uint8_t *r1 = current_->ids.Row(y - 1), *p = maps_[1].ids.Row(y), *g = warped_.ids.Row(y);
    const bool easy = row[x - 2] == a && r1[x] == a && r1[x - 1] == a && r1[x + 1] == a &&
                      current_->ids.Row(y - 2)[x] == a && p[x] == a && p[x + 1] == a && p[x - 1] == a &&
                      maps_[1].ids.Row(y + 1)[x] == a && maps_[1].ids.Row(y - 1)[x] == a && g[x] == a;
    if (!easy) {
      CodeHard(actual, row, left, x, y, 0);
      return;
    }
    contexts_.Light(surroundings_, x, y);
    contexts_.SetLight(light_, 0, a);
    const int bit = coder_.Code(Is(actual, x, a), light_.Predict());
    light_.Update(bit);
    if (bit != 0) {
      Put(row, left, x, a);
    } else {
      CodeHard(actual, row, left, x, y, 1);
    }
  }

  // Asks "is it this class?" for one candidate after another, nearest neighbours first.
  void CodeHard(const uint8_t* actual, uint8_t* row, uint8_t* left, int x, int y, int first) {
    contexts_.Heavy(surroundings_, x, y);
    const uint8_t *r1 = current_->ids.Row(y - 1), *p = maps_[1].ids.Row(y), *g = warped_.ids.Row(y);
    const std::array<uint8_t, 10> nearest = {row[x - 1],
                                             r1[x],
                                             p[x],
                                             r1[x + 1],
                                             r1[x - 1],
                                             p[x + 1],
                                             maps_[1].ids.Row(y + 1)[x],
                                             p[x - 1],
                                             maps_[1].ids.Row(y - 1)[x],
                                             g[x]};
    uint32_t seen = 0;
    int rank = 0, asked = 0;
    const auto ask = [&](uint8_t candidate) {
      if ((seen >> candidate & 1) != 0) return false;
      seen |= 1U << candidate;
      if (rank++ < first) {
        ++asked;
        return false;
      }
      if (++asked == num_classes_) {
        Put(row, left, x, candidate);
        return true;
      }
      contexts_.SetHeavy(heavy_, std::min(rank - 1, 3), candidate);
      const int bit = coder_.Code(Is(actual, x, candidate), heavy_.Predict());
      heavy_.Update(bit);
      if (bit != 0) Put(row, left, x, candidate);
      return bit != 0;
    };
    for (const uint8_t candidate : nearest) {
      if (ask(candidate)) return;
    }
    for (int i = 0; i < num_classes_; ++i) {
      if (ask(escape_order_[static_cast<size_t>(i)])) {
        std::rotate(escape_order_.begin(), escape_order_.begin() + i, escape_order_.begin() + i + 1);
        return;
      }
    }
  }

  int width_, height_, num_classes_;
  Coder& coder_;
  Predictor light_, heavy_;
  ContextMaker contexts_;
  std::array<MapTables, 3> maps_;  // being coded, previous, the one before
  MapTables warped_;
  MapTables* current_ = nullptr;
  Surroundings surroundings_{};
  std::vector<uint8_t> sure_;
  Plane previous_flat_;
  std::array<FineCounter, 8 * 16> run_ok_;
  std::array<uint8_t, 16> escape_order_{};
};

}  // namespace kitsink
