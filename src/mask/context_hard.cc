#include <algorithm>

#include "mask/context.h"

namespace kitsink {
namespace {

// u - v + w: where an edge at u will be after the step that took v to w.
uint32_t Shifted(int u, int v, int w) {
  if (u == kNoEdge || v == kNoEdge || w == kNoEdge) return kNoStep;
  return QuantizeDistance(std::clamp(u - v + w, -255, 255));
}

uint32_t Capped(int value, int most) { return static_cast<uint32_t>(std::min(value, most)); }

// EdgeDepth() in column x - back of the map being coded, whose rows below y are unknown: 1 stands for "not yet".
int DepthSoFar(const MapTables& map, int y, int x, int back, int n) {
  const int column = x - back;
  const int id = map.ids.Row(y)[column];
  if (id == n) return 1;
  const int run = id == map.ids.Row(y - 1)[column] ? std::min(map.up.Row(y - 1)[column] + 1, kFarRun) : 1;
  return run < kFarRun && map.ids.Row(y - run)[column] == n ? 1 - run : kNoEdge;
}

// How long the run is that begins where `edge` ends.
uint32_t LengthBeyond(const MapTables& map, int y, int x, const Edge& edge) {
  static_assert(kNoEdge >= kFarRun);
  if (edge.distance >= kFarRun) return 20;
  return Capped(map.right.Row(y)[std::min(edge.distance > 0 ? x + edge.distance : x, map.width)], 19);
}

constexpr int kNumDoubts = kMaxDoubt + 1;

// What a match shows at (x, y) and around.
struct Matched {
  const MapTables* map;
  Match match;
  int x, y;
  uint8_t Id(int dx, int dy) const {
    return map->ids.Row(std::clamp(y + match.dy + dy, 0, map->height - 1))[x + match.dx + dx];
  }
  Edge EdgeOf(int a, int dy) const {
    return FindEdge(*map, std::clamp(y + match.dy + dy, 0, map->height - 1), x + match.dx, a);
  }
  uint32_t Near(uint32_t name) const { return HashOf(name, Id(0, 0), Id(1, 0), Id(0, 1), Id(-1, 1), Id(1, -1)); }
};

}  // namespace

PredictorShape HardContexts::Shape(const LevelShape& level, int table_bits) {
  PredictorShape shape = {level.hard_contexts,
                          table_bits,
                          {16 * kNumRanks, kNumSteps * kNumRanks, 256 * kNumRanks, kNumSteps, kNumSteps, kNumSteps,
                           256 * kNumRanks, kNumSteps},
                          level.num_networks};
  if (HasLongList(level)) {
    const int of_match = static_cast<int>(kNumSteps) * kNumDoubts;
    shape.selector_sizes.insert(shape.selector_sizes.end(), {of_match, of_match, 16 * 16 * 16});
  }
  return shape;
}

void HardContexts::StartMap() {
  previous_matcher_.StartMap();
  warped_matcher_.StartMap();
}

void HardContexts::Gather(const Surroundings& maps, int x, int y) {
  const MapTables& c = *maps.current;
  const MapTables& p = *maps.previous;
  const MapTables& o = *maps.older;
  const MapTables& g = *maps.warped;
  const uint8_t *row = c.ids.Row(y), *r1 = c.ids.Row(y - 1), *r2 = c.ids.Row(y - 2), *r3 = c.ids.Row(y - 3);
  const uint8_t *q0 = p.ids.Row(y), *q1 = p.ids.Row(y + 1), *qm = p.ids.Row(y - 1);
  const uint8_t *s0 = g.ids.Row(y), *s1 = g.ids.Row(y + 1), *sm = g.ids.Row(y - 1);
  const int a = row[x - 1], n = r1[x];

  // Edges of the left neighbour's class in the rows around, of this map and of the others.
  const auto edge = [&](const MapTables& map, int dy) { return FindEdge(map, y + dy, x, a); };
  const Edge c1 = edge(c, -1), c2 = edge(c, -2), c3 = edge(c, -3), c4 = edge(c, -4);
  const Edge p0 = edge(p, 0), p1 = edge(p, 1), p2 = edge(p, 2), pm1 = edge(p, -1), pm2 = edge(p, -2);
  const Edge g0 = edge(g, 0), g1 = edge(g, 1), g2 = edge(g, 2), gm1 = edge(g, -1), gm2 = edge(g, -2);
  const Edge o0 = edge(o, 0), om1 = edge(o, -1);
  const auto shifted = [](const Edge& u, const Edge& v, const Edge& w) {
    return Shifted(u.distance, v.distance, w.distance);
  };
  const uint32_t by_p = shifted(c1, pm1, p0), by_g = shifted(c1, gm1, g0);
  const uint32_t by_c2 = shifted(c1, c2, c1), by_c3 = shifted(c1, c3, c1);
  const uint32_t beyond1 = LengthBeyond(c, y - 1, x, c1), beyond2 = LengthBeyond(c, y - 2, x, c2);
  const uint32_t beyond_g = LengthBeyond(g, y, x, g0);

  // Edges of the upper neighbour's class in the columns around.
  const auto depth = [&](const MapTables& map, int dx) { return EdgeDepth(map, y, x + dx, n); };
  const auto so_far = [&](int back) { return DepthSoFar(c, y, x, back, n); };
  const auto step = [](int distance) { return QuantizeDistance(distance); };
  const int w1d = so_far(1);
  const uint32_t w1 = step(w1d), w2 = step(so_far(2)), w3 = step(so_far(3)), w5 = step(so_far(5));
  const uint32_t v0 = step(depth(p, 0)), v1 = step(depth(p, 1)), vm1 = step(depth(p, -1)), vo = step(depth(o, 0));
  const uint32_t z0 = step(depth(g, 0)), z1 = step(depth(g, 1)), zm1 = step(depth(g, -1));
  const uint32_t down_p = Shifted(w1d, depth(p, -1), depth(p, 0)), down_g = Shifted(w1d, depth(g, -1), depth(g, 0));
  const auto up = [&](int dx) { return Capped(c.up.Row(y - 1)[x + dx], 24); };
  const uint32_t up0 = up(0), up1 = up(1), up2 = up(2), upm1 = up(-1);
  const uint32_t since = Capped(c.left.Row(y)[x - 1], 24);
  const uint32_t near = HashOf(1, row[x - 2], r1[x - 1], n, r1[x + 1]);
  const uint32_t near_q = HashOf(2, q0[x], q0[x + 1], q1[x], q0[x - 1], qm[x]);
  const uint32_t near_s = HashOf(3, s0[x], s0[x + 1], s1[x], s0[x - 1], sm[x]);
  const uint32_t tile = HashOf(4, x / 24, y / 16);

  uint32_t i = 0;
  const auto add = [&](auto... values) { hashes_[i] = HashOf(i + 1, a, values...), ++i; };
  add(c1.key, g0.key, g1.key);
  add(g0.key, p0.key, o0.key);
  add(w1, w2, w3, n, up0);
  add(w1, z0, z1, zm1, n);
  add(w1, w2, z0, n, c1.key);
  add(up0, up1, up2, upm1, n, c1.key);
  add(since, c1.key, g0.key, n);
  add(near, near_s);
  add(tile, c1.key, n);
  add(down_p, down_g, w1, n);
  add(by_c3, by_c2, c1.key, g0.key);
  add(beyond1, beyond_g, c1.key, g0.key);
  add(beyond1, beyond2, c1.key, c2.key);
  add(c1.key, p0.key);
  add(c1.key, g0.key);
  add(c1.key, c2.key, g0.key, gm1.key);
  add(p0.key, p1.key, p2.key, pm1.key);
  add(g0.key, p0.key, c1.key, c2.key);
  add(since, up0, c1.key, c2.key, up1);
  add(near, r1[x + 2], row[x - 3], r2[x], r2[x - 1], r2[x + 1], r2[x + 2], r2[x - 2], r1[x - 2], r1[x + 3], r3[x],
      r3[x - 1], r3[x + 1]);
  add(y, c1.key, g0.key);
  add(x / 16, w1, z0);
  add(tile, by_p, n);
  add(x / 4, y, c1.key);
  Matched mp{}, mg{};
  Edge mp0{}, mp1{}, mg0{}, mg1{};
  if (long_list_) {
    mp = {&p, previous_matcher_.Find(c, p, x, y), x, y};
    mg = {&g, warped_matcher_.Find(c, g, x, y), x, y};
    mp0 = mp.EdgeOf(a, 0), mp1 = mp.EdgeOf(a, 1);
    mg0 = mg.EdgeOf(a, 0), mg1 = mg.EdgeOf(a, 1);
    // The lengths of the last two steps of the stair that this edge draws on its way from the left.
    int stair1 = 1, stair2 = 0;
    if (a != n) {
      while (stair1 < 24 && x - stair1 > 0 && so_far(stair1 + 1) == w1d) ++stair1;
      const int before = so_far(stair1 + 1);
      while (stair2 < 24 && x - stair1 - 1 - stair2 > 0 && so_far(stair1 + 1 + stair2) == before) ++stair2;
    }
    add(mg0.key, mg1.key, c1.key);
    add(mp0.key, mg0.key, mp.match.doubt, mg.match.doubt);
    add(mp.Near(5), near);
    add(stair1, stair2, static_cast<uint32_t>(std::clamp(c1.distance, -40, 60)), n);
    add(near, near_q);
    add(c1.key, c2.key, c3.key, c4.key);
    add(by_p, shifted(c2, pm2, p0), c1.key);
    add(by_g, shifted(c2, gm2, g0), c1.key);
    add(shifted(c1, om1, o0), by_p, c1.key);
    add(g0.key, g1.key, g2.key, gm1.key);
    add(w1, w2, n);
    add(w1, w2, w3, w5, n, up1);
    add(w1, w2, v0, n);
    add(near, r1[x + 2], row[x - 3], r2[x], r2[x - 1], r2[x + 1], r3[x]);
    add(tile, z0, w1);
    add(x / 4, y / 4, w1, c1.key);
  }

  const auto agrees = [&](int id, int bit) { return id == a ? 1 << bit : 0; };
  selected_ = {a,
               static_cast<int>(c1.step),
               agrees(n, 0) | agrees(r1[x - 1], 1) | agrees(r1[x + 1], 2) | agrees(q0[x], 3) | agrees(s0[x], 4) |
                   agrees(q1[x], 5) | agrees(s1[x], 6) | agrees(r2[x], 7),
               static_cast<int>(g0.step),
               static_cast<int>(p0.step),
               static_cast<int>(by_g),
               a * 16 + n,
               static_cast<int>(w1),
               static_cast<int>(mp0.step) * kNumDoubts + mp.match.doubt,
               static_cast<int>(mg0.step) * kNumDoubts + mg.match.doubt,
               long_list_ ? (a * 16 + mp.Id(0, 0)) * 16 + mg.Id(0, 0) : 0};
  const std::array<uint32_t, 44> measures = {c1.step,
                                             c2.step,
                                             c3.step,
                                             c4.step,
                                             p0.step,
                                             p1.step,
                                             p2.step,
                                             pm1.step,
                                             pm2.step,
                                             o0.step,
                                             om1.step,
                                             g0.step,
                                             g1.step,
                                             g2.step,
                                             gm1.step,
                                             gm2.step,
                                             w1,
                                             w2,
                                             w3,
                                             w5,
                                             v0,
                                             v1,
                                             vm1,
                                             z0,
                                             z1,
                                             zm1,
                                             vo,
                                             up0,
                                             up1,
                                             up2,
                                             upm1,
                                             since,
                                             by_p,
                                             by_g,
                                             by_c2,
                                             by_c3,
                                             mp0.step,
                                             mp1.step,
                                             mg0.step,
                                             mg1.step,
                                             edge(c, -5).step,
                                             edge(c, -6).step,
                                             mp.match.doubt,
                                             mg.match.doubt};
  if (with_features_) GatherFeatures(maps, x, y, measures);
}

void HardContexts::GatherFeatures(const Surroundings& maps, int x, int y, std::span<const uint32_t> measures) {
  features_.clear();
  uint32_t base = 0;
  const auto cells = [&](const MapTables& map, int dy, int from, int to) {
    const uint8_t* row = map.ids.Row(y + dy);
    for (int dx = from; dx <= to; ++dx, base += 16) features_.push_back(base + row[x + dx]);
  };
  cells(*maps.current, 0, -6, -1);
  cells(*maps.current, -1, -6, 6);
  cells(*maps.current, -2, -5, 5);
  cells(*maps.current, -3, -3, 3);
  for (int dy = -2; dy <= 2; ++dy) cells(*maps.previous, dy, -3, 3);
  for (int dy = -2; dy <= 2; ++dy) cells(*maps.warped, dy, -2, 2);
  for (int dy = -1; dy <= 1; ++dy) cells(*maps.older, dy, -1, 1);
  for (const uint32_t measure : measures) {
    features_.push_back(base + measure);
    base += kNumSteps;
  }
  const auto part = [](int at, int size) { return static_cast<uint32_t>(at * kNumParts / size); };
  features_.push_back(base + part(y, maps.current->height) * kNumParts + part(x, maps.current->width));
}

void HardContexts::Set(Predictor& predictor, int rank, int candidate) const {
  const uint32_t salt = DecisionSalt(rank, candidate);
  for (int i = 0; i < predictor.num_contexts(); ++i) predictor.SetContext(i, hashes_[static_cast<size_t>(i)] + salt);
  for (const int with_rank : {0, 1, 2, 6}) {
    predictor.SetSelector(with_rank, selected_[static_cast<size_t>(with_rank)] * kNumRanks + rank);
  }
  for (const int without : {3, 4, 5, 7}) predictor.SetSelector(without, selected_[static_cast<size_t>(without)]);
  for (int i = 8; long_list_ && i < 11; ++i) predictor.SetSelector(i, selected_[static_cast<size_t>(i)]);
}

}  // namespace kitsink
