#pragma once
// The triangles of a world at one moment, near enough to be seen.

#include <array>
#include <vector>

#include "raster.h"
#include "world.h"

namespace kitsink::road {

inline constexpr double kSight = 620;  // metres of road ahead that are drawn

// A lamp of a car or of the street, for the glow around it.
struct Glow {
  Vec3 p;
  Color color;
  double radius = 0.1;  // metres
  Vec3 facing;          // it shines this way
};

struct Mesh {
  std::vector<Triangle> triangles;
  std::vector<Glow> glows;
};

Mesh BuildMesh(const World& world, double time);

// The parts, in files of their own.
void AddGround(const World& world, double s, Mesh& mesh);
void AddCars(const World& world, double time, Mesh& mesh);
void AddScenery(const World& world, double s, Mesh& mesh);

// A quadrilateral in order around its rim; u, v run 0 .. size_u, 0 .. size_v from corner 0 along 0-1 and 0-3.
void AddQuad(const std::array<Vec3, 4>& corner, double size_u, double size_v, Vec3 outside, const Triangle& look,
             Mesh& mesh);

// An upright frustum in an upright local frame: x along, y right, z up.
struct Frustum {
  double x0, x1, half, z0;  // lower rectangle
  double top_x0, top_x1, top_half, z1;
};
// Its four sides and, with their own look, its top and bottom. v is the height over the origin, but 0 .. 1 on cabins.
void AddFrustum(Vec3 origin, Vec3 along, Vec3 right, const Frustum& f, const Triangle& sides, const Triangle& cap,
                Mesh& mesh);

}  // namespace kitsink::road
