// Builds the scenery: barriers, woods, houses, poles, signs, and bridges over the road.

#include "mesh.h"

namespace kitsink::road {
namespace {

// The horizontal directions of the road at s.
struct Axes {
  Vec3 along, right;
};
Axes AxesAt(const World& world, double s) {
  const double psi = world.Heading(s);
  return {{std::cos(psi), std::sin(psi), 0}, {-std::sin(psi), std::cos(psi), 0}};
}

void AddBarrier(const World& world, const Barrier& barrier, double first, double last, Mesh& mesh) {
  Triangle look;
  look.seed = world.texture + 5;
  const bool solid = barrier.kind == BarrierKind::kConcrete;
  const double low = barrier.kind == BarrierKind::kRail ? 0.42 : -0.1;
  const double half = solid ? 0.12 : barrier.kind == BarrierKind::kWall ? 0.15 : 0.03;
  look.color = {0.3F, 0.29F, 0.27F};
  look.material = Material::kWall;
  if (barrier.kind == BarrierKind::kRail) {
    look.material = Material::kRail;
    look.color = {0.36F, 0.37F, 0.38F};
  } else if (barrier.kind == BarrierKind::kFence) {
    look.material = Material::kFence;
    look.color = {0.17F, 0.125F, 0.09F};
  }
  const double step = 4;
  const double begin = std::max(barrier.first, std::floor(first / step) * step), end = std::min(barrier.last, last);
  for (double s = begin; s + step <= end; s += step) {
    const Vec3 right = AxesAt(world, s).right;
    for (const double sign : {-1.0, 1.0}) {
      const double foot = barrier.t + sign * half * (solid ? 2.2 : 1.0), top = barrier.t + sign * half;
      const size_t before = mesh.triangles.size();
      AddQuad({world.Point(s, foot, low), world.Point(s + step, foot, low), world.Point(s + step, top, barrier.height),
               world.Point(s, top, barrier.height)},
              step, barrier.height - low, right * sign, look, mesh);
      // Textures continue from segment to segment.
      for (size_t i = before; i < mesh.triangles.size(); ++i) {
        for (Vertex* vertex : {&mesh.triangles[i].a, &mesh.triangles[i].b, &mesh.triangles[i].c}) vertex->u += s;
      }
    }
    AddQuad({world.Point(s, barrier.t - half, barrier.height), world.Point(s + step, barrier.t - half, barrier.height),
             world.Point(s + step, barrier.t + half, barrier.height), world.Point(s, barrier.t + half, barrier.height)},
            step, 2 * half, {0, 0, -1}, look, mesh);
    if (barrier.kind == BarrierKind::kRail) {
      const Axes axes = AxesAt(world, s);
      Triangle post = look;
      post.material = Material::kMatt;
      AddFrustum(world.Point(s, barrier.t, 0), axes.along, axes.right,
                 {-0.06, 0.06, 0.05, 0, -0.06, 0.06, 0.05, barrier.height - 0.05}, post, post, mesh);
    }
  }
}

// A disc of leaves that faces the traffic: a polygon with a lobed outline.
void AddCrown(Vec3 center, Vec3 across, double half_width, double half_height, const Triangle& look, Mesh& mesh) {
  constexpr int kSides = 11;
  std::array<Vertex, kSides> rim;
  for (int i = 0; i < kSides; ++i) {
    const double angle = 2 * kPi * i / kSides;
    const double radius = 0.86 + 0.14 * Hash(i, 3, look.seed);
    const double u = radius * std::cos(angle), v = radius * std::sin(angle);
    rim[static_cast<size_t>(i)] = {center + across * (u * half_width) + Vec3{0, 0, -v * half_height}, u, v};
  }
  for (size_t i = 0; i < kSides; ++i) {
    Triangle triangle = look;
    triangle.a = {center, 0, 0};
    triangle.b = rim[i];
    triangle.c = rim[(i + 1) % kSides];
    mesh.triangles.push_back(triangle);
  }
}

void AddTree(const World& world, const Tree& tree, Mesh& mesh) {
  const Vec3 foot = world.Point(tree.s, tree.t, -0.3);
  const Axes axes = AxesAt(world, tree.s);
  // Turned half towards the traffic and half towards the road, so that it looks full from both.
  const double turn = tree.t < world.lane_t ? 0.6 : -0.6;
  const Vec3 across = Normalized(axes.right + axes.along * turn);
  const Vec3 inward = axes.right * (tree.t < world.lane_t ? 1.0 : -1.0);
  Triangle trunk;
  trunk.color = {0.09F, 0.07F, 0.05F};
  const double thick = 0.02 * tree.height + 0.05;
  AddFrustum(foot, axes.along, axes.right,
             {-thick, thick, thick, 0, -0.5 * thick, 0.5 * thick, 0.5 * thick, 0.7 * tree.height}, trunk, trunk, mesh);
  Triangle look;
  look.seed = tree.seed;
  look.normal = Normalized(inward * 0.5 - axes.along * 0.5 + Vec3{0, 0, -0.6});
  look.color = world.foliage * (0.7F + 0.6F * Hash(1, 1, tree.seed));
  if (tree.conifer) {
    look.material = Material::kConifer;
    look.color = look.color * Color{0.6F, 0.75F, 0.8F};
    // Tiers of triangles; u runs across, v up.
    for (int i = 0; i < 4; ++i) {
      const double base = (0.12 + 0.2 * i) * tree.height, top = base + 0.36 * tree.height;
      const double half = 0.62 * tree.radius * (1 - 0.22 * i);
      Triangle tier = look;
      tier.seed += static_cast<uint32_t>(i);
      const Vec3 shift = axes.along * (0.05 * i);
      tier.a = {foot + across * -half + Vec3{0, 0, -base} + shift, -1, -1};
      tier.b = {foot + across * half + Vec3{0, 0, -base} + shift, 1, -1};
      tier.c = {foot + Vec3{0, 0, -top} + shift, 0, 1};
      mesh.triangles.push_back(tier);
    }
    return;
  }
  look.material = Material::kFoliage;
  const double r = tree.radius;
  for (int i = 0; i < 6; ++i) {
    const auto pick = [&](int k) { return 2.0 * Hash(i, k, tree.seed) - 1.0; };
    Triangle crown = look;
    crown.seed += static_cast<uint32_t>(i) * 77;
    crown.color = look.color * (0.75F + 0.5F * Hash(i, 9, tree.seed));
    const double size = i == 0 ? 1.0 : 0.62;
    const double up = i == 0 ? 0.62 * tree.height : 0.62 * tree.height + 0.28 * tree.height * pick(2);
    const Vec3 center = foot + across * (i == 0 ? 0 : 0.6 * r * pick(1)) - axes.along * (0.15 * i) + Vec3{0, 0, -up};
    AddCrown(center, across, size * r, size * 0.36 * tree.height, crown, mesh);
  }
  // Undergrowth hides the base of the trees.
  Triangle bush = look;
  bush.seed += 991;
  bush.color = look.color * 0.7F;
  AddCrown(foot + axes.along * -0.8 + Vec3{0, 0, -0.1}, across, 0.8 * r, 1.5, bush, mesh);
}

void AddPole(const World& world, const Pole& pole, Mesh& mesh) {
  const Axes axes = AxesAt(world, pole.s);
  const Vec3 foot = world.Point(pole.s, pole.t, -0.2);
  Triangle look;
  look.color = pole.lamp || pole.sign ? Color{0.3F, 0.31F, 0.32F} : Color{0.1F, 0.075F, 0.055F};
  const double half = pole.sign ? 0.04 : 0.1;
  AddFrustum(foot, axes.along, axes.right, {-half, half, half, 0, -0.6 * half, 0.6 * half, 0.6 * half, pole.height},
             look, look, mesh);
  const auto at = [&](double x, double y, double z) { return foot + axes.along * x + axes.right * y + Vec3{0, 0, -z}; };
  const double in = pole.t > world.lane_t ? -1 : 1;
  if (pole.lamp) {
    AddFrustum(at(0, in * 1.1, pole.height), axes.along, axes.right, {-0.05, 0.05, 1.1, 0, -0.05, 0.05, 1.1, 0.1}, look,
               look, mesh);
    Triangle lamp = look;
    lamp.material = Material::kLamp;
    AddFrustum(at(0, in * 2.0, pole.height - 0.1), axes.along, axes.right,
               {-0.12, 0.12, 0.35, 0, -0.12, 0.12, 0.35, 0.12}, lamp, look, mesh);
    if (world.light.lamps > 0) {
      const Vec3 p = at(0, in * 2.0, pole.height - 0.12);
      mesh.glows.push_back({p, Color{2.2F, 1.25F, 0.45F} * world.light.lamps, 0.22, {0, 0, 0}});
    }
  } else if (pole.sign) {
    Triangle sign = look;
    sign.material = Material::kSign;
    const auto seed = static_cast<uint32_t>(pole.s * 7);
    const float kind = Hash(1, 2, seed);
    sign.color = kind < 0.4F   ? Color{0.02F, 0.16F, 0.07F}
                 : kind < 0.7F ? Color{0.6F, 0.6F, 0.6F}
                               : Color{0.6F, 0.4F, 0.02F};
    sign.seed = seed;
    const double w = kind < 0.4F ? 1.1 : 0.4, h = kind < 0.4F ? 1.2 : 0.9;
    AddQuad({at(-0.08, -w, pole.height - h), at(-0.08, w, pole.height - h), at(-0.08, w, pole.height),
             at(-0.08, -w, pole.height)},
            2 * w, h, axes.along * -1.0, sign, mesh);
  } else {
    AddFrustum(at(0, 0, pole.height - 0.9), axes.along, axes.right, {-0.06, 0.06, 1.1, 0, -0.06, 0.06, 1.1, 0.12}, look,
               look, mesh);
  }
}

void AddOverpass(const World& world, double s, Mesh& mesh) {
  const Axes axes = AxesAt(world, s);
  const double left = world.ground.front().t, right = world.ground.back().t, middle = 0.5 * (left + right);
  const Vec3 origin = world.Point(s, 0, 0) + axes.right * middle;
  Triangle look;
  look.material = Material::kWall;
  look.color = {0.33F, 0.31F, 0.28F};
  look.seed = world.texture + 3;
  const double half = 0.5 * (right - left);
  AddFrustum(origin, axes.along, axes.right, {-5, 5, half, 5.4, -5, 5, half, 6.9}, look, look, mesh);
  AddFrustum(origin, axes.along, axes.right, {-5.3, -5, half, 6.5, -5.3, -5, half, 7.8}, look, look, mesh);
  for (const GroundKnot& knot : world.ground) {
    if (world.OnRoad(knot.t + 2.2) || world.OnRoad(knot.t - 2.2) || std::abs(knot.t) > 45) continue;
    AddFrustum(world.Point(s, knot.t, -0.5), axes.along, axes.right, {-3, 3, 0.6, 0, -3, 3, 0.6, 6.2}, look, look,
               mesh);
  }
}

}  // namespace

void AddScenery(const World& world, double s, Mesh& mesh) {
  const auto near = [&](double at, double far) { return at > s - 12 && at < s + far; };
  for (const Barrier& barrier : world.barriers) AddBarrier(world, barrier, s - 16, s + 0.7 * kSight, mesh);
  for (const Building& house : world.buildings) {
    if (!near(house.s + house.length, 0.9 * kSight)) continue;
    const Axes axes = AxesAt(world, house.s);
    Triangle look;
    look.material = Material::kBuilding;
    look.color = house.wall;
    look.seed = house.seed;
    Triangle roof = look;
    roof.material = Material::kMatt;
    roof.color = {0.14F, 0.12F, 0.11F};
    const double l = 0.5 * house.length, d = 0.5 * house.depth, h = house.height;
    const Vec3 foot = world.Point(house.s, house.t, -1.5);
    AddFrustum(foot, axes.along, axes.right, {-l, l, d, 0, -l, l, d, h + 1.5}, look, roof, mesh);
    if (h < 12) {
      AddFrustum(foot + Vec3{0, 0, -(h + 1.5)}, axes.along, axes.right,
                 {-l - 0.4, l + 0.4, d + 0.4, 0, -0.85 * l, 0.85 * l, 0.1 * d, 0.35 * d}, roof, roof, mesh);
    }
  }
  for (const Tree& tree : world.trees) {
    if (near(tree.s, 0.85 * kSight)) AddTree(world, tree, mesh);
  }
  for (const Pole& pole : world.poles) {
    if (near(pole.s, 0.6 * kSight)) AddPole(world, pole, mesh);
  }
  for (const double at : world.overpasses) {
    if (near(at, 0.8 * kSight)) AddOverpass(world, at, mesh);
  }
}

}  // namespace kitsink::road
