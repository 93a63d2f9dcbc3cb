#pragma once
// Light on surfaces and in the sky; all colours are linear.

#include <vector>

#include "raster.h"
#include "world.h"

namespace kitsink::road {

// What shading needs to know of one moment beside the world.
struct Shadow {
  double s, t, half_length, half_width, height;  // a car's footprint on the road
};
struct Moment {
  const World& world;
  Camera camera;
  std::vector<Shadow> shadows;  // cars
  double first_bin = 0;         // trees' shadows by stretch of road, kBin metres each
  std::vector<std::vector<Shadow>> bins;
};
inline constexpr double kBin = 10;
Moment MomentAt(const World& world, double time);

// A point of a surface as one pixel sees it.
struct Spot {
  Vec3 position, view;  // view: from the lens to the point, unit
  double distance = 0;
  double u = 0, v = 0;
  double width_u = 0, width_v = 0;  // how far u and v move across the pixel
};

Color ShadeSpot(const Moment& moment, const Triangle& triangle, const Spot& spot);

// The sky and the far hills in a direction (unit); `angle` is a pixel's width in radians.
Color ShadeSky(const World& world, Vec3 direction, double angle);

// How much of a pixel around (s, t) lies on lane marks, and their colour, wear and all.
float MarkCover(const World& world, const Spot& ground, Color& color);

}  // namespace kitsink::road
