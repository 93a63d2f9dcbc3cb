#pragma once
// What is measured around a hard pixel. Contexts, selectors and network features are tables of these measures
// (context_hard.cc).

#include <array>
#include <cstddef>
#include <cstdint>

#include "mask/match.h"
#include "mask/surroundings.h"

namespace kitsink {

// Directions are relative to the pixel. Up1 is the row above, Left1 the column to the left; W, N, NE, NEE .. are single
// pixels by compass. A name without a map's name belongs to the map being coded. Prev is the previous map, Old the one
// before it, Warp the previous map after motion compensation. PrevMatch and WarpMatch are the places in Prev and Warp
// that match the pixel's neighbourhood (match.h). The order of this list is free; that of the tables is format.
enum Measure : uint8_t {
  // Edges: where the run of class W ends in a row, and the class beyond (Edge::key).
  kEdgeUp1,
  kEdgeUp2,
  kEdgeUp3,
  kEdgeUp4,
  kEdgeUp5,
  kEdgeUp6,
  kEdgePrevUp2,
  kEdgePrevUp1,
  kEdgePrev,
  kEdgePrevDown1,
  kEdgePrevDown2,
  kEdgeOldUp1,
  kEdgeOld,
  kEdgeWarpUp2,
  kEdgeWarpUp1,
  kEdgeWarp,
  kEdgeWarpDown1,
  kEdgeWarpDown2,
  kEdgePrevMatch,
  kEdgePrevMatchDown1,
  kEdgeWarpMatch,
  kEdgeWarpMatchDown1,
  kNumEdges,

  // The quantised distances of these edges (Edge::step); StepOf() names them.
  kFirstStep = kNumEdges,

  // Depths: where the run of class N ends in a column, quantised.
  kDepthLeft1 = 2 * kNumEdges,
  kDepthLeft2,
  kDepthLeft3,
  kDepthLeft5,
  kDepthPrev,
  kDepthPrevLeft1,
  kDepthPrevRight1,
  kDepthOld,
  kDepthWarp,
  kDepthWarpLeft1,
  kDepthWarpRight1,

  // Predicted edges, quantised: the edge of the first row after the step between two other edges.
  kUp1ByPrev,    // the step from PrevUp1 to Prev
  kUp1ByWarp,    // from WarpUp1 to Warp
  kUp1ByOld,     // from OldUp1 to Old
  kUp1ByUp2,     // from Up2 to Up1
  kUp1ByUp3,     // from Up3 to Up1
  kUp2ByPrev,    // from PrevUp2 to Prev
  kUp2ByWarp,    // from WarpUp2 to Warp
  kDepthByPrev,  // the depth of Left1, by the step from PrevLeft1 to Prev
  kDepthByWarp,  // the same in Warp
  kDistanceUp1,  // the edge of Up1 itself in pixels, -40 .. 60
  kLengthUp1,    // lengths of the runs that begin where the edge is, up to 20
  kLengthUp2,
  kLengthWarp,

  // Runs, up to 24: how many pixels of one class end at N and its neighbours (upwards) and at W (leftwards).
  kRunUp,
  kRunUpLeft1,
  kRunUpRight1,
  kRunUpRight2,
  kRunLeft,
  kStair1,  // the last two steps of the stair that an edge draws from the left: how many columns share a depth
  kStair2,

  // Classes of single pixels.
  kW,
  kWWW,
  kN,
  kNWW,
  kNEE,
  kNEEE,
  kNN,
  kNNW,
  kNNE,
  kNNWW,
  kNNEE,
  kNNN,
  kNNNW,
  kNNNE,

  // Hashes of the classes around: WW NW N NE, or the pixel's place in another map and its four neighbours there.
  kNear,
  kNearPrev,
  kNearWarp,
  kNearPrevMatch,  // with the pixels right, below, below left and above right of the match

  // The place in the map.
  kRow,
  kQuarterRow,       // y / 4
  kQuarterColumn,    // x / 4
  kSixteenthColumn,  // x / 16
  kTile,             // of 24 x 16 pixels, hashed

  // How much the matches differ, and combinations for selectors.
  kDoubtPrevMatch,
  kDoubtWarpMatch,
  kEdgeAndDoubtPrevMatch,
  kEdgeAndDoubtWarpMatch,
  kClassesOfMatches,  // W, the class at PrevMatch and at WarpMatch
  kAgreement,         // bit by bit: which of eight neighbours are of class W
  kClassesOfWAndN,
  kEdgesUp1Up2,  // pairs of steps
  kEdgesUp1Warp,
  kDepthsLeft1Left2,
  kDepthsByWarpWarp,
  kUp1ByUp2Prev,
  kRunsLeftUp,
  kNumMeasures,
};
inline constexpr int kNumDoubts = kMaxDoubt + 1;
constexpr Measure StepOf(Measure edge) { return static_cast<Measure>(kFirstStep + edge); }

struct Measures {
  uint32_t operator[](Measure measure) const { return values[measure]; }
  std::array<uint32_t, kNumMeasures> values{};
  std::array<int, kNumEdges> distances{};  // of the edges, not quantised
};

// Fills what the short list of contexts and the first eight selectors use.
void MeasureShortList(const Surroundings& maps, int x, int y, Measures& m);
// Fills what else the network's features use, except the matches. REQUIRES: MeasureShortList() for this pixel.
void MeasureFeatures(const Surroundings& maps, int x, int y, Measures& m);
// Fills what else the long list of contexts and the other selectors use. REQUIRES: MeasureFeatures() for this pixel.
void MeasureLongList(const Surroundings& maps, int x, int y, const Match& previous, const Match& warped, Measures& m);

}  // namespace kitsink
