#include "mask/context.h"

#include <cstdlib>

namespace kitsink {
namespace {

uint32_t Mix(uint32_t h, uint32_t v) {
  h = (h ^ v) * 0x85ebca6bU;
  return h ^ (h >> 15);
}
template <typename... T>
uint32_t Hash(uint32_t first, T... rest) {
  uint32_t h = first * 0x9e3779b1U + 0x7f4a7c15U;
  ((h = Mix(h, static_cast<uint32_t>(rest))), ...);
  return h;
}

// 0 = far left .. 12 = here .. 24 = far right, 25 = no edge
int QuantizeDistance(int d) {
  if (d == kNoEdge) return 25;
  const int m = d > 0 ? d - 1 : -d;
  const int q = m < 7 ? m : m < 9 ? 7 : m < 12 ? 8 : m < 17 ? 9 : m < 28 ? 10 : m < 60 ? 11 : 12;
  return d > 0 ? 13 + std::min(q, 11) : 12 - q;
}

}  // namespace

ContextMaker::ContextMaker() {
  for (int d = -255; d <= 256; ++d) quantum_[static_cast<size_t>(d + 255)] = static_cast<uint8_t>(QuantizeDistance(d));
}

PredictorShape ContextMaker::LightShape() { return {kLightContexts, 16, {16 * 4, 26 * 26, 26 * 26}, 0, 127}; }
PredictorShape ContextMaker::HeavyShape() {
  return {kHeavyContexts, 18, {4 * 16, 26 * 4 * 4, 1024, 26 * 26, 26 * 26, 26 * 26, 17 * 17 * 4, 26 * 26}, 0, 127};
}

namespace {
struct Edge {
  int d;       // EdgeDistance
  uint32_t q;  // quantised, with the class beyond
};
}  // namespace

void ContextMaker::Light(const Surroundings& m, int x, int y) {
  const MapTables& c = *m.current;
  const MapTables& p = *m.previous;
  const MapTables& o = *m.older;
  const MapTables& g = *m.warped;
  const uint32_t a = c.ids.Row(y)[x - 1];
  const auto H = [&](const MapTables& t, int row) {
    const uint8_t* ids = t.ids.Row(row);
    const int d = EdgeDistance(ids, t.left.Row(row), t.right.Row(row), x, static_cast<int>(a));
    const uint32_t beyond = d > 0 && d < kFarRun ? ids[x + d] : ids[x];
    return static_cast<uint32_t>(quantum_[static_cast<size_t>(d + 255)]) * 17 + beyond;
  };
  const uint32_t c1 = H(c, y - 1), c2 = H(c, y - 2), c3 = H(c, y - 3), p0 = H(p, y), p1 = H(p, y + 1), pm = H(p, y - 1),
                 g0 = H(g, y), g1 = H(g, y + 1), o0 = H(o, y);
  const uint32_t up_nw = std::min<uint32_t>(c.up.Row(y - 1)[x], 20),
                 up_ne = std::min<uint32_t>(c.up.Row(y - 1)[x + 3], 20);
  const uint32_t pd = std::min<uint32_t>(p.down.Row(y)[x], 15), gd = std::min<uint32_t>(g.down.Row(y)[x], 15),
                 gu = std::min<uint32_t>(g.up.Row(y)[x], 15);
  const uint32_t run = std::min<uint32_t>(c.left.Row(y)[x - 1], 15);
  const uint32_t lw = c.left.Row(y)[x - 1] < 12 ? c.left.Row(y)[x - 1] : 12;
  const uint8_t *r1 = c.ids.Row(y - 1), *r2 = c.ids.Row(y - 2), *gr = g.ids.Row(y), *pr = p.ids.Row(y);
  uint32_t i = 0;
  const auto add = [&](auto... v) {
    light_[i] = Hash(i + 100, a, v...);
    ++i;
  };
  add(c1, c2);
  add(c1, p0, up_nw > 3);
  add(c1, g0, g1);
  add(p0, p1, pm);
  add(g0, g1, gd);
  add(c1, c2, c3);
  add(up_nw, up_ne, c1);
  add(gd, gu, g0);
  add(pd, p0, c1);
  add(o0, p0, g0);
  add(lw, run, c1, g0);
  add(r1[x + 1], r1[x + 2], r1[x + 3], r1[x + 4], r2[x + 3], r2[x - 3], lw);
  add(gr[x + 2], gr[x - 3], g.ids.Row(y + 2)[x], g.ids.Row(y - 2)[x], r1[x + 2], r1[x - 3]);
  add(pr[x + 2], pr[x + 3], p.ids.Row(y + 2)[x], p.ids.Row(y + 3)[x], r1[x + 3], c.ids.Row(y - 3)[x]);
  light_selectors_[0] = static_cast<int>(a) * 4;
  light_selectors_[1] = static_cast<int>(c1 / 17 * 26 + g0 / 17);
  light_selectors_[2] = static_cast<int>(p0 / 17 * 26 + std::min(gd, 15U));
}

void ContextMaker::SetLight(Predictor& predictor, int rank, int candidate) const {
  const uint32_t salt = static_cast<uint32_t>(rank * 16 + candidate) * 0x2c1b3c6dU;
  for (int i = 0; i < kLightContexts; ++i) predictor.SetContext(i, light_[static_cast<size_t>(i)] + salt);
  for (int i = 0; i < 3; ++i) predictor.SetSelector(i, light_selectors_[static_cast<size_t>(i)]);
}

void ContextMaker::Heavy(const Surroundings& m, int x, int y) {
  const MapTables& c = *m.current;
  const MapTables& p = *m.previous;
  const MapTables& o = *m.older;
  const MapTables& g = *m.warped;
  const uint8_t* row = c.ids.Row(y);
  const uint32_t a = row[x - 1];
  const auto D = [&](const MapTables& t, int r) {
    const uint8_t* ids = t.ids.Row(r);
    Edge e;
    e.d = EdgeDistance(ids, t.left.Row(r), t.right.Row(r), x, static_cast<int>(a));
    const uint32_t beyond = e.d > 0 && e.d < kFarRun ? ids[x + e.d] : ids[x];
    e.q = static_cast<uint32_t>(quantum_[static_cast<size_t>(e.d + 255)]) * 17 + beyond;
    return e;
  };
  const Edge c1 = D(c, y - 1), c2 = D(c, y - 2), c3 = D(c, y - 3), c4 = D(c, y - 4);
  const Edge p0 = D(p, y), p1 = D(p, y + 1), p2 = D(p, y + 2), pm1 = D(p, y - 1), pm2 = D(p, y - 2);
  const Edge o0 = D(o, y), om1 = D(o, y - 1);
  const Edge g0 = D(g, y), g1 = D(g, y + 1), g2 = D(g, y + 2), gm1 = D(g, y - 1), gm2 = D(g, y - 2);
  const auto Q = [&](int d) {
    return static_cast<uint32_t>(quantum_[static_cast<size_t>(std::clamp(d, -255, 256) + 255)]);
  };
  const auto Shift = [&](const Edge& u, const Edge& v, const Edge& w) -> uint32_t {  // u - v + w
    if (u.d == kNoEdge || v.d == kNoEdge || w.d == kNoEdge) return 26;
    return Q(std::clamp(u.d - v.d + w.d, -255, 255));
  };
  // vertical edges: the class of N, where it ends in column x of the other maps
  const uint32_t n = c.ids.Row(y - 1)[x];
  const auto V = [&](const MapTables& t, int xx) -> uint32_t {
    if (t.ids.Row(y)[xx] == n) return 13 + std::min<uint32_t>(t.down.Row(y)[xx], 12) - 1;
    const int run = t.up.Row(y)[xx];
    return run < kFarRun && t.ids.Row(y - run)[xx] == n ? 12 - std::min<uint32_t>(static_cast<uint32_t>(run - 1), 12)
                                                        : 25;
  };
  const auto W = [&](int back) -> uint32_t {  // columns to the left in this map
    const int xx = x - back;
    if (row[xx] == n) return 13;
    const int run = row[xx] == c.ids.Row(y - 1)[xx] ? std::min(c.up.Row(y - 1)[xx] + 1, kFarRun) : 1;
    return run < kFarRun && c.ids.Row(y - run)[xx] == n ? 12 - std::min<uint32_t>(static_cast<uint32_t>(run - 1), 12)
                                                        : 25;
  };
  const uint32_t w1 = W(1), w2 = W(2), w3 = W(3), w4 = W(5);
  const uint32_t v0 = V(p, x), v1 = V(p, x + 1), vm1 = V(p, x - 1), vg0 = V(g, x), vg1 = V(g, x + 1),
                 vgm1 = V(g, x - 1), vo = V(o, x);
  const uint32_t un = std::min<uint32_t>(c.up.Row(y - 1)[x], 24), une = std::min<uint32_t>(c.up.Row(y - 1)[x + 1], 24),
                 une2 = std::min<uint32_t>(c.up.Row(y - 1)[x + 2], 24),
                 unw = std::min<uint32_t>(c.up.Row(y - 1)[x - 1], 24);
  const uint32_t lw = std::min<uint32_t>(c.left.Row(y)[x - 1], 24);
  const uint8_t *r1 = c.ids.Row(y - 1), *r2 = c.ids.Row(y - 2), *r3 = c.ids.Row(y - 3);
  const uint8_t *q0 = p.ids.Row(y), *q1 = p.ids.Row(y + 1), *qm = p.ids.Row(y - 1), *q2 = p.ids.Row(y + 2);
  const uint8_t *s0 = g.ids.Row(y), *s1 = g.ids.Row(y + 1), *sm = g.ids.Row(y - 1), *s2 = g.ids.Row(y + 2);
  const uint8_t* t0 = o.ids.Row(y);
  const uint32_t pix = Hash(1, row[x - 2], r1[x - 1], n, r1[x + 1]);
  const uint32_t pq = Hash(2, q0[x], q0[x + 1], q1[x], q0[x - 1], qm[x]);
  const uint32_t ps = Hash(3, s0[x], s0[x + 1], s1[x], s0[x - 1], sm[x]);
  uint32_t i = 0;
  const auto add = [&](auto... v) {
    heavy_[i] = Hash(i + 1, a, v...);
    ++i;
  };
  add(c1.q, c2.q);
  add(c1.q, c2.q, c3.q);
  add(c1.q, c2.q, c3.q, c4.q);
  add(c1.q, p0.q);
  add(c1.q, p0.q, p1.q);
  add(c1.q, c2.q, p0.q);
  add(c1.q, c2.q, p0.q, pm1.q);
  add(c1.q, g0.q);
  add(c1.q, g0.q, g1.q);
  add(c1.q, c2.q, g0.q);
  add(c1.q, c2.q, g0.q, gm1.q);
  add(Shift(c1, pm1, p0), c1.q);
  add(Shift(c1, gm1, g0), c1.q);
  add(Shift(c1, pm1, p0), Shift(c2, pm2, p0), c1.q);
  add(Shift(c1, gm1, g0), Shift(c2, gm2, g0), c1.q);
  add(Shift(c1, c2, c1), c1.q, n);
  add(Shift(c1, c3, c1), Shift(c1, c2, c1), c1.q, g0.q);
  add(Shift(c1, om1, o0), Shift(c1, pm1, p0), c1.q);
  add(p0.q, o0.q, c1.q);
  add(p0.q, p1.q, p2.q, pm1.q);
  add(g0.q, g1.q, g2.q, gm1.q);
  add(g0.q, p0.q, o0.q);
  add(g0.q, p0.q, c1.q, c2.q);
  add(w1, w2, n);
  add(w1, w2, w3, n, un);
  add(w1, w2, w3, w4, n, une);
  add(w1, w2, v0, n);
  add(w1, v0, v1, vm1, n);
  add(w1, vg0, vg1, vgm1, n);
  add(w1, w2, vg0, n, c1.q);
  add(w1, vg0, v0, vo, n);
  add(un, une, une2, unw, n, c1.q);
  add(lw, c1.q, g0.q, n);
  add(lw, un, c1.q, c2.q, une);
  add(pix, r1[x + 2], row[x - 3], r2[x]);
  add(pix, r1[x + 2], row[x - 3], r2[x], r2[x - 1], r2[x + 1], r3[x]);
  add(pix, r1[x + 2], row[x - 3], r2[x], r2[x - 1], r2[x + 1], r2[x + 2], r2[x - 2], r1[x - 2], r1[x + 3], r3[x],
      r3[x - 1], r3[x + 1]);
  add(pix, pq);
  add(pix, pq, q1[x + 1], q1[x - 1], q2[x], q0[x + 2], r1[x + 2]);
  add(pix, ps);
  add(pix, ps, s1[x + 1], s1[x - 1], s2[x], s0[x + 2], r1[x + 2]);
  add(pq, ps, n);
  add(pix, q0[x], s0[x], t0[x], r1[x + 2], r2[x]);
  add(pq, t0[x], t0[x + 1], t0[x - 1], n);
  add(x / 24, y / 16, c1.q, n);
  add(x / 12, y, n);
  add(x / 24, y / 16, g0.q, n);
  add(y, c1.q, g0.q);
  selectors_[0] = static_cast<int>(a);
  selectors_[1] = static_cast<int>(c1.q / 17);
  selectors_[2] = static_cast<int>((a == n) | (a == r1[x - 1]) << 1 | (a == r1[x + 1]) << 2 | (a == q0[x]) << 3 |
                                   (a == s0[x]) << 4 | (a == q1[x]) << 5 | (a == s1[x]) << 6 | (a == r2[x]) << 7);
  selectors_[3] = static_cast<int>(c1.q / 17 * 26 + c2.q / 17);
  selectors_[4] = static_cast<int>(p0.q / 17 * 26 + c1.q / 17);
  selectors_[5] = static_cast<int>(g0.q / 17 * 26 + std::min(Shift(c1, gm1, g0), 25U));
  selectors_[6] = static_cast<int>(a * 17 + n);
  selectors_[7] = static_cast<int>(w1 * 26 + std::min(un, 25U));
}

void ContextMaker::SetHeavy(Predictor& predictor, int rank, int candidate) const {
  const uint32_t salt = static_cast<uint32_t>(rank * 16 + candidate) * 0x2c1b3c6dU;
  for (int i = 0; i < kHeavyContexts; ++i) predictor.SetContext(i, heavy_[static_cast<size_t>(i)] + salt);
  predictor.SetSelector(0, selectors_[0] * 4 + rank);
  predictor.SetSelector(1, (selectors_[1] * 4 + rank) * 4);
  predictor.SetSelector(2, (selectors_[2] * 4 + rank));
  predictor.SetSelector(3, selectors_[3]);
  predictor.SetSelector(4, selectors_[4]);
  predictor.SetSelector(5, selectors_[5]);
  predictor.SetSelector(6, selectors_[6] * 4 + rank);
  predictor.SetSelector(7, selectors_[7]);
}

}  // namespace kitsink
