// Finds the leading directions of a mixer's inputs by orthogonal iteration, in integers.

#include "mask/directions.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

namespace kitsink {
namespace {

constexpr int kDirectionBits = 11;
constexpr int kInputsPerTurn = 512;
constexpr int32_t kMaxReduced = (1 << 13) - 1;  // hostile inputs could exceed it, and a step would overflow
// The parts that Reduce() removes, of 16. All of the first would keep the mixer from ever changing its scale: 8,764 for
// 8,688 bytes (60 maps, level 3).
constexpr int32_t kFirstRemoved = 15, kNextRemoved = 12;

// The largest root with root * root <= value < 2^52.
int64_t Root(int64_t value) {
  int64_t root = 0;
  for (int64_t bit = int64_t{1} << 26; bit > 0; bit >>= 1) {
    if ((root + bit) * (root + bit) <= value) root += bit;
  }
  return root;
}

}  // namespace

Directions::Directions(size_t num_inputs, size_t num_alike, size_t count)
    : kernels_(BestKernels()), directions_(count), turned_(num_inputs) {
  for (size_t k = 0; k < count; ++k) {
    Direction& direction = directions_[k];
    direction.unit.resize(num_inputs);
    direction.direction.resize(num_inputs);
    direction.sums.resize(num_inputs);
    // Signs that alternate in blocks of 2^k inputs; all are equal in the first direction.
    for (size_t i = 0; i < num_alike; ++i) turned_[i] = k > 0 && (i >> k & 1) != 0 ? -1024 : 1024;
    direction.Set(turned_, Root(static_cast<int64_t>(num_alike) << 20));
  }
}

void Directions::Direction::Set(std::span<const int64_t> values, int64_t length) {
  for (size_t i = 0; i < values.size(); ++i) {
    unit[i] = static_cast<int32_t>(values[i] * (1 << kWeightBits) / length);
    direction[i] = unit[i] >> (kWeightBits - kDirectionBits);
  }
}

void Directions::Reduce(std::span<const int32_t> inputs, std::span<int32_t> out) {
  const int n = static_cast<int>(inputs.size());
  std::ranges::copy(inputs, out.begin());
  int32_t removed = kFirstRemoved;
  for (Direction& direction : directions_) {
    direction.part = (kernels_.dot(direction.unit.data(), inputs.data(), n) + 64) >> 7;
    // train() shifts by 10 bits where a direction has 11.
    kernels_.train(out.data(), direction.direction.data(), n, -(direction.part * removed) >> 5);
    removed = kNextRemoved;
  }
  for (int32_t& value : out) value = std::clamp(value, -kMaxReduced, kMaxReduced);
}

void Directions::Learn(std::span<const int32_t> inputs) {
  for (Direction& direction : directions_) {
    for (size_t i = 0; i < inputs.size(); ++i) direction.sums[i] += (direction.part * inputs[i]) >> 9;
  }
  if (++learned_ % kInputsPerTurn == 0) Turn();
}

void Directions::SaveState(Journal& journal) {
  journal.Save(&learned_);
  for (Direction& direction : directions_) {
    for (std::vector<int32_t>* values : {&direction.unit, &direction.direction, &direction.sums}) {
      journal.Save(values->data(), values->size());
    }
  }
}

// Makes the sums orthogonal to each other, and new directions of them.
void Directions::Turn() {
  for (size_t k = 0; k < directions_.size(); ++k) {
    Direction& direction = directions_[k];
    const auto largest = std::ranges::max(direction.sums, {}, [](int32_t sum) { return std::abs(int64_t{sum}); });
    const int shift =
        std::max(0, static_cast<int>(std::bit_width(static_cast<uint64_t>(std::abs(int64_t{largest})))) - 20);
    for (size_t i = 0; i < turned_.size(); ++i) turned_[i] = direction.sums[i] >> shift;
    for (size_t j = 0; j < k; ++j) {
      const std::vector<int32_t>& unit = directions_[j].unit;
      int64_t part = 0;
      for (size_t i = 0; i < turned_.size(); ++i) part += turned_[i] * unit[i];
      part >>= kWeightBits;
      for (size_t i = 0; i < turned_.size(); ++i) turned_[i] -= (part * unit[i]) >> kWeightBits;
    }
    int64_t power = 0;
    for (const int64_t value : turned_) power += value * value;
    const int64_t length = Root(power);
    if (length >= 1024) direction.Set(turned_, length);  // else nothing was seen along it
    for (int32_t& sum : direction.sums) sum -= sum >> 3;
  }
}

}  // namespace kitsink
