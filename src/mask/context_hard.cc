// The contexts, selectors and network features of hard pixels, as tables of measures.
//
// The order in each table is part of the format: a context is known by its number, a selector by its place, a feature
// by the row where its values begin.

#include <algorithm>
#include <utility>

#include "mask/context.h"

namespace kitsink {
namespace {

struct Context {
  std::array<Measure, 13> measures;
  size_t count;
};
template <typename... Values>
consteval Context Of(Values... measures) {
  return {{measures...}, sizeof...(measures)};
}

// Every context also has class W.
constexpr std::array<Context, HardContexts::kMaxContexts> kContexts = {
    // The short list.
    Of(kEdgeUp1, kEdgeWarp, kEdgeWarpDown1),
    Of(kEdgeWarp, kEdgePrev, kEdgeOld),
    Of(kDepthLeft1, kDepthLeft2, kDepthLeft3, kN, kRunUp),
    Of(kDepthLeft1, kDepthWarp, kDepthWarpRight1, kDepthWarpLeft1, kN),
    Of(kDepthLeft1, kDepthLeft2, kDepthWarp, kN, kEdgeUp1),
    Of(kRunUp, kRunUpRight1, kRunUpRight2, kRunUpLeft1, kN, kEdgeUp1),
    Of(kRunLeft, kEdgeUp1, kEdgeWarp, kN),
    Of(kNear, kNearWarp),
    Of(kTile, kEdgeUp1, kN),
    Of(kDepthByPrev, kDepthByWarp, kDepthLeft1, kN),
    Of(kUp1ByUp3, kUp1ByUp2, kEdgeUp1, kEdgeWarp),
    Of(kLengthUp1, kLengthWarp, kEdgeUp1, kEdgeWarp),
    Of(kLengthUp1, kLengthUp2, kEdgeUp1, kEdgeUp2),
    Of(kEdgeUp1, kEdgePrev),
    Of(kEdgeUp1, kEdgeWarp),
    Of(kEdgeUp1, kEdgeUp2, kEdgeWarp, kEdgeWarpUp1),
    Of(kEdgePrev, kEdgePrevDown1, kEdgePrevDown2, kEdgePrevUp1),
    Of(kEdgeWarp, kEdgePrev, kEdgeUp1, kEdgeUp2),
    Of(kRunLeft, kRunUp, kEdgeUp1, kEdgeUp2, kRunUpRight1),
    Of(kNear, kNEE, kWWW, kNN, kNNW, kNNE, kNNEE, kNNWW, kNWW, kNEEE, kNNN, kNNNW, kNNNE),
    Of(kRow, kEdgeUp1, kEdgeWarp),
    Of(kSixteenthColumn, kDepthLeft1, kDepthWarp),
    Of(kTile, kUp1ByPrev, kN),
    Of(kQuarterColumn, kRow, kEdgeUp1),
    // What the long list adds.
    Of(kEdgeWarpMatch, kEdgeWarpMatchDown1, kEdgeUp1),
    Of(kEdgePrevMatch, kEdgeWarpMatch, kDoubtPrevMatch, kDoubtWarpMatch),
    Of(kNearPrevMatch, kNear),
    Of(kStair1, kStair2, kDistanceUp1, kN),
    Of(kNear, kNearPrev),
    Of(kEdgeUp1, kEdgeUp2, kEdgeUp3, kEdgeUp4),
    Of(kUp1ByPrev, kUp2ByPrev, kEdgeUp1),
    Of(kUp1ByWarp, kUp2ByWarp, kEdgeUp1),
    Of(kUp1ByOld, kUp1ByPrev, kEdgeUp1),
    Of(kEdgeWarp, kEdgeWarpDown1, kEdgeWarpDown2, kEdgeWarpUp1),
    Of(kDepthLeft1, kDepthLeft2, kN),
    Of(kDepthLeft1, kDepthLeft2, kDepthLeft3, kDepthLeft5, kN, kRunUpRight1),
    Of(kDepthLeft1, kDepthLeft2, kDepthPrev, kN),
    Of(kNear, kNEE, kWWW, kNN, kNNW, kNNE, kNNN),
    Of(kTile, kDepthWarp, kDepthLeft1),
    Of(kQuarterColumn, kQuarterRow, kDepthLeft1, kEdgeUp1),
    // Not in version 1.
    Of(kEdgeUp1),
    Of(kDepthLeft1, kRunLeft),
};

// Which weight vectors mix the predictions.
struct Selector {
  Measure measure;
  int size;      // values of the measure
  bool by_rank;  // separate vectors for each rank of the decision
};
constexpr int kMatchSize = kNumSteps * kNumDoubts;
constexpr std::array<Selector, HardContexts::kMaxSelectors> kSelectors = {{
    {kW, 16, true},
    {StepOf(kEdgeUp1), kNumSteps, true},
    {kAgreement, 256, true},
    {StepOf(kEdgeWarp), kNumSteps, false},
    {StepOf(kEdgePrev), kNumSteps, false},
    {kUp1ByWarp, kNumSteps, false},
    {kClassesOfWAndN, 256, true},
    {kDepthLeft1, kNumSteps, false},
    {kEdgeAndDoubtPrevMatch, kMatchSize, false},
    {kEdgeAndDoubtWarpMatch, kMatchSize, false},
    {kClassesOfMatches, 16 * 16 * 16, false},
    // Not in version 1.
    {kEdgesUp1Up2, kNumSteps* kNumSteps, false},
    {kEdgesUp1Warp, kNumSteps* kNumSteps, false},
    {kDepthsLeft1Left2, kNumSteps* kNumSteps, false},
    {kDepthsByWarpWarp, kNumSteps* kNumSteps, false},
    {kUp1ByUp2Prev, kNumSteps* kNumSteps, false},
    {kRunsLeftUp, 25 * 25, false},
}};

// Features, first part: the classes of single pixels, 16 rows for each pixel.
struct CellRow {
  const MapTables* Surroundings::*map;
  int dy, first_dx, last_dx;
};
constexpr CellRow kCellRows[] = {
    {&Surroundings::current, 0, -6, -1}, {&Surroundings::current, -1, -6, 6},  {&Surroundings::current, -2, -5, 5},
    {&Surroundings::current, -3, -3, 3}, {&Surroundings::previous, -2, -3, 3}, {&Surroundings::previous, -1, -3, 3},
    {&Surroundings::previous, 0, -3, 3}, {&Surroundings::previous, 1, -3, 3},  {&Surroundings::previous, 2, -3, 3},
    {&Surroundings::warped, -2, -2, 2},  {&Surroundings::warped, -1, -2, 2},   {&Surroundings::warped, 0, -2, 2},
    {&Surroundings::warped, 1, -2, 2},   {&Surroundings::warped, 2, -2, 2},    {&Surroundings::older, -1, -1, 1},
    {&Surroundings::older, 0, -1, 1},    {&Surroundings::older, 1, -1, 1},
};
consteval int CountCells() {
  int count = 0;
  for (const CellRow& cells : kCellRows) count += cells.last_dx - cells.first_dx + 1;
  return count;
}
static_assert(CountCells() == HardContexts::kNumCells);

// Features, second part: kNumSteps rows for each measure.
constexpr std::array<Measure, HardContexts::kNumFeatureMeasures> kFeatures = {
    StepOf(kEdgeUp1),
    StepOf(kEdgeUp2),
    StepOf(kEdgeUp3),
    StepOf(kEdgeUp4),
    StepOf(kEdgePrev),
    StepOf(kEdgePrevDown1),
    StepOf(kEdgePrevDown2),
    StepOf(kEdgePrevUp1),
    StepOf(kEdgePrevUp2),
    StepOf(kEdgeOld),
    StepOf(kEdgeOldUp1),
    StepOf(kEdgeWarp),
    StepOf(kEdgeWarpDown1),
    StepOf(kEdgeWarpDown2),
    StepOf(kEdgeWarpUp1),
    StepOf(kEdgeWarpUp2),
    kDepthLeft1,
    kDepthLeft2,
    kDepthLeft3,
    kDepthLeft5,
    kDepthPrev,
    kDepthPrevRight1,
    kDepthPrevLeft1,
    kDepthWarp,
    kDepthWarpRight1,
    kDepthWarpLeft1,
    kDepthOld,
    kRunUp,
    kRunUpRight1,
    kRunUpRight2,
    kRunUpLeft1,
    kRunLeft,
    kUp1ByPrev,
    kUp1ByWarp,
    kUp1ByUp2,
    kUp1ByUp3,
    StepOf(kEdgePrevMatch),
    StepOf(kEdgePrevMatchDown1),
    StepOf(kEdgeWarpMatch),
    StepOf(kEdgeWarpMatchDown1),
    StepOf(kEdgeUp5),
    StepOf(kEdgeUp6),
    kDoubtPrevMatch,
    kDoubtWarpMatch,
};

// Hash of one context. Templates unroll the tables at compile time, because these hashes are on the hot path.
template <size_t kContext>
uint32_t HashOfContext(const Measures& m) {
  return [&]<size_t... kIndex>(std::index_sequence<kIndex...>) {
    return HashOf(kContext + 1, m[kW], m[kContexts[kContext].measures[kIndex]]...);
  }
  (std::make_index_sequence<kContexts[kContext].count>());
}
// Hashes contexts kFirst .. kEnd - 1.
template <size_t kFirst, size_t kEnd>
void HashContexts(const Measures& m, std::array<uint32_t, HardContexts::kMaxContexts>& hashes) {
  [&]<size_t... kIndex>(std::index_sequence<kIndex...>) {
    ((hashes[kFirst + kIndex] = HashOfContext<kFirst + kIndex>(m)), ...);
  }
  (std::make_index_sequence<kEnd - kFirst>());
}

}  // namespace

PredictorShape HardContexts::Shape(const LevelShape& level, int table_bits) {
  PredictorShape shape = {
      level.hard_contexts, table_bits, {}, level.num_networks + (level.context_trees ? 1 : 0), level.num_directions};
  for (const Selector& selector : std::span(kSelectors).first(static_cast<size_t>(level.hard_selectors))) {
    shape.selector_sizes.push_back(selector.size * (selector.by_rank ? kNumRanks : 1));
  }
  return shape;
}

void HardContexts::StartMap() {
  previous_matcher_.StartMap();
  warped_matcher_.StartMap();
}

void HardContexts::Gather(const Surroundings& maps, int x, int y) {
  MeasureShortList(maps, x, y, measures_);
  HashContexts<0, kShortList>(measures_, hashes_);
  if (long_list_ || with_features_) MeasureFeatures(maps, x, y, measures_);
  if (long_list_) {
    MeasureLongList(maps, x, y, previous_matcher_.Find(*maps.current, *maps.previous, x, y),
                    warped_matcher_.Find(*maps.current, *maps.warped, x, y), measures_);
    HashContexts<kShortList, kMaxContexts>(measures_, hashes_);
  }
  for (size_t i = 0; i < num_selectors_; ++i) {
    selected_[i] = static_cast<int>(measures_[kSelectors[i].measure]) * (kSelectors[i].by_rank ? kNumRanks : 1);
  }
  if (with_features_) GatherFeatures(maps, x, y);
}

void HardContexts::GatherFeatures(const Surroundings& maps, int x, int y) {
  uint32_t* feature = features_.data();
  uint32_t row = 0;
  for (const CellRow& cells : kCellRows) {
    const uint8_t* ids = (maps.*cells.map)->ids.Row(y + cells.dy) + x;
    for (int dx = cells.first_dx; dx <= cells.last_dx; ++dx, row += 16) *feature++ = row + ids[dx];
  }
  for (const Measure measure : kFeatures) {
    *feature++ = row + measures_[measure];
    row += kNumSteps;
  }
  // Last: the part of the map where the pixel lies.
  const auto part = [](int at, int size) { return static_cast<uint32_t>(at * kNumParts / size); };
  *feature = row + part(y, maps.current->height) * kNumParts + part(x, maps.current->width);
}

void HardContexts::Set(Predictor& predictor, int rank, int candidate) const {
  const uint32_t salt = DecisionSalt(rank, candidate);
  for (int i = 0; i < predictor.num_contexts(); ++i) predictor.SetContext(i, hashes_[static_cast<size_t>(i)] + salt);
  for (size_t i = 0; i < num_selectors_; ++i) {
    predictor.SetSelector(static_cast<int>(i), selected_[i] + (kSelectors[i].by_rank ? rank : 0));
  }
}

}  // namespace kitsink
