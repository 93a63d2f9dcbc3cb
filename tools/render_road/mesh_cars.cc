// Builds the other traffic: cars, vans and trucks of a few frusta each, with wheels, windows and lights.

#include "mesh.h"

namespace kitsink::road {
namespace {

struct Builder {
  const Car& car;
  Vec3 origin, along, right;
  Mesh& mesh;
  Triangle paint, cabin, matt, tyre;

  Vec3 At(double x, double y, double z) const { return origin + along * x + right * y + Vec3{0, 0, -z}; }
  void Box(const Frustum& f, const Triangle& sides, const Triangle& cap) const {
    AddFrustum(origin, along, right, f, sides, cap, mesh);
  }
  // A flat patch on the rear (x < 0) or the front, slightly in front of the body.
  void Patch(double x, double y0, double y1, double z0, double z1, const Triangle& look) const {
    AddQuad({At(x, y0, z0), At(x, y1, z0), At(x, y1, z1), At(x, y0, z1)}, y1 - y0, z1 - z0,
            along * (x < 0 ? -1.0 : 1.0), look, mesh);
  }
  void Wheel(double x, double y, double radius, double width) const {
    const double k = 0.42 * radius;
    Box({x - k, x + k, 0.5 * width, 0, x - radius, x + radius, 0.5 * width, radius - k}, tyre, tyre, y);
    Box({x - radius, x + radius, 0.5 * width, radius - k, x - radius, x + radius, 0.5 * width, radius + k}, tyre, tyre,
        y);
    Box({x - radius, x + radius, 0.5 * width, radius + k, x - k, x + k, 0.5 * width, 2 * radius}, tyre, tyre, y);
    const double sign = y < 0 ? -1 : 1, out = y + sign * (0.5 * width + 0.01), rim = 0.42 * radius;
    AddQuad({At(x - rim, out, radius - rim), At(x + rim, out, radius - rim), At(x + rim, out, radius + rim),
             At(x - rim, out, radius + rim)},
            1, 1, right * sign, matt, mesh);
  }
  void Box(const Frustum& f, const Triangle& sides, const Triangle& cap, double y) const {
    AddFrustum(origin + right * y, along, right, f, sides, cap, mesh);
  }
};

void Lights(const Builder& b, double rear, double front, double half, double low, double high, bool brakes,
            double brightness) {
  Triangle lamp = b.paint;
  const double width = 0.3 * half;
  for (const double sign : {-1.0, 1.0}) {
    const double y0 = sign * (half - width), y1 = sign * half;
    lamp.material = Material::kTailLight;
    lamp.color = Color{0.5F, 0.015F, 0.012F} * (brakes ? 5.0F : 1.0F);
    b.Patch(rear, std::min(y0, y1), std::max(y0, y1), low, high, lamp);
    lamp.material = Material::kHeadLight;
    lamp.color = {0.8F, 0.8F, 0.78F};
    b.Patch(front, std::min(y0, y1), std::max(y0, y1), low, high - 0.03, lamp);
    if (brightness > 0) {
      const auto k = static_cast<float>(brightness);
      const double y = 0.5 * (y0 + y1), z = 0.5 * (low + high);
      b.mesh.glows.push_back(
          {b.At(rear, y, z), Color{0.9F, 0.05F, 0.03F} * (k * (brakes ? 2.2F : 0.8F)), 0.1, b.along * -1.0});
      b.mesh.glows.push_back({b.At(front, y, z), Color{3.2F, 3.0F, 2.5F} * k, 0.12, b.along});
    }
  }
}

void Build(const Builder& b, double brightness) {
  const double l = b.car.length, w = 0.5 * b.car.width, h = b.car.height;
  Triangle plate = b.matt, dark = b.tyre;
  plate.color = {0.6F, 0.6F, 0.55F};
  if (b.car.kind == CarKind::kTruck) {
    Triangle trailer = b.matt;
    trailer.color = b.car.paint;
    b.Box({-0.5 * l, 0.28 * l, w, 1.05, -0.5 * l, 0.28 * l, w, h}, trailer, trailer);
    b.Box({-0.46 * l, 0.45 * l, 0.6 * w, 0.5, -0.46 * l, 0.45 * l, 0.6 * w, 1.05}, dark, dark);
    b.Box({0.31 * l, 0.5 * l, w, 0.5, 0.33 * l, 0.5 * l, w, 1.7}, b.paint, b.paint);
    b.Box({0.33 * l, 0.5 * l, w, 1.7, 0.36 * l, 0.48 * l, 0.92 * w, 3.0}, b.cabin, b.paint);
    b.Patch(-0.5 * l - 0.02, -0.02, 0.02, 1.1, h - 0.05, dark);
    b.Patch(-0.5 * l - 0.02, -w, w, 0.55, 0.72, dark);
    for (const double x : {-0.4 * l, -0.29 * l, 0.22 * l, 0.42 * l}) {
      for (const double sign : {-1.0, 1.0}) b.Wheel(x, sign * (w - 0.2), 0.5, 0.36);
    }
    Lights(b, -0.5 * l - 0.03, 0.5 * l + 0.03, 0.95 * w, 0.8, 0.98, b.car.brakes, brightness);
    return;
  }
  const bool tall = b.car.kind != CarKind::kSedan, van = b.car.kind == CarKind::kVan;
  const double belt = van ? 0.48 * h : (tall ? 0.56 : 0.61) * h;
  const double sill = 0.22, waist = 0.62 * belt;
  b.Box({-0.47 * l, 0.46 * l, 0.93 * w, sill, -0.5 * l, 0.5 * l, w, waist}, b.paint, dark);
  const double nose = van ? 0.44 : 0.42;
  b.Box({-0.5 * l, 0.5 * l, w, waist, -0.485 * l, nose * l, 0.95 * w, belt}, b.paint, b.paint);
  if (van) {
    b.Box({-0.485 * l, 0.4 * l, 0.95 * w, belt, -0.475 * l, 0.2 * l, 0.88 * w, h}, b.cabin, b.paint);
  } else if (tall) {
    b.Box({-0.475 * l, 0.24 * l, 0.94 * w, belt, -0.39 * l, 0.06 * l, 0.79 * w, h}, b.cabin, b.paint);
  } else {
    b.Box({-0.4 * l, 0.25 * l, 0.92 * w, belt, -0.24 * l, 0.05 * l, 0.74 * w, h}, b.cabin, b.paint);
  }
  const double radius = tall ? 0.36 : 0.32;
  for (const double x : {-0.3 * l, 0.31 * l}) {
    for (const double sign : {-1.0, 1.0}) b.Wheel(x, sign * (w - 0.11), radius, 0.23);
  }
  const double lamp = belt - 0.06;
  Lights(b, -0.5 * l - 0.015, 0.5 * l + 0.015, 0.93 * w, lamp - (tall ? 0.26 : 0.16), lamp, b.car.brakes, brightness);
  b.Patch(-0.5 * l - 0.02, -0.26, 0.26, waist - 0.05, waist + 0.08, plate);
  b.Patch(-0.49 * l - 0.03, -0.85 * w, 0.85 * w, sill + 0.02, sill + 0.16, dark);
  b.Patch(0.49 * l + 0.03, -0.6 * w, 0.6 * w, sill + 0.08, waist - 0.06, dark);
}

}  // namespace

void AddCars(const World& world, double time, Mesh& mesh) {
  const double ego = world.DriveS(time);
  for (const Car& car : world.cars) {
    const double s = world.CarS(car, time);
    if (s < ego - 12 || s > ego + 0.8 * kSight) continue;
    const double psi = world.Heading(s), slope = world.Slope(s), way = car.speed < 0 ? -1 : 1;
    Builder b{car, world.Point(s, car.t, 0), {}, {}, mesh, {}, {}, {}, {}};
    b.along = Normalized(Vec3{std::cos(psi), std::sin(psi), -slope}) * way;
    b.right = Vec3{-std::sin(psi), std::cos(psi), 0} * way;
    Triangle look;
    look.movable = true;
    look.seed = world.texture;
    look.color = car.paint;
    b.paint = b.cabin = b.matt = b.tyre = look;
    b.paint.material = Material::kPaint;
    b.cabin.material = Material::kCabin;
    b.matt.material = b.tyre.material = Material::kMatt;
    b.matt.color = {0.13F, 0.13F, 0.135F};
    b.tyre.color = {0.015F, 0.015F, 0.016F};
    Build(b, world.light.headlights);
  }
}

}  // namespace kitsink::road
