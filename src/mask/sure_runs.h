#pragma once
// Sure pixels: all pixels around them, in this map and in those before it, are of one class. Runs of them are coded by
// one decision.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "mask/fine_counter.h"
#include "mask/journal.h"
#include "mask/map_tables.h"

namespace kitsink {

class SureRuns {
 public:
  SureRuns(int width, int height)
      : width_(width), height_(height), sure_(static_cast<size_t>(width) + 1), sure_before_(width, height) {
    for (FineCounter& counter : run_whole_) counter.p_one = 0xfff00000U;
  }

  // Finds the class of a pixel if all pixels within 4 in the previous map and within 2 in the warped map have it.
  void StartMap(const MapTables& previous, const MapTables& warped) {
    for (int y = 0; y < height_; ++y) FindSureBefore(previous, warped, y, sure_before_);
  }
  // A row of that, into any plane.
  static void FindSureBefore(const MapTables& previous, const MapTables& warped, int y, Plane& sure_before) {
    uint8_t* sure = sure_before.Row(y);
    std::copy_n(previous.flat.Row(y), previous.width, sure);
    for (int dy = -4; dy <= 4; ++dy) KeepAgreeing(previous.flat.Row(y + dy), previous.width, sure);
    for (int dy = -2; dy <= 2; ++dy) KeepAgreeing(warped.flat.Row(y + dy), previous.width, sure);
  }
  void StartRow(const MapTables& current, int y) {
    std::copy_n(sure_before_.Row(y), width_, sure_.data());
    for (int dy = 1; dy <= 4; ++dy) KeepAgreeing(current.flat.Row(y - dy), width_, sure_.data());
    sure_[static_cast<size_t>(width_)] = kMixed;
  }
  // True when pixel x is sure: the run of class `a` on its left has `left` pixels.
  bool Has(int x, uint8_t a, int left) const { return sure_[static_cast<size_t>(x)] == a && left >= 4; }

  struct Run {
    int same;    // pixels of class a
    bool whole;  // false: the pixel after them is of another class
  };
  // Codes a run of up to 64 sure pixels with one decision: do all continue the class on the left? If not, codes the
  // index of the first pixel that does not. `actual` points to the row's ids; a decoder passes null.
  template <typename Coder>
  Run Code(Coder& coder, const uint8_t* actual, int x, uint8_t a) {
    constexpr int kMaxRun = 64;
    int length = 1;
    while (length < kMaxRun && sure_[static_cast<size_t>(x + length)] == a) ++length;
    int same = length;
    if (actual != nullptr) {
      same = static_cast<int>(std::find_if(actual + x, actual + x + length, [a](uint8_t id) { return id != a; }) -
                              actual) -
             x;
    }
    FineCounter& model = run_whole_[static_cast<size_t>(std::bit_width(static_cast<unsigned>(length)) * 16 + a)];
    if (CodeBit(coder, same == length ? 1 : 0, model) != 0) return {length, true};
    int low = 0, high = length - 1;
    while (low < high) {
      const int middle = (low + high) / 2;
      if (CodeEven(coder, same <= middle ? 1 : 0) != 0) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return {low, false};
  }

  void SwapSureBefore(Plane& other) { std::swap(sure_before_, other); }
  // Saves what Code() may change.
  void SaveState(Journal& journal) { journal.Save(&run_whole_); }

 private:
  static void KeepAgreeing(const uint8_t* flat, int width, uint8_t* sure) {
    for (int x = 0; x < width; ++x) sure[x] = sure[x] == flat[x] ? sure[x] : kMixed;
  }

  int width_, height_;
  std::vector<uint8_t> sure_;                  // of the row, then kMixed
  Plane sure_before_;                          // before the map's own rows are known; kMixed: not sure
  std::array<FineCounter, 8 * 16> run_whole_;  // by bit width of the run's length, and class
};

}  // namespace kitsink
