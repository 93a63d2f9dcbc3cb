#pragma once
// Triangles, and which of them each sample of a picture sees.

#include <cstdint>
#include <functional>
#include <vector>

#include "kitsink/frame.h"
#include "world.h"

namespace kitsink::road {

enum class Material : uint8_t {
  kGround,  // u, v are s, t
  kPaint,
  kCabin,  // glass between pillars; u, v in 0 .. 1
  kMatt,   // u, v in metres
  kTailLight,
  kHeadLight,
  kFoliage,  // u, v in -1 .. 1 across the crown
  kConifer,
  kBuilding,  // u, v in metres
  kWall,
  kFence,
  kRail,
  kSign,
  kLamp,
};

struct Vertex {
  Vec3 p;
  double u = 0, v = 0;
};

struct Triangle {
  Vertex a, b, c;
  Vec3 normal;  // unit vector, outwards
  Color color;
  Material material = Material::kMatt;
  uint32_t seed = 0;
  bool movable = false;
};

// A pinhole camera. Pixel (x, y) has its centre at (x + 0.5, y + 0.5).
struct Lens {
  double focal_x = 910, focal_y = 910, center_x = 582, center_y = 437;
  // The contest's camera (910 pixels at 1164 x 874) scaled to `size`.
  static Lens For(FrameSize size);
  // The viewing direction of a picture point, in camera axes, scaled to x = 1.
  Vec3 Ray(double x, double y) const { return {1, (x - center_x) / focal_x, (y - center_y) / focal_y}; }
};

// A quantity that is linear in space, divided by depth, is linear in the picture: value(x, y) = a x + b y + c.
struct Plane {
  double a = 0, b = 0, c = 0;
  double At(double x, double y) const { return a * x + b * y + c; }
};

struct Projected {
  double x[3], y[3];          // pixels, sorted by y
  Plane inverse_depth, u, v;  // u and v are divided by depth
  uint32_t triangle = 0;
};

inline constexpr uint32_t kSky = 0xffffffffU;

// What each sample sees, an index into `shapes` or kSky; each pixel has grid x grid samples.
struct Visibility {
  uint32_t columns = 0, rows = 0;  // samples
  int grid = 2;
  std::vector<uint32_t> seen;
  std::vector<Projected> shapes;
};

// Threads share the rows; the result does not depend on their number.
Visibility Rasterize(const std::vector<Triangle>& triangles, const Camera& camera, const Lens& lens, FrameSize size,
                     int grid, int threads);

// Splits 0 .. count - 1 into bands and calls body(first, last) for each, on a thread per band.
void ParallelRows(uint32_t count, int threads, const std::function<void(uint32_t, uint32_t)>& body);

}  // namespace kitsink::road
