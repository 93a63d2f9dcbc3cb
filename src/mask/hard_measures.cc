// Measures the surroundings of a hard pixel: edges, depths, runs, neighbours and matches.

#include "mask/hard_measures.h"

#include <algorithm>

namespace kitsink {
namespace {

uint32_t Capped(int value, int most) { return static_cast<uint32_t>(std::min(value, most)); }

// Where an edge at `edge` will be after the step that took another one from `from` to `to`.
uint32_t Shifted(int edge, int from, int to) {
  if (edge == kNoEdge || from == kNoEdge || to == kNoEdge) return kNoStep;
  return QuantizeDistance(std::clamp(edge - from + to, -255, 255));
}

// EdgeDepth() in column x - back of the map being coded, whose rows below y are unknown: 1 stands for "not yet".
int DepthSoFar(const MapTables& map, int y, int x, int back, int n) {
  const int column = x - back;
  const int id = map.ids.Row(y)[column];
  if (id == n) return 1;
  const int run = id == map.ids.Row(y - 1)[column] ? std::min(map.up.Row(y - 1)[column] + 1, kFarRun) : 1;
  return run < kFarRun && map.ids.Row(y - run)[column] == n ? 1 - run : kNoEdge;
}

// How long the run is that begins where the edge at `distance` is.
uint32_t LengthBeyond(const MapTables& map, int y, int x, int distance) {
  static_assert(kNoEdge >= kFarRun);
  if (distance >= kFarRun) return 20;
  return Capped(map.right.Row(y)[std::min(distance > 0 ? x + distance : x, map.width)], 19);
}

void PutEdge(Measures& m, Measure name, const Edge& edge) {
  m.values[name] = edge.key;
  m.values[StepOf(name)] = edge.step;
  m.distances[name] = edge.distance;
}

void MeasureShortEdges(const Surroundings& maps, int x, int y, int a, Measures& m) {
  const MapTables &c = *maps.current, &p = *maps.previous, &o = *maps.older, &g = *maps.warped;
  const auto find = [&](Measure name, const MapTables& map, int dy) { PutEdge(m, name, FindEdge(map, y + dy, x, a)); };
  find(kEdgeUp1, c, -1);
  find(kEdgeUp2, c, -2);
  find(kEdgeUp3, c, -3);
  find(kEdgePrevUp1, p, -1);
  find(kEdgePrev, p, 0);
  find(kEdgePrevDown1, p, 1);
  find(kEdgePrevDown2, p, 2);
  find(kEdgeOld, o, 0);
  find(kEdgeWarpUp1, g, -1);
  find(kEdgeWarp, g, 0);
  find(kEdgeWarpDown1, g, 1);
  const auto& at = m.distances;
  m.values[kUp1ByPrev] = Shifted(at[kEdgeUp1], at[kEdgePrevUp1], at[kEdgePrev]);
  m.values[kUp1ByWarp] = Shifted(at[kEdgeUp1], at[kEdgeWarpUp1], at[kEdgeWarp]);
  m.values[kUp1ByUp2] = Shifted(at[kEdgeUp1], at[kEdgeUp2], at[kEdgeUp1]);
  m.values[kUp1ByUp3] = Shifted(at[kEdgeUp1], at[kEdgeUp3], at[kEdgeUp1]);
  m.values[kLengthUp1] = LengthBeyond(c, y - 1, x, at[kEdgeUp1]);
  m.values[kLengthUp2] = LengthBeyond(c, y - 2, x, at[kEdgeUp2]);
  m.values[kLengthWarp] = LengthBeyond(g, y, x, at[kEdgeWarp]);
}

void MeasureShortDepths(const Surroundings& maps, int x, int y, int n, Measures& m) {
  const MapTables &c = *maps.current, &p = *maps.previous, &g = *maps.warped;
  const auto depth = [&](const MapTables& map, int dx) { return EdgeDepth(map, y, x + dx, n); };
  const auto step = [&](int back) { return QuantizeDistance(DepthSoFar(c, y, x, back, n)); };
  const int left1 = DepthSoFar(c, y, x, 1, n);
  const int prev = depth(p, 0), prev_left1 = depth(p, -1), warp = depth(g, 0), warp_left1 = depth(g, -1);
  m.values[kDepthLeft1] = QuantizeDistance(left1);
  m.values[kDepthLeft2] = step(2);
  m.values[kDepthLeft3] = step(3);
  m.values[kDepthPrev] = QuantizeDistance(prev);
  m.values[kDepthPrevLeft1] = QuantizeDistance(prev_left1);
  m.values[kDepthWarp] = QuantizeDistance(warp);
  m.values[kDepthWarpLeft1] = QuantizeDistance(warp_left1);
  m.values[kDepthWarpRight1] = QuantizeDistance(depth(g, 1));
  m.values[kDepthByPrev] = Shifted(left1, prev_left1, prev);
  m.values[kDepthByWarp] = Shifted(left1, warp_left1, warp);
}

void MeasureNeighbours(const Surroundings& maps, int x, int y, Measures& m) {
  const MapTables& c = *maps.current;
  const uint8_t *row = c.ids.Row(y), *up1 = c.ids.Row(y - 1), *up2 = c.ids.Row(y - 2), *up3 = c.ids.Row(y - 3);
  m.values[kW] = row[x - 1];
  m.values[kWWW] = row[x - 3];
  m.values[kN] = up1[x];
  m.values[kNWW] = up1[x - 2];
  m.values[kNEE] = up1[x + 2];
  m.values[kNEEE] = up1[x + 3];
  m.values[kNN] = up2[x];
  m.values[kNNW] = up2[x - 1];
  m.values[kNNE] = up2[x + 1];
  m.values[kNNWW] = up2[x - 2];
  m.values[kNNEE] = up2[x + 2];
  m.values[kNNN] = up3[x];
  m.values[kNNNW] = up3[x - 1];
  m.values[kNNNE] = up3[x + 1];
  const uint8_t *prev = maps.previous->ids.Row(y), *prev_down1 = maps.previous->ids.Row(y + 1);
  const uint8_t *warp = maps.warped->ids.Row(y), *warp_down1 = maps.warped->ids.Row(y + 1);
  m.values[kNear] = HashOf(1, row[x - 2], up1[x - 1], up1[x], up1[x + 1]);
  m.values[kNearWarp] = HashOf(3, warp[x], warp[x + 1], warp_down1[x], warp[x - 1], maps.warped->ids.Row(y - 1)[x]);

  const int a = row[x - 1], n = up1[x];
  const auto agrees = [a](int id, int bit) { return static_cast<uint32_t>(id == a ? 1 << bit : 0); };
  m.values[kAgreement] = agrees(n, 0) | agrees(up1[x - 1], 1) | agrees(up1[x + 1], 2) | agrees(prev[x], 3) |
                         agrees(warp[x], 4) | agrees(prev_down1[x], 5) | agrees(warp_down1[x], 6) | agrees(up2[x], 7);
  m.values[kClassesOfWAndN] = static_cast<uint32_t>(a * 16 + n);
}

void MeasureRunsAndPlace(const Surroundings& maps, int x, int y, Measures& m) {
  const uint8_t* up = maps.current->up.Row(y - 1);
  m.values[kRunUp] = Capped(up[x], 24);
  m.values[kRunUpLeft1] = Capped(up[x - 1], 24);
  m.values[kRunUpRight1] = Capped(up[x + 1], 24);
  m.values[kRunUpRight2] = Capped(up[x + 2], 24);
  m.values[kRunLeft] = Capped(maps.current->left.Row(y)[x - 1], 24);
  m.values[kRow] = static_cast<uint32_t>(y);
  m.values[kQuarterRow] = static_cast<uint32_t>(y / 4);
  m.values[kQuarterColumn] = static_cast<uint32_t>(x / 4);
  m.values[kSixteenthColumn] = static_cast<uint32_t>(x / 16);
  m.values[kTile] = HashOf(4, x / 24, y / 16);
}

void MeasureStair(const MapTables& current, int x, int y, int a, int n, Measures& m) {
  int stair1 = 1, stair2 = 0;
  if (a != n) {
    const auto depth = [&](int back) { return DepthSoFar(current, y, x, back, n); };
    const int last = depth(1);
    while (stair1 < 24 && x - stair1 > 0 && depth(stair1 + 1) == last) ++stair1;
    const int before = depth(stair1 + 1);
    while (stair2 < 24 && x - stair1 - 1 - stair2 > 0 && depth(stair1 + 1 + stair2) == before) ++stair2;
  }
  m.values[kStair1] = static_cast<uint32_t>(stair1);
  m.values[kStair2] = static_cast<uint32_t>(stair2);
}

// What a map shows where it matches the pixel's neighbourhood. Rows outside the map repeat its first or last row.
struct MatchedPlace {
  const MapTables& map;
  const Match& match;
  int x, y;
  int Row(int dy) const { return std::clamp(y + match.dy + dy, 0, map.height - 1); }
  uint8_t Id(int dx, int dy) const { return map.ids.Row(Row(dy))[x + match.dx + dx]; }
  Edge EdgeOf(int a, int dy) const { return FindEdge(map, Row(dy), x + match.dx, a); }
};

}  // namespace

void MeasureShortList(const Surroundings& maps, int x, int y, Measures& m) {
  const int a = maps.current->ids.Row(y)[x - 1], n = maps.current->ids.Row(y - 1)[x];
  MeasureNeighbours(maps, x, y, m);
  MeasureRunsAndPlace(maps, x, y, m);
  MeasureShortEdges(maps, x, y, a, m);
  MeasureShortDepths(maps, x, y, n, m);
}

void MeasureFeatures(const Surroundings& maps, int x, int y, Measures& m) {
  const MapTables &c = *maps.current, &p = *maps.previous, &o = *maps.older, &g = *maps.warped;
  const int a = c.ids.Row(y)[x - 1], n = c.ids.Row(y - 1)[x];
  const auto find = [&](Measure name, const MapTables& map, int dy) { PutEdge(m, name, FindEdge(map, y + dy, x, a)); };
  find(kEdgeUp4, c, -4);
  find(kEdgeUp5, c, -5);
  find(kEdgeUp6, c, -6);
  find(kEdgePrevUp2, p, -2);
  find(kEdgeOldUp1, o, -1);
  find(kEdgeWarpUp2, g, -2);
  find(kEdgeWarpDown2, g, 2);
  m.values[kDepthLeft5] = QuantizeDistance(DepthSoFar(c, y, x, 5, n));
  m.values[kDepthPrevRight1] = QuantizeDistance(EdgeDepth(p, y, x + 1, n));
  m.values[kDepthOld] = QuantizeDistance(EdgeDepth(o, y, x, n));
}

void MeasureLongList(const Surroundings& maps, int x, int y, const Match& previous, const Match& warped, Measures& m) {
  const MapTables &c = *maps.current, &p = *maps.previous;
  const int a = c.ids.Row(y)[x - 1], n = c.ids.Row(y - 1)[x];
  const auto& at = m.distances;
  m.values[kUp2ByPrev] = Shifted(at[kEdgeUp2], at[kEdgePrevUp2], at[kEdgePrev]);
  m.values[kUp2ByWarp] = Shifted(at[kEdgeUp2], at[kEdgeWarpUp2], at[kEdgeWarp]);
  m.values[kUp1ByOld] = Shifted(at[kEdgeUp1], at[kEdgeOldUp1], at[kEdgeOld]);
  m.values[kDistanceUp1] = static_cast<uint32_t>(std::clamp(at[kEdgeUp1], -40, 60));
  MeasureStair(c, x, y, a, n, m);
  const uint8_t* row = p.ids.Row(y);
  m.values[kNearPrev] = HashOf(2, row[x], row[x + 1], p.ids.Row(y + 1)[x], row[x - 1], p.ids.Row(y - 1)[x]);

  const MatchedPlace in_previous{p, previous, x, y}, in_warped{*maps.warped, warped, x, y};
  PutEdge(m, kEdgePrevMatch, in_previous.EdgeOf(a, 0));
  PutEdge(m, kEdgePrevMatchDown1, in_previous.EdgeOf(a, 1));
  PutEdge(m, kEdgeWarpMatch, in_warped.EdgeOf(a, 0));
  PutEdge(m, kEdgeWarpMatchDown1, in_warped.EdgeOf(a, 1));
  m.values[kNearPrevMatch] = HashOf(5, in_previous.Id(0, 0), in_previous.Id(1, 0), in_previous.Id(0, 1),
                                    in_previous.Id(-1, 1), in_previous.Id(1, -1));
  m.values[kDoubtPrevMatch] = previous.doubt;
  m.values[kDoubtWarpMatch] = warped.doubt;
  m.values[kEdgeAndDoubtPrevMatch] = m[StepOf(kEdgePrevMatch)] * kNumDoubts + previous.doubt;
  m.values[kEdgeAndDoubtWarpMatch] = m[StepOf(kEdgeWarpMatch)] * kNumDoubts + warped.doubt;
  const auto pair = [&](Measure first, Measure second, uint32_t size) { return m[first] * size + m[second]; };
  m.values[kEdgesUp1Up2] = pair(StepOf(kEdgeUp1), StepOf(kEdgeUp2), kNumSteps);
  m.values[kEdgesUp1Warp] = pair(StepOf(kEdgeUp1), StepOf(kEdgeWarp), kNumSteps);
  m.values[kDepthsLeft1Left2] = pair(kDepthLeft1, kDepthLeft2, kNumSteps);
  m.values[kDepthsByWarpWarp] = pair(kDepthByWarp, kDepthWarp, kNumSteps);
  m.values[kUp1ByUp2Prev] = pair(kUp1ByUp2, kUp1ByPrev, kNumSteps);
  m.values[kRunsLeftUp] = pair(kRunLeft, kRunUp, 25);
  m.values[kClassesOfMatches] = static_cast<uint32_t>((a * 16 + in_previous.Id(0, 0)) * 16 + in_warped.Id(0, 0));
}

}  // namespace kitsink
