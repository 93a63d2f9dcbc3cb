// The orders of contexts of the trees, and the average of their predictions.

#include "mask/ctw_model.h"

#include <algorithm>
#include <bit>

namespace kitsink {
namespace {

constexpr int kNumRanks = 4;  // decisions of one pixel that are told apart

struct Order {
  std::array<Symbol, 10> symbols;
  size_t count;
};
template <typename... Symbols>
consteval Order Of(Symbols... symbols) {
  return {{symbols...}, sizeof...(symbols)};
}
consteval Symbol Fine(Measure measure) { return {measure, false}; }
consteval Symbol Coarse(Measure measure) { return {measure, true}; }

// Edges come before pixels, and the most telling symbols first; docs/lab/ctw.md says how they were found. The orders
// are part of the format.
constexpr std::array<Order, CtwShape::kMaxTrees> kOrders = {
    Of(Fine(kAgreement), Fine(kEdgeUp1), Fine(kTile), Coarse(kUp1ByUp3), Fine(kLengthUp1), Fine(kRunLeft), Fine(kRow),
       Coarse(kDepthWarpRight1)),
    Of(Fine(StepOf(kEdgeWarp)), Fine(kUp1ByPrev), Fine(kEdgeUp1), Coarse(kUp1ByUp2), Fine(kTile), Fine(kRunLeft),
       Fine(StepOf(kEdgeUp3))),
    Of(Fine(kDepthLeft1), Fine(kEdgeUp2), Fine(kEdgeUp1), Fine(kTile), Coarse(StepOf(kEdgeWarpDown1)), Fine(kRunLeft),
       Fine(kLengthUp1)),
    Of(Coarse(kUp1ByUp2), Fine(kEdgeUp1), Fine(kTile), Fine(kRunLeft), Coarse(StepOf(kEdgeWarpUp1)), Fine(kRow)),
    Of(Fine(kEdgeWarp), Fine(kEdgeUp1), Fine(StepOf(kEdgeUp3)), Coarse(StepOf(kEdgeWarpDown1)), Fine(kRunUpRight2),
       Fine(kRunLeft)),
};

// A quantised distance of kNumSteps values in ten: seven and more to the left, 3 .. 6, 1 .. 2, 0, then to the right 1,
// 2, 3 .. 4, 5 .. 9, more; no edge.
constexpr std::array<uint8_t, kNumSteps> kCoarseSteps = {0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3,
                                                         4, 5, 6, 6, 7, 7, 7, 7, 8, 8, 8, 8, 9};

// An estimator starts as if it had seen 0.2 decisions of each kind, which suits contexts that hardly ever vary. It
// forgets after 400 decisions, because clips are not stationary. A ratio of 2^10 lets a node change its mind.
constexpr TreeShape ShapeFor(int table_bits) { return {table_bits, 2, 400, 10}; }
// Twice as many nodes save 0.04 % of a clip of 600 street maps, half as many cost 0.12 %.
int TableBits(uint64_t pixels) { return std::clamp(static_cast<int>(std::bit_width(pixels)) - 5, 10, 21); }

// All trees together weigh a little more than one, in units of 2^-8: their errors are not the same.
constexpr int kSumOfWeights = 260;

// The average as a symbol: its stretch in steps of 1/2.
uint32_t TrustSymbol(int stretch) { return static_cast<uint32_t>((stretch + (1 << 12) + 64) >> 7); }

}  // namespace

CtwModel::CtwModel(const CtwShape& shape, uint64_t pixels)
    : tables_(Logistic()), tree_weight_(kSumOfWeights / static_cast<int>(shape.num_trees)), trust_(ShapeFor(12)) {
  for (const Order& order : std::span(kOrders).first(shape.num_trees)) {
    trees_.push_back({ContextTree(ShapeFor(TableBits(pixels))),
                      std::span(order.symbols).first(std::min(order.count, shape.depth)),
                      {}});
  }
}

void CtwModel::Gather(const Measures& measures) {
  for (OrderedTree& t : trees_) {
    for (size_t i = 0; i < t.order.size(); ++i) {
      const uint32_t fine = measures[t.order[i].measure];
      t.values[i] = t.order[i].coarse ? kCoarseSteps[fine] : fine;
    }
  }
}

uint32_t CtwModel::Predict(int rank, int candidate) {
  const auto root = static_cast<uint32_t>(std::min(rank, kNumRanks - 1) * 16 + candidate);
  const auto stretch = [this](ContextTree& tree) {
    return Stretch(tables_, tree.Predict() >> (30 - kProbabilityBits));
  };
  for (OrderedTree& t : trees_) t.tree.SetContext(root, std::span(t.values).first(t.order.size()));
  int sum = 0;
  for (OrderedTree& t : trees_) sum += stretch(t.tree);
  const int average = std::clamp((sum * tree_weight_ + 128) >> 8, -kMaxStretch, kMaxStretch);
  const uint32_t symbol = TrustSymbol(average);
  trust_.SetContext(root, {&symbol, 1});
  return Squash(tables_, (average + stretch(trust_)) >> 1);
}

void CtwModel::set_journal(Journal* journal) {
  for (OrderedTree& t : trees_) t.tree.set_journal(journal);
  trust_.set_journal(journal);
}

void CtwModel::Update(int bit) {
  for (OrderedTree& t : trees_) t.tree.Update(bit);
  trust_.Update(bit);
}

}  // namespace kitsink
