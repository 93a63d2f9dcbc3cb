#pragma once
// Shading of surfaces and of the sky. All colours are linear light.

#include <vector>

#include "raster.h"
#include "world.h"

namespace kitsink::road {

// What shading needs of one moment, besides the world.
struct Shadow {
  double s, t, half_length, half_width, height;  // a car's footprint on the road
};
struct Moment {
  const World& world;
  Camera camera;
  std::vector<Shadow> shadows;  // cars
  double first_bin = 0;         // shadows of trees are kept in bins of kBin metres of road
  std::vector<std::vector<Shadow>> bins;
};
inline constexpr double kBin = 10;
Moment MomentAt(const World& world, double time);

// A point of a surface, as seen by one pixel.
struct Spot {
  Vec3 position, view;  // view: from the lens to the point, unit
  double distance = 0;
  double u = 0, v = 0;
  double width_u = 0, width_v = 0;  // change of u and v across the pixel
};

Color ShadeSpot(const Moment& moment, const Triangle& triangle, const Spot& spot);

// Colour of the sky and the distant hills in a direction (unit vector). `angle` is the width of a pixel in radians.
Color ShadeSky(const World& world, Vec3 direction, double angle);

// The share of a pixel around (s, t) that lies on lane marks, and their colour, including wear.
float MarkCover(const World& world, const Spot& ground, Color& color);

}  // namespace kitsink::road
