#pragma once
// A probability distribution over the 256 levels of a byte: a smooth bell times what each level was found to deviate
// from it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kitsink {

inline constexpr int kNumLevels = 256;  // level = code + 128

// Let G be the sum of the bells of all codes so far, and C the number of codes at a level. The deviation of the level
// is the posterior mean of a Gamma prior, (C + strength * usual) / (G + strength). `usual` is learned from all levels
// whose neighbours look alike: quantisation-aware training leaves lattices of populated levels, mostly every second
// one.
class LevelDensity {
 public:
  LevelDensity();
  // Begins a tensor; `vector` selects what was learned about lattices.
  void StartTensor(bool vector);
  // Sets the distribution of the next code. `row` is a scale in eighths of an octave, at most kMaxScaleRow; `mean` is
  // in units of 1/4, at most 200 in magnitude.
  void Begin(int row, int mean);
  // Probability that the code lies in the upper half of [first, first + 2 * half), in units of 2^-22, given that it
  // lies there.
  uint32_t UpperShare(int first, int half);
  // Narrows the distribution to one half of the last UpperShare()'s levels.
  void Take(int bit) { total_ = bit != 0 ? upper_ : total_ - upper_; }
  // Takes the code's level.
  void End(int level);

  uint32_t count(int level) const { return counts_[static_cast<size_t>(level)]; }
  // 0: unknown, 1: empty, 2: populated. Any level may be asked for, also outside.
  int Occupancy(int level) const;

 private:
  static constexpr size_t kNumContexts = 162;
  void SetDeviation(size_t level);
  void Refresh();

  std::array<uint32_t, kNumLevels> counts_, counted_;  // counted_: at the last Refresh()
  std::array<uint64_t, kNumLevels> bells_, summed_;    // G in units of 2^-16; summed_: at the last Refresh()
  std::array<uint16_t, kNumLevels> deviations_;        // in units of 2^-12
  std::array<uint32_t, kNumLevels> usual_;             // in units of 2^-12
  std::array<uint8_t, kNumLevels> contexts_;
  struct Learned {
    uint64_t count = 0, bells = 1 << 15;  // bells in units of 2^-16
  };
  std::array<std::array<Learned, kNumContexts>, 2> learned_;
  std::array<Learned, kNumContexts>* current_ = nullptr;
  uint32_t num_codes_ = 0;
  std::array<uint32_t, kNumLevels> density_;
  uint32_t total_ = 0, upper_ = 0;
};

inline constexpr int kMaxScaleRow = 87;

}  // namespace kitsink
