// The orders of contexts of the trees, and the average of their predictions.

#include "mask/ctw_model.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace kitsink {
namespace {

// A measure, or a coarse version of it: its bits that tell most.
struct Symbol {
  Measure measure;
  bool coarse;
};
constexpr Symbol Fine(Measure measure) { return {measure, false}; }
constexpr Symbol Coarse(Measure measure) { return {measure, true}; }

struct Order {
  std::array<Symbol, ContextTree::kMaxDepth> symbols;
  size_t count;
};
template <typename... Symbols>
consteval Order Of(Symbols... symbols) {
  return {{symbols...}, sizeof...(symbols)};
}

// Edges before pixels, the most telling first; docs/lab/ctw.md says how they were found.
constexpr std::array<Order, CtwModel::kNumTrees> kOrders = {
    Of(Fine(kAgreement), Fine(kEdgeUp1), Fine(kEdgeUp2), Coarse(kTile), Coarse(kUp1ByUp3),
       Coarse(StepOf(kEdgeWarpDown1)), Coarse(StepOf(kEdgeWarp)), Fine(kRunUp), Coarse(kDepthLeft1),
       Coarse(kDepthWarp)),
    Of(Fine(StepOf(kEdgeWarp)), Fine(kUp1ByPrev), Fine(kEdgeUp1), Coarse(kUp1ByUp2), Fine(kTile), Fine(kRunLeft),
       Fine(StepOf(kEdgeUp3))),
    Of(Fine(kDepthLeft1), Fine(kEdgeUp2), Fine(kEdgeUp1), Fine(kTile), Coarse(StepOf(kEdgeWarpDown1)), Fine(kRunLeft),
       Fine(kLengthUp1)),
};

// A quantised distance of kNumSteps values in nine.
constexpr std::array<uint8_t, kNumSteps> kCoarseSteps = {0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3,
                                                         4, 5, 6, 6, 7, 7, 7, 7, 8, 8, 8, 8, 9};

uint32_t Value(const Measures& m, Symbol symbol) {
  const uint32_t fine = m[symbol.measure];
  if (!symbol.coarse) return fine;
  return symbol.measure == kTile ? m[kSixteenthColumn] / 2 : kCoarseSteps[fine];
}

// Trees grow with the clip: about as many nodes as a segment of street maps has pixels that are not sure.
TreeShape ShapeFor(uint64_t pixels) {
  return {std::clamp(static_cast<int>(std::bit_width(pixels)) - 4, 10, 22), 2, 400, 10};
}

// The weight of each tree, in units of 2^-8. Together they weigh a little more than one.
constexpr int kTreeWeight = 92;

}  // namespace

CtwModel::CtwModel(uint64_t pixels)
    : tables_(Logistic()),
      trees_{ContextTree(ShapeFor(pixels)), ContextTree(ShapeFor(pixels)), ContextTree(ShapeFor(pixels))} {}

void CtwModel::Gather(const Surroundings& maps, int x, int y) {
  MeasureShortList(maps, x, y, measures_);
  for (size_t t = 0; t < kNumTrees; ++t) {
    for (size_t i = 0; i < kOrders[t].count; ++i) symbols_[t][i] = Value(measures_, kOrders[t].symbols[i]);
  }
}

uint32_t CtwModel::Predict(int rank, int candidate) {
  const auto root = static_cast<uint32_t>(std::min(rank, kNumRanks - 1) * 16 + candidate);
  for (size_t t = 0; t < kNumTrees; ++t) trees_[t].SetContext(root, std::span(symbols_[t]).first(kOrders[t].count));
  int sum = 0;
  for (ContextTree& tree : trees_) sum += Stretch(tables_, tree.Predict() >> (30 - kProbabilityBits));
  return Squash(tables_, (sum * kTreeWeight + 128) >> 8);
}

void CtwModel::Update(int bit) {
  for (ContextTree& tree : trees_) tree.Update(bit);
}

}  // namespace kitsink
