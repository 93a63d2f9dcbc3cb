// Tests of context-tree weighting: estimators, a floating-point reference, the redundancy bound, full tables.

#include "mask/ctw.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>
#include <vector>

#include "testlib.h"

namespace kitsink {
namespace {

using testing::Random;

// Krichevsky-Trofimov estimators that do not forget, and ratios without a practical bound: the algorithm of the paper.
constexpr TreeShape kTextbook = {18, 5, 1023, 31};

struct Decision {
  std::vector<uint32_t> symbols;
  int bit;
};

double CodeLength(ContextTree& tree, uint32_t root, const std::vector<Decision>& decisions) {
  double bits = 0;
  for (const Decision& decision : decisions) {
    tree.SetContext(root, decision.symbols);
    const double p_one = tree.Predict() * 0x1p-30;
    bits -= std::log2(decision.bit != 0 ? p_one : 1 - p_one);
    tree.Update(decision.bit);
  }
  return bits;
}

// log2 of the probability that a fresh Krichevsky-Trofimov estimator gives to so many zeros and ones, in any order.
double LogKrichevskyTrofimov(double zeros, double ones) {
  return (std::lgamma(zeros + 0.5) + std::lgamma(ones + 0.5) - std::lgamma(zeros + ones + 1) - 2 * std::lgamma(0.5)) /
         std::log(2);
}

// log2 of the weighted probability of a node for all decisions at once, straight from its definition:
// P_w = 1/2 P_e + 1/2 (product of the children's P_w); a node at full depth has P_w = P_e.
double LogWeighted(const std::vector<Decision>& decisions, const std::vector<size_t>& here, size_t depth) {
  double counts[2] = {};
  std::map<uint32_t, std::vector<size_t>> children;
  for (const size_t i : here) {
    ++counts[decisions[i].bit];
    if (depth < decisions[i].symbols.size()) children[decisions[i].symbols[depth]].push_back(i);
  }
  const double estimated = LogKrichevskyTrofimov(counts[0], counts[1]);
  if (children.empty()) return estimated;
  double split = 0;
  for (const auto& [symbol, child] : children) split += LogWeighted(decisions, child, depth + 1);
  const double more = std::max(estimated, split);
  return more - 1 + std::log2(std::exp2(estimated - more) + std::exp2(split - more));
}

double LogWeighted(const std::vector<Decision>& decisions) {
  std::vector<size_t> all(decisions.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  return LogWeighted(decisions, all, 0);
}

// A source whose probability of a one depends on one symbol, or on two when the first one is 1.
double SourceProbability(const std::vector<uint32_t>& symbols) {
  if (symbols[0] == 0) return 0.05;
  return symbols[1] == 0 ? 0.5 : 0.92;
}
std::vector<Decision> DrawFromSource(size_t count, size_t depth, uint64_t seed) {
  Random random(seed);
  std::vector<Decision> decisions(count);
  for (Decision& decision : decisions) {
    for (size_t i = 0; i < depth; ++i) decision.symbols.push_back(random.Below(2));
    decision.bit = random.Below(1000) < 1000 * SourceProbability(decision.symbols) ? 1 : 0;
  }
  return decisions;
}

TEST(ContextTree, RootIsKrichevskyTrofimovEstimator) {
  Random random(1);
  ContextTree tree(kTextbook);
  double ones = 0;
  for (int n = 0; n < 1000; ++n) {
    tree.SetContext(7, {});
    ASSERT_NEAR(tree.Predict() * 0x1p-30, (ones + 0.5) / (n + 1), 1e-4) << n;
    const int bit = random.Below(5) == 0 ? 1 : 0;
    tree.Update(bit);
    ones += bit;
  }
}

TEST(ContextTree, AgreesWithFloatingPointReference) {
  for (uint64_t seed = 2; seed < 12; ++seed) {
    // Symbols of several sizes; the decisions follow the source, with some noise of their own.
    Random random(seed);
    std::vector<Decision> decisions = DrawFromSource(900, 3, seed);
    for (Decision& decision : decisions) {
      decision.symbols.insert(decision.symbols.begin() + 1, random.Below(5));
      decision.symbols.push_back(random.Below(40));
    }
    ContextTree tree(kTextbook);
    EXPECT_NEAR(CodeLength(tree, 0, decisions), -LogWeighted(decisions), 0.05) << "bits, seed " << seed;
  }
}

// Willems, Shtarkov and Tjalkens, theorem 2: on each sequence the code length exceeds that of the true tree with its
// true probabilities by at most 2 * leaves - 1 bits for the tree, and 1/2 log2(decisions) + 1 bits for each leaf.
TEST(ContextTree, RedundancyStaysBelowTheBound) {
  for (uint64_t seed = 20; seed < 30; ++seed) {
    const std::vector<Decision> decisions = DrawFromSource(1800, 8, seed);
    double ideal = 0;
    std::map<double, double> leaves;
    for (const Decision& decision : decisions) {
      const double p_one = SourceProbability(decision.symbols);
      ideal -= std::log2(decision.bit != 0 ? p_one : 1 - p_one);
      ++leaves[p_one];
    }
    ASSERT_EQ(leaves.size(), 3U);
    double bound = 2 * 3 - 1;
    for (const auto& [p_one, count] : leaves) bound += std::log2(count) / 2 + 1;
    ContextTree tree(kTextbook);
    const double weighted = CodeLength(tree, 0, decisions);
    EXPECT_LT(weighted, ideal + bound) << "seed " << seed;

    // The bound is sharp enough to tell a weighted tree from its root alone, and from its deepest nodes alone.
    std::vector<Decision> blind = decisions;
    for (Decision& decision : blind) decision.symbols.clear();
    std::map<std::vector<uint32_t>, std::array<double, 2>> deepest;
    for (const Decision& decision : decisions) ++deepest[decision.symbols][static_cast<size_t>(decision.bit)];
    double unweighted = 0;
    for (const auto& [symbols, counts] : deepest) unweighted -= LogKrichevskyTrofimov(counts[0], counts[1]);
    ContextTree root(kTextbook);
    EXPECT_GT(CodeLength(root, 0, blind), ideal + bound);
    EXPECT_GT(unweighted, ideal + bound);
  }
}

TEST(ContextTree, RootsShareNothing) {
  const std::vector<Decision> first = DrawFromSource(300, 4, 30), second = DrawFromSource(300, 4, 31);
  ContextTree shared(kTextbook), alone(kTextbook);
  CodeLength(shared, 1, first);
  EXPECT_EQ(CodeLength(shared, 2, second), CodeLength(alone, 2, second));
}

// More contexts than nodes: predictions stay possible, and the same in each run.
TEST(ContextTree, FullTableReplacesNodes) {
  for (const int table_bits : {2, 5, 10}) {
    const TreeShape shape = {table_bits, 2, 400, 10};
    ContextTree one(shape), two(shape);
    Random random(40);
    for (int n = 0; n < 20000; ++n) {
      std::vector<uint32_t> symbols;
      for (size_t i = 0; i < ContextTree::kMaxDepth; ++i)
        symbols.push_back(static_cast<uint32_t>(random.Next()) >> (n % 32));
      one.SetContext(static_cast<uint32_t>(n % 3), symbols);
      two.SetContext(static_cast<uint32_t>(n % 3), symbols);
      const uint32_t p_one = one.Predict();
      ASSERT_EQ(p_one, two.Predict());
      ASSERT_GT(p_one, 0U);
      ASSERT_LT(p_one, 1U << 30);
      const int bit = n < 10000 ? 1 : static_cast<int>(random.Below(2));
      one.Update(bit);
      two.Update(bit);
    }
  }
}

// The same decision for ever: the estimate comes close to certainty and stays possible.
TEST(ContextTree, NeverBecomesCertain) {
  for (const int bit : {0, 1}) {
    ContextTree tree({10, 2, 400, 10});
    const std::vector<uint32_t> symbols = {1, 2, 3};
    for (int n = 0; n < 100000; ++n) {
      tree.SetContext(0, symbols);
      const uint32_t p_one = tree.Predict();
      ASSERT_TRUE(p_one > 0 && p_one < 1U << 30);
      tree.Update(bit);
    }
    tree.SetContext(0, symbols);
    EXPECT_NEAR(tree.Predict() * 0x1p-30, bit, 1e-3);
  }
}

}  // namespace
}  // namespace kitsink
