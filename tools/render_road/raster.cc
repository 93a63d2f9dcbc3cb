// Projects triangles and finds the nearest one at every sample of the picture.

#include "raster.h"

#include <array>
#include <functional>
#include <thread>

namespace kitsink::road {
namespace {

constexpr double kNear = 0.4;  // metres

struct Corner {
  Vec3 p;  // camera axes
  double u, v;
};

Corner Between(const Corner& a, const Corner& b, double depth) {
  const double k = (depth - a.p.x) / (b.p.x - a.p.x);
  return {a.p + (b.p - a.p) * k, a.u + (b.u - a.u) * k, a.v + (b.v - a.v) * k};
}

// The plane through three points (x, y, value). Returns false when the triangle has no area.
struct Solver {
  double x0, y0, x1, y1, x2, y2, determinant;
  Plane Solve(double f0, double f1, double f2) const {
    Plane plane;
    plane.a = ((f1 - f0) * (y2 - y0) - (f2 - f0) * (y1 - y0)) / determinant;
    plane.b = ((f2 - f0) * (x1 - x0) - (f1 - f0) * (x2 - x0)) / determinant;
    plane.c = f0 - plane.a * x0 - plane.b * y0;
    return plane;
  }
};

void Project(const std::array<Corner, 3>& corner, const Lens& lens, FrameSize size, uint32_t triangle,
             std::vector<Projected>& out) {
  std::array<double, 3> x{}, y{}, w{};
  for (size_t i = 0; i < 3; ++i) {
    w[i] = 1.0 / corner[i].p.x;
    x[i] = lens.center_x + lens.focal_x * corner[i].p.y * w[i];
    y[i] = lens.center_y + lens.focal_y * corner[i].p.z * w[i];
  }
  if (std::max({y[0], y[1], y[2]}) < 0 || std::min({y[0], y[1], y[2]}) > size.height) return;
  if (std::max({x[0], x[1], x[2]}) < 0 || std::min({x[0], x[1], x[2]}) > size.width) return;
  const double determinant = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0]);
  if (std::abs(determinant) < 1e-9) return;
  const Solver solver{x[0], y[0], x[1], y[1], x[2], y[2], determinant};
  Projected shape;
  shape.inverse_depth = solver.Solve(w[0], w[1], w[2]);
  shape.u = solver.Solve(corner[0].u * w[0], corner[1].u * w[1], corner[2].u * w[2]);
  shape.v = solver.Solve(corner[0].v * w[0], corner[1].v * w[1], corner[2].v * w[2]);
  std::array<size_t, 3> order{0, 1, 2};
  std::sort(order.begin(), order.end(),
            [&](size_t i, size_t j) { return y[i] < y[j] || (y[i] == y[j] && x[i] < x[j]); });
  for (size_t i = 0; i < 3; ++i) {
    shape.x[i] = x[order[i]];
    shape.y[i] = y[order[i]];
  }
  shape.triangle = triangle;
  out.push_back(shape);
}

void ProjectAll(const std::vector<Triangle>& triangles, const Camera& camera, const Lens& lens, FrameSize size,
                std::vector<Projected>& out) {
  const Mat3 inverse = Transposed(camera.view);
  for (size_t i = 0; i < triangles.size(); ++i) {
    std::array<Corner, 3> in{};
    size_t k = 0, visible = 0;
    for (const Vertex* vertex : {&triangles[i].a, &triangles[i].b, &triangles[i].c}) {
      in[k] = {inverse * (vertex->p - camera.position), vertex->u, vertex->v};
      visible += in[k++].p.x > kNear;
    }
    const auto index = static_cast<uint32_t>(i);
    if (visible == 3) {
      Project(in, lens, size, index, out);
    } else if (visible > 0) {
      // Clip against the near plane: three or four corners remain, kept in order.
      std::array<Corner, 4> kept{};
      size_t count = 0;
      for (size_t j = 0; j < 3; ++j) {
        const Corner &a = in[j], &b = in[(j + 1) % 3];
        if (a.p.x > kNear) kept[count++] = a;
        if ((a.p.x > kNear) != (b.p.x > kNear)) kept[count++] = Between(a, b, kNear);
      }
      Project({kept[0], kept[1], kept[2]}, lens, size, index, out);
      if (count == 4) Project({kept[0], kept[2], kept[3]}, lens, size, index, out);
    }
  }
}

