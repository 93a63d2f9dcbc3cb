// The shapes of the levels, and the contexts and selectors of easy pixels; their order is part of the format.

#include <algorithm>

#include "mask/context.h"

namespace kitsink {
const LevelShape& ShapeOfLevel(int level, int version) {
  static constexpr std::array<LevelShape, 3> kFirstVersion = {
      {{8, 24, 8, 0, 0, 0, false}, {14, 40, 11, 1, 32, 0, false}, {0, 40, 11, 2, 64, 0, false}}};
  static constexpr std::array<LevelShape, 3> kShapes = {
      {{8, 24, 8, 0, 0, 1, false}, {14, 42, 17, 1, 32, 3, false}, {0, 42, 17, 2, 64, 3, true}}};
  return (version == 1 ? kFirstVersion : kShapes)[static_cast<size_t>(level - 1)];
}

PredictorShape EasyContexts::Shape(const LevelShape& level, int table_bits) {
  return {std::max(level.easy_contexts, 1),
          std::min(table_bits, 16),
          {16, kNumSteps * kNumSteps, kNumSteps * 16},
          0,
          level.num_directions};
}

void EasyContexts::Gather(const Surroundings& maps, int x, int y) {
  const MapTables& c = *maps.current;
  const MapTables& p = *maps.previous;
  const MapTables& o = *maps.older;
  const MapTables& g = *maps.warped;
  const uint8_t* row = c.ids.Row(y);
  const int a = row[x - 1];
  const uint32_t c1 = FindEdge(c, y - 1, x, a).key, c2 = FindEdge(c, y - 2, x, a).key;
  const uint32_t c3 = FindEdge(c, y - 3, x, a).key, o0 = FindEdge(o, y, x, a).key;
  const uint32_t p0 = FindEdge(p, y, x, a).key, p1 = FindEdge(p, y + 1, x, a).key, pm1 = FindEdge(p, y - 1, x, a).key;
  const uint32_t g0 = FindEdge(g, y, x, a).key, g1 = FindEdge(g, y + 1, x, a).key;
  const auto run = [](const Plane& plane, int yy, int xx, uint32_t most) {
    return std::min<uint32_t>(plane.Row(yy)[xx], most);
  };
  const uint32_t up = run(c.up, y - 1, x, 20), up_right = run(c.up, y - 1, x + 3, 20);
  const uint32_t p_down = run(p.down, y, x, 15), g_down = run(g.down, y, x, 15), g_up = run(g.up, y, x, 15);
  const uint32_t since = run(c.left, y, x - 1, 15);
  const uint8_t *r1 = c.ids.Row(y - 1), *r2 = c.ids.Row(y - 2), *gr = g.ids.Row(y), *pr = p.ids.Row(y);

  uint32_t n = 0;
  const auto add = [&](auto... values) { hashes_[n] = HashOf(n + 100, a, values...), ++n; };
  add(c1, g0, g1);
  add(c1, c2);
  add(c1, p0, up > 3);
  add(g_down, g_up, g0);
  add(p0, p1, pm1);
  add(up, up_right, c1);
  add(since, c1, g0);
  add(gr[x + 2], gr[x - 3], g.ids.Row(y + 2)[x], g.ids.Row(y - 2)[x], r1[x + 2], r1[x - 3]);
  add(r1[x + 1], r1[x + 2], r1[x + 3], r1[x + 4], r2[x + 3], r2[x - 3], std::min(since, 12U));
  add(pr[x + 2], pr[x + 3], p.ids.Row(y + 2)[x], p.ids.Row(y + 3)[x], r1[x + 3], c.ids.Row(y - 3)[x]);
  add(g0, g1, g_down);
  add(c1, c2, c3);
  add(p_down, p0, c1);
  add(o0, p0, g0);
  selected_[0] = a;
  selected_[1] = static_cast<int>(c1 / 17 * kNumSteps + g0 / 17);
  selected_[2] = static_cast<int>(p0 / 17 * 16 + g_down);
}

void EasyContexts::Set(Predictor& predictor, int candidate) const {
  const uint32_t salt = DecisionSalt(0, candidate);
  for (int i = 0; i < predictor.num_contexts(); ++i) predictor.SetContext(i, hashes_[static_cast<size_t>(i)] + salt);
  for (int i = 0; i < 3; ++i) predictor.SetSelector(i, selected_[static_cast<size_t>(i)]);
}

}  // namespace kitsink
