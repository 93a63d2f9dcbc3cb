// Distributions over levels: the table of bells, and the deviations that are learned.

#include "weights/level_density.h"

#include <algorithm>

#include "kitsink/logistic.h"

namespace kitsink {
namespace {

constexpr int kNumPhases = 4, kRowLength = 512;
constexpr uint64_t kStrength = 15 << 16;  // in units of 2^-16, as bells_
constexpr uint64_t kKnown = 11 << 14;     // C + G of a level that is no longer new, in units of 2^-16
constexpr int kNeighbourhood = 81;        // contexts of the four nearest levels

// Bells by scale row, phase of the mean in quarters, and distance + 256.
struct Bells {
  std::vector<uint16_t> values;
  const uint16_t* Row(int row, int phase) const {
    return values.data() + static_cast<size_t>((row * kNumPhases + phase) * kRowLength);
  }
};

// Student's density of 31 degrees of freedom, (1 + u^2 / 31)^-16, whose mean magnitude is 0.818, averaged over a level.
Bells MakeBells() {
  constexpr std::array<int64_t, 8> kEighths = {65536, 71468, 77936, 84990, 92682, 101070, 110218, 120194};
  constexpr int kParts = 4;
  Bells bells;
  for (int row = 0; row <= kMaxScaleRow; ++row) {
    const int64_t scale = (kEighths[static_cast<size_t>(row % 8)] << (row / 8)) >> 2;  // units of 2^-16, row 16 is 1
    for (int phase = 0; phase < kNumPhases; ++phase) {
      for (int i = 0; i < kRowLength; ++i) {
        uint64_t sum = 0;
        for (int part = 0; part < kParts; ++part) {
          // In eighths: a level's parts lie around it at odd eighths.
          const int64_t distance = 8 * (i - 256) - 2 * phase + 2 * part - (kParts - 1);
          const int64_t u = std::min<int64_t>(std::abs(distance) * (53608 << 13) / scale, 1 << 22);  // units of 2^-16
          uint64_t value = (uint64_t{31} << 47) / ((uint64_t{31} << 16) + static_cast<uint64_t>(u * u >> 16));
          for (int square = 0; square < 4; ++square) value = value * value >> 31;
          sum += value;
        }
        bells.values.push_back(static_cast<uint16_t>(std::clamp<uint64_t>(sum / kParts >> 16, 1, 32767)));
      }
    }
  }
  return bells;
}

const Bells& AllBells() {
  static const Bells bells = MakeBells();
  return bells;
}

}  // namespace

LevelDensity::LevelDensity() { StartTensor(false); }

void LevelDensity::StartTensor(bool vector) {
  counts_.fill(0);
  counted_.fill(0);
  bells_.fill(0);
  summed_.fill(0);
  deviations_.fill(1 << 12);
  usual_.fill(1 << 12);
  contexts_.fill(0);
  current_ = &learned_[vector ? 1 : 0];
  num_codes_ = 0;
}

void LevelDensity::Begin(int row, int mean) {
  const uint16_t* const bell = AllBells().Row(row, mean & 3) + (256 - kNumLevels / 2 - (mean >> 2));
  uint32_t whole = 0;
  for (size_t i = 0; i < kNumLevels; ++i) whole += bell[i];
  const uint64_t inverse = (uint64_t{1} << 32) / whole;
  total_ = 0;
  for (size_t i = 0; i < kNumLevels; ++i) {
    density_[i] = (uint32_t{bell[i]} * deviations_[i] >> 8) + 1;
    total_ += density_[i];
    bells_[i] += bell[i] * inverse >> 16;
  }
}

uint32_t LevelDensity::UpperShare(int first, int half) {
  upper_ = 0;
  for (int i = first + half; i < first + 2 * half; ++i) upper_ += density_[static_cast<size_t>(i)];
  return static_cast<uint32_t>((uint64_t{upper_} << kProbabilityBits) / total_);
}

int LevelDensity::Occupancy(int level) const {
  if (level < 0 || level >= kNumLevels) return 0;
  const uint64_t count = uint64_t{counts_[static_cast<size_t>(level)]} << 16;
  const uint64_t bells = bells_[static_cast<size_t>(level)];
  if (count > 0 && 2 * count > bells) return 2;
  return bells >= 3 << 15 ? 1 : 0;
}

void LevelDensity::SetDeviation(size_t level) {
  const uint64_t deviation =
      ((uint64_t{counts_[level]} << 28) + kStrength * usual_[level]) / (bells_[level] + kStrength);
  deviations_[level] = static_cast<uint16_t>(std::min<uint64_t>(deviation, UINT16_MAX));
}

void LevelDensity::Refresh() {
  for (size_t i = 0; i < kNumLevels; ++i) {
    Learned& learned = (*current_)[contexts_[i]];
    learned.count += counts_[i] - counted_[i];
    learned.bells += bells_[i] - summed_[i];
    counted_[i] = counts_[i];
    summed_[i] = bells_[i];
  }
  std::array<uint32_t, kNumContexts> usual;
  for (size_t i = 0; i < kNumContexts; ++i) {
    const Learned& learned = (*current_)[i];
    usual[i] = static_cast<uint32_t>(
        std::min<uint64_t>(((learned.count << 28) + (uint64_t{1} << 27)) / learned.bells, UINT16_MAX));
  }
  std::array<int, kNumLevels + 4> occupancy{};  // two unknown ones at each end
  for (int i = 0; i < kNumLevels; ++i) occupancy[static_cast<size_t>(i) + 2] = Occupancy(i);
  for (size_t i = 0; i < kNumLevels; ++i) {
    const int around = ((occupancy[i] * 3 + occupancy[i + 1]) * 3 + occupancy[i + 3]) * 3 + occupancy[i + 4];
    const bool known = bells_[i] + (uint64_t{counts_[i]} << 16) >= kKnown;
    contexts_[i] = static_cast<uint8_t>(known ? around : kNeighbourhood + around);
    usual_[i] = usual[contexts_[i]];
    SetDeviation(i);
  }
}

void LevelDensity::End(int level) {
  ++counts_[static_cast<size_t>(level)];
  ++num_codes_;
  // All deviations change a little with every code; computing them is what costs time.
  const uint32_t period = std::clamp<uint32_t>(num_codes_ / 16, 1, 32);
  if (num_codes_ % period == 0) {
    Refresh();
  } else {
    SetDeviation(static_cast<size_t>(level));
  }
}

}  // namespace kitsink
