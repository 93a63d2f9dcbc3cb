#pragma once
// The triangles of a world at one moment, within sight of the camera.

#include <array>
#include <vector>

#include "raster.h"
#include "world.h"

namespace kitsink::road {

inline constexpr double kSight = 620;  // metres of road ahead that are drawn

// A lamp of a car or a street light, for its glow.
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

// Parts of the mesh, each in its own file.
void AddGround(const World& world, double s, Mesh& mesh);
void AddCars(const World& world, double time, Mesh& mesh);
void AddScenery(const World& world, double s, Mesh& mesh);

// A quadrilateral with its corners in cyclic order. u runs 0 .. size_u along edge 0-1, v runs 0 .. size_v along edge
// 0-3.
void AddQuad(const std::array<Vec3, 4>& corner, double size_u, double size_v, Vec3 outside, const Triangle& look,
             Mesh& mesh);

// An upright frustum in a local frame: x forward, y right, z up.
struct Frustum {
  double x0, x1, half, z0;  // lower rectangle
  double top_x0, top_x1, top_half, z1;
};
// Adds the four sides, and top and bottom with their own look. v is the height over the origin, on cabins 0 .. 1.
void AddFrustum(Vec3 origin, Vec3 along, Vec3 right, const Frustum& f, const Triangle& sides, const Triangle& cap,
                Mesh& mesh);

}  // namespace kitsink::road
