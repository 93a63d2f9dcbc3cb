#pragma once
// Context-tree weighting of binary decisions (Willems, Shtarkov and Tjalkens 1995), in integers.
//
// The context of a decision is a sequence of symbols s_1 .. s_D, the most telling first. Its prefixes are the nodes of
// a path: node 0 is the root, node d stands for s_1 .. s_d. Each node estimates the decision from those that it saw
// itself: P_e. Its weighted probability P_w weighs this against what its children say:
//   P_w(node D) = P_e(node D)      P_w(node d) = 1/2 P_e(node d) + 1/2 product of P_w(child) over all its children
// so P_w(root) is the average over all prunings of the tree. A pruning weighs 2^-n if n of its nodes are above depth D.
// A node keeps log2 of the ratio of the two terms. Then one decision needs no products of probabilities:
//   p_w(d) = (ratio * p_e(d) + p_w(d + 1)) / (ratio + 1),   ratio *= p_e(d) / p_w(d + 1) of the decision that came
//
// Nodes live in a table of fixed size. Four nodes share a bucket. A node that is not there replaces the one that saw
// least. Nothing else depends on how full the table is.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "mask/journal.h"

namespace kitsink {

// The shape of a tree; part of the format.
struct TreeShape {
  int table_bits = 20;     // log2 of the number of nodes, 2 .. 28
  int prior_tenths = 5;    // tenths of a decision that a fresh estimator has seen of each kind; 5: Krichevsky, Trofimov
  int max_count = 1023;    // decisions after which an estimator forgets; at most 1023
  int max_log_ratio = 31;  // bits, 1 .. 31: a node's ratio stays within 2^-this .. 2^this
};

class ContextTree {
 public:
  static constexpr size_t kMaxDepth = 23;

  explicit ContextTree(const TreeShape& shape);

  // Selects the path of the next decision. Paths of different `root` share no node, unless hashes coincide.
  // REQUIRES: at most kMaxDepth symbols.
  void SetContext(uint32_t root, std::span<const uint32_t> symbols);
  // The probability of a one in units of 2^-30; neither 0 nor 2^30.
  uint32_t Predict();
  // REQUIRES: Predict() was called for this decision.
  void Update(int bit);
  // From now on `journal` saves what Predict() and Update() change; null: nothing is saved.
  void set_journal(Journal* journal) { journal_ = journal; }

 private:
  struct Node {
    uint32_t estimate = 1U << 31;  // 22 bits of P_e in units of 2^-22, 10 of the count of decisions
    int32_t tail = 0;              // 18 bits of log2 of the ratio in units of 2^-12, 14 of the context's hash
    uint32_t count() const { return estimate & 1023; }
    int32_t log_ratio() const { return tail >> 14; }
    uint32_t p_one() const { return estimate >> 10 << 8 | 128; }  // P_e in units of 2^-30
  };
  static_assert(sizeof(Node) == 8);
  struct alignas(4 * sizeof(Node)) Bucket {
    std::array<Node, 4> nodes;
  };
  Node& Find(uint64_t hash);

  int bucket_bits_;
  int32_t max_log_ratio_;
  uint32_t max_count_;
  std::array<uint32_t, 1024> rates_;  // of an estimator, by its count, in units of 2^-16
  std::vector<Bucket> table_;
  std::array<uint64_t, kMaxDepth + 1> hashes_{};
  std::array<Node*, kMaxDepth + 1> path_{};
  std::array<uint32_t, kMaxDepth + 1> weighted_{};  // P_w of each node of the path
  size_t depth_ = 0;
  Journal* journal_ = nullptr;
};

}  // namespace kitsink
