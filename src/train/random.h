#pragma once
// Random draws of a training: initial weights and the order of the pairs, equal with every LibTorch version.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "kitsink/random.h"

namespace kitsink {

class SeededRandom : public SplitMix64 {
 public:
  using SplitMix64::SplitMix64;
  // Uniform from -1 to 1.
  float Signed() { return static_cast<float>(static_cast<int32_t>(Next() >> 40) - (1 << 23)) / (1 << 23); }
  size_t Below(size_t bound) { return static_cast<size_t>(Next() % bound); }
};

// Chooses the pairs of each step's batch. The order is shuffled again each time all pairs have been used.
class PairOrder {
 public:
  PairOrder(size_t count, size_t batch_size, uint64_t seed)
      : random_(seed ^ 0x6f72646572U), order_(count), next_(count), batch_size_(std::min(batch_size, count)) {
    std::iota(order_.begin(), order_.end(), int64_t{0});
  }
  // REQUIRES: `step` never falls from call to call. It may repeat or skip values.
  const std::vector<int64_t>& BatchOf(int64_t step) {
    for (; steps_drawn_ <= step; ++steps_drawn_) Draw();
    return batch_;
  }

 private:
  void Draw() {
    batch_.clear();
    while (batch_.size() < batch_size_) {
      if (next_ == order_.size()) {
        for (size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random_.Below(i)]);
        next_ = 0;
      }
      batch_.push_back(order_[next_++]);
    }
  }

  SeededRandom random_;
  std::vector<int64_t> order_;
  size_t next_;
  size_t batch_size_;
  std::vector<int64_t> batch_;
  int64_t steps_drawn_ = 0;
};

// The pairs of a micro-batch: as equal parts of the batch as can be.
inline std::span<const int64_t> PartOfBatch(std::span<const int64_t> batch, int64_t micro_batch,
                                            int64_t micro_batches) {
  const auto at = [&](int64_t i) { return batch.size() * static_cast<size_t>(i) / static_cast<size_t>(micro_batches); };
  return batch.subspan(at(micro_batch), at(micro_batch + 1) - at(micro_batch));
}

}  // namespace kitsink