// The column where an edge crosses a row. Triangles that share an edge compute the same number, so there are no gaps.
double Crossing(const Projected& shape, int from, int to, double y) {
  const double height = shape.y[to] - shape.y[from];
  return height > 0 ? shape.x[from] + (y - shape.y[from]) * (shape.x[to] - shape.x[from]) / height : shape.x[from];
}

// True where a crown has a leaf and not a gap; u, v in -1 .. 1 across the crown.
bool IsLeaf(const Triangle& triangle, double u, double v, double footprint) {
  const double radius = std::sqrt(u * u + v * v);
  const double solid = triangle.material == Material::kConifer ? 0.45 + 0.5 * std::abs(u) : radius;
  return Fractal(u * 3.5 + 9, v * 3.5 + 9, footprint * 3.5, 3, triangle.seed) > 0.12 + 0.5 * Smooth(0.3, 1.0, solid);
}

void Fill(const Projected& shape, uint32_t id, const Triangle& triangle, uint32_t first, uint32_t last, int grid,
          std::vector<float>& depth, Visibility& out) {
  const double step = 1.0 / grid;
  const bool leaves = triangle.material == Material::kFoliage || triangle.material == Material::kConifer;
  const auto row_of = [&](double y) { return std::ceil(y * grid - 0.5); };
  const auto begin = static_cast<uint32_t>(std::clamp(row_of(shape.y[0]), double(first), double(last)));
  const auto end = static_cast<uint32_t>(std::clamp(row_of(shape.y[2]), double(first), double(last)));
  for (uint32_t row = begin; row < end; ++row) {
    const double y = (row + 0.5) * step;
    const double long_side = Crossing(shape, 0, 2, y);
    const double short_side = y < shape.y[1] ? Crossing(shape, 0, 1, y) : Crossing(shape, 1, 2, y);
    const double limit = out.columns;
    const auto left = static_cast<uint32_t>(std::clamp(row_of(std::min(long_side, short_side)), 0.0, limit));
    const auto right = static_cast<uint32_t>(std::clamp(row_of(std::max(long_side, short_side)), 0.0, limit));
    const size_t base = size_t{row} * out.columns;
    for (uint32_t column = left; column < right; ++column) {
      const double x = (column + 0.5) * step;
      const double inverse = shape.inverse_depth.At(x, y);
      if (!(static_cast<float>(inverse) > depth[base + column])) continue;
      if (leaves) {
        const double u = shape.u.At(x, y) / inverse, v = shape.v.At(x, y) / inverse;
        const double footprint = std::abs(shape.u.a - u * shape.inverse_depth.a) / inverse;
        if (!IsLeaf(triangle, u, v, footprint * step)) continue;
      }
      depth[base + column] = static_cast<float>(inverse);
      out.seen[base + column] = id;
    }
  }
}

}  // namespace

Lens Lens::For(FrameSize size) {
  const double kx = size.width / 1164.0, ky = size.height / 874.0;
  return {910 * kx, 910 * ky, 582 * kx, 437 * ky};
}

void ParallelRows(uint32_t count, int threads, const std::function<void(uint32_t, uint32_t)>& body) {
  const auto bands = static_cast<uint32_t>(std::max(threads, 1));
  std::vector<std::thread> workers;
  for (uint32_t i = 1; i < bands; ++i) workers.emplace_back(body, count * i / bands, count * (i + 1) / bands);
  body(0, count / bands);
  for (std::thread& worker : workers) worker.join();
}

Visibility Rasterize(const std::vector<Triangle>& triangles, const Camera& camera, const Lens& lens, FrameSize size,
                     int grid, int threads) {
  Visibility out;
  out.grid = grid;
  out.columns = size.width * static_cast<uint32_t>(grid);
  out.rows = size.height * static_cast<uint32_t>(grid);
  out.seen.assign(size_t{out.columns} * out.rows, kSky);
  ProjectAll(triangles, camera, lens, size, out.shapes);
  std::vector<float> depth(out.seen.size(), 0.0F);
  ParallelRows(out.rows, threads, [&](uint32_t first, uint32_t last) {
    for (size_t i = 0; i < out.shapes.size(); ++i) {
      const Projected& shape = out.shapes[i];
      Fill(shape, static_cast<uint32_t>(i), triangles[shape.triangle], first, last, grid, depth, out);
    }
  });
  return out;
}

}  // namespace kitsink::road
