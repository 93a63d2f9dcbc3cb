// Weighs the nodes of a context tree in fixed point.

#include "mask/ctw.h"

#include <algorithm>
#include <bit>

namespace kitsink {
namespace {

constexpr int kProbabilityBits = 30;
constexpr int kRatioBits = 12;               // fraction bits of a logarithm of a ratio
constexpr int kLogBits = 20;                 // of a logarithm of a probability
constexpr int kLogIndexBits = 10;            // of the table of logarithms
constexpr int kWeightStep = kRatioBits - 8;  // the table of weights has 2^8 entries a bit
constexpr int kMaxWeight = 16 << 8;

// log2(1 + i / 2^10) in units of 2^-20, one bit after the other: a square doubles the logarithm.
constexpr std::array<int32_t, (1 << kLogIndexBits) + 1> MakeLogs() {
  std::array<int32_t, (1 << kLogIndexBits) + 1> logs{};
  for (uint64_t i = 0; i < 1 << kLogIndexBits; ++i) {
    uint64_t x = ((1 << kLogIndexBits) + i) << (31 - kLogIndexBits);  // 1 <= x < 2 in units of 2^-31
    int32_t log = 0;
    for (int bit = 0; bit <= kLogBits; ++bit) {
      x = x * x >> 31;
      const bool two = x >> 32 != 0;
      log = 2 * log + (two ? 1 : 0);
      x >>= two ? 1 : 0;
    }
    logs[i] = (log + 1) / 2;
  }
  logs.back() = 1 << kLogBits;
  return logs;
}
constexpr std::array<int32_t, (1 << kLogIndexBits) + 1> kLogs = MakeLogs();

// log2 of p in units of 2^-20, up to a constant. Between two entries of the table the logarithm is nearly a line.
int32_t Log2(uint32_t p) {
  const int exponent = std::bit_width(p) - 1;
  const uint32_t mantissa = p << (31 - exponent) & 0x7fffffffU;
  constexpr int kRestBits = 31 - kLogIndexBits;
  const auto rest = static_cast<int64_t>(mantissa & ((1U << kRestBits) - 1));
  const int32_t low = kLogs[mantissa >> kRestBits], high = kLogs[(mantissa >> kRestBits) + 1];
  return (exponent << kLogBits) + low + static_cast<int32_t>((high - low) * rest >> kRestBits);
}

// 1 / (1 + 2^(-k - 1/2)) in units of 2^-16, k in units of 2^-8: the weight of P_e by the logarithm of the ratio.
constexpr std::array<uint16_t, kMaxWeight> MakeWeights() {
  std::array<uint16_t, kMaxWeight> weights{};
  constexpr uint64_t kFactor = 4283353945U;  // 2^(-1/256) in units of 2^-32
  uint64_t power = 4289156690U;              // 2^(-1/512)
  for (uint16_t& weight : weights) {
    weight = static_cast<uint16_t>((uint64_t{1} << 48) / ((uint64_t{1} << 32) + power));
    power = (power * kFactor + (uint64_t{1} << 31)) >> 32;
  }
  return weights;
}
constexpr std::array<uint16_t, kMaxWeight> kWeights = MakeWeights();

int64_t WeightOf(int32_t log_ratio) {
  const int step = log_ratio >> kWeightStep;
  if (step >= 0) return kWeights[static_cast<size_t>(std::min(step, kMaxWeight - 1))];
  return (1 << 16) - kWeights[static_cast<size_t>(std::min(-1 - step, kMaxWeight - 1))];
}

uint64_t Mix(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0xd6e8feb86659fd93U;
  return hash ^ hash >> 32;
}

}  // namespace

ContextTree::ContextTree(const TreeShape& shape)
    : bucket_bits_(shape.table_bits - 2),
      max_log_ratio_(shape.max_log_ratio << kRatioBits),
      max_count_(static_cast<uint32_t>(shape.max_count)),
      table_(size_t{1} << bucket_bits_) {
  // The n-th decision moves an estimate by 1 / (n + 2 * prior) of its error. This is (ones + prior) / (n + 2 * prior).
  for (size_t count = 0; count < rates_.size(); ++count) {
    rates_[count] =
        (10U << 16) / (10 * static_cast<uint32_t>(count) + 10 + 2 * static_cast<uint32_t>(shape.prior_tenths));
  }
}

ContextTree::Node& ContextTree::Find(uint64_t hash) {
  constexpr int32_t kCheck = (1 << 14) - 1;
  const auto check = static_cast<int32_t>(hash & kCheck);
  Bucket& bucket = table_[hash >> 14 & (table_.size() - 1)];
  if (journal_ != nullptr) journal_->Save(&bucket);
  Node* least = bucket.nodes.data();
  for (Node& node : bucket.nodes) {
    if ((node.tail & kCheck) == check && node.count() != 0) return node;
    if (node.count() < least->count()) least = &node;
  }
  *least = Node{};
  least->tail = check;
  return *least;
}

void ContextTree::SetContext(uint32_t root, std::span<const uint32_t> symbols) {
  depth_ = symbols.size();
  uint64_t hash = Mix(0x9e3779b97f4a7c15U, root);
  hashes_[0] = hash;
  for (size_t d = 0; d < depth_; ++d) {
    hash = Mix(hash, symbols[d] + uint64_t{1});
    hashes_[d + 1] = hash;
  }
  for (size_t d = 0; d <= depth_; ++d) __builtin_prefetch(&table_[hashes_[d] >> 14 & (table_.size() - 1)]);
}

uint32_t ContextTree::Predict() {
  for (size_t d = 0; d <= depth_; ++d) path_[d] = &Find(hashes_[d]);
  uint32_t weighted = path_[depth_]->p_one();
  weighted_[depth_] = weighted;
  for (size_t d = depth_; d-- > 0;) {
    const Node& node = *path_[d];
    const int64_t difference = int64_t{node.p_one()} - weighted;
    weighted = static_cast<uint32_t>(weighted + (difference * WeightOf(node.log_ratio()) >> 16));
    weighted_[d] = weighted;
  }
  return weighted;
}

void ContextTree::Update(int bit) {
  constexpr uint32_t kOne = 1U << kProbabilityBits;
  const auto log_of = [bit](uint32_t p_one) { return Log2(bit != 0 ? p_one : kOne - p_one); };
  const int32_t goal = bit != 0 ? (1 << 22) - 1 : 0;
  for (size_t d = 0; d <= depth_; ++d) {
    Node& node = *path_[d];
    if (d < depth_) {
      constexpr int kShift = kLogBits - kRatioBits;
      const int32_t change = (log_of(node.p_one()) - log_of(weighted_[d + 1]) + (1 << (kShift - 1))) >> kShift;
      const int32_t ratio = std::clamp(node.log_ratio() + change, -max_log_ratio_, max_log_ratio_);
      node.tail += (ratio - node.log_ratio()) * (1 << 14);
    }
    const uint32_t count = node.count();
    const auto p = static_cast<int32_t>(node.estimate >> 10);
    const auto step = static_cast<int32_t>((int64_t{goal - p} * rates_[count] + (1 << 15)) >> 16);
    node.estimate = static_cast<uint32_t>(p + step) << 10 | std::min(count + 1, max_count_);
  }
}

}  // namespace kitsink
