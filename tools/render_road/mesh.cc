// Builds the basic shapes (quadrilaterals, boxes) and collects the triangles in sight.

#include "mesh.h"

namespace kitsink::road {
namespace {

void AddTriangle(const Vertex& a, const Vertex& b, const Vertex& c, Vec3 normal, const Triangle& look, Mesh& mesh) {
  Triangle triangle = look;
  triangle.a = a;
  triangle.b = b;
  triangle.c = c;
  triangle.normal = normal;
  mesh.triangles.push_back(triangle);
}

}  // namespace

void AddQuad(const std::array<Vec3, 4>& corner, double size_u, double size_v, Vec3 outside, const Triangle& look,
             Mesh& mesh) {
  Vec3 normal = Normalized(Cross(corner[2] - corner[0], corner[3] - corner[1]));
  if (Dot(normal, outside) < 0) normal = normal * -1.0;
  const Vertex a{corner[0], 0, 0}, b{corner[1], size_u, 0}, c{corner[2], size_u, size_v}, d{corner[3], 0, size_v};
  AddTriangle(a, b, c, normal, look, mesh);
  AddTriangle(a, c, d, normal, look, mesh);
}

void AddFrustum(Vec3 origin, Vec3 along, Vec3 right, const Frustum& f, const Triangle& sides, const Triangle& cap,
                Mesh& mesh) {
  const Vec3 up{0, 0, -1};
  const auto at = [&](double x, double y, double z) { return origin + along * x + right * y + up * z; };
  const double length = f.x1 - f.x0, height = f.z1 - f.z0;
  const bool unit = sides.material == Material::kCabin;
  const auto side = [&](Vec3 a, Vec3 b, Vec3 c, Vec3 d, double size, Vec3 outside) {
    const size_t before = mesh.triangles.size();
    AddQuad({a, b, c, d}, unit ? 1 : size, unit ? 1 : height, outside, sides, mesh);
    for (size_t i = before; !unit && i < mesh.triangles.size(); ++i) {
      for (Vertex* vertex : {&mesh.triangles[i].a, &mesh.triangles[i].b, &mesh.triangles[i].c}) vertex->v += f.z0;
    }
  };
  side(at(f.x0, -f.half, f.z0), at(f.x0, f.half, f.z0), at(f.top_x0, f.top_half, f.z1), at(f.top_x0, -f.top_half, f.z1),
       2 * f.half, along * -1.0);
  side(at(f.x1, -f.half, f.z0), at(f.x1, f.half, f.z0), at(f.top_x1, f.top_half, f.z1), at(f.top_x1, -f.top_half, f.z1),
       2 * f.half, along);
  for (const double sign : {-1.0, 1.0}) {
    side(at(f.x0, sign * f.half, f.z0), at(f.x1, sign * f.half, f.z0), at(f.top_x1, sign * f.top_half, f.z1),
         at(f.top_x0, sign * f.top_half, f.z1), length, right * sign);
  }
  AddQuad({at(f.top_x0, -f.top_half, f.z1), at(f.top_x0, f.top_half, f.z1), at(f.top_x1, f.top_half, f.z1),
           at(f.top_x1, -f.top_half, f.z1)},
          2 * f.top_half, f.top_x1 - f.top_x0, up, cap, mesh);
  AddQuad({at(f.x0, -f.half, f.z0), at(f.x0, f.half, f.z0), at(f.x1, f.half, f.z0), at(f.x1, -f.half, f.z0)},
          2 * f.half, length, up * -1.0, cap, mesh);
}

void AddGround(const World& world, double s, Mesh& mesh) {
  Triangle look;
  look.material = Material::kGround;
  const double step = 2;
  const double first = std::max(world.first + 2, std::floor((s - 14) / step) * step);
  const double last = std::min(s + kSight, world.last - 2);
  std::vector<Vertex> behind, ahead;
  for (double at = first; at < last; at += step) {
    ahead.clear();
    for (const GroundKnot& knot : world.ground) ahead.push_back({world.Point(at, knot.t, 0), at, knot.t});
    for (size_t i = 0; i + 1 < behind.size(); ++i) {
      const Vertex &a = behind[i], &b = behind[i + 1], &c = ahead[i + 1], &d = ahead[i];
      Vec3 normal = Normalized(Cross(c.p - a.p, d.p - b.p));
      if (normal.z > 0) normal = normal * -1.0;
      AddTriangle(a, b, c, normal, look, mesh);
      AddTriangle(a, c, d, normal, look, mesh);
    }
    behind = ahead;
  }
}

Mesh BuildMesh(const World& world, double time) {
  Mesh mesh;
  const double s = world.DriveS(time);
  AddGround(world, s, mesh);
  AddScenery(world, s, mesh);
  AddCars(world, time, mesh);
  return mesh;
}

}  // namespace kitsink::road
