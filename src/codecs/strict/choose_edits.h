#pragma once
// Chooses which of the tested ideas of a class map are made together.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "codecs/strict/propose_edits.h"

namespace kitsink::strict {

// An idea with what SegNet read when it was made: errors is the number of broken pixels less that of mended ones.
struct TestedIdea {
  EditIdea idea;
  std::vector<size_t> mended, broken;  // pixels near it that are read right, or wrong, only with it
};

// Squares of 2 * reach + 1 pixels around edits, each pixel with the number of the idea that took it.
class Windows {
 public:
  Windows(uint32_t width, uint32_t height) : width_(width), height_(height), owner_(size_t{width} * height, -1) {}

  bool IsFree(const MapEdits& edits, int reach) const {
    bool free = true;
    ForWindow(edits, reach, [&](size_t at) { free = free && owner_[at] < 0; });
    return free;
  }
  void Take(const MapEdits& edits, int reach, int owner) {
    ForWindow(edits, reach, [&](size_t at) { owner_[at] = owner; });
  }
  // Negative: none.
  int owner(size_t at) const { return owner_[at]; }

 private:
  template <typename Visit>
  void ForWindow(const MapEdits& edits, int reach, const Visit& visit) const {
    for (const MapEdit& edit : edits) {
      const int x = static_cast<int>(edit.x), y = static_cast<int>(edit.y);
      const int end_x = std::min(static_cast<int>(width_), x + reach + 1);
      const int end_y = std::min(static_cast<int>(height_), y + reach + 1);
      for (int v = std::max(0, y - reach); v < end_y; ++v) {
        for (int u = std::max(0, x - reach); u < end_x; ++u) visit(static_cast<size_t>(v) * width_ + u);
      }
    }
  }
  uint32_t width_, height_;
  std::vector<int> owner_;
};

// Pixels around an edit whose errors count as its own.
inline constexpr int kEditReach = 10;

// Ideas in the order in which each adds the least score to those before it, up to one that would add `most`. A pixel
// that several of them mend, or break, counts once. Their edits lie at least 3 pixels apart.
struct AddedIdea {
  size_t index = 0;
  double score = 0;  // that it adds
};
std::vector<AddedIdea> OrderIdeas(std::span<const TestedIdea> ideas, const EditCosts& costs, double most,
                                  uint32_t width, uint32_t height);

// The ideas of a set that pay where they lie when all are made: each owns the pixels up to kEditReach away that are
// nearer to its edits than to others. `wrong` and `wrong_after` are 1 where SegNet errs without the set, and with it.
std::vector<EditIdea> PayingIdeas(std::span<const EditIdea> set, std::span<const uint8_t> wrong,
                                  std::span<const uint8_t> wrong_after, const EditCosts& costs, uint32_t width,
                                  uint32_t height);

}  // namespace kitsink::strict
