// Renders frames, class maps and tracks of points.

#include "render.h"

#include <array>

#include "mesh.h"
#include "shade.h"

namespace kitsink::road {
namespace {

constexpr int kPictureGrid = 2, kMapGrid = 4;

struct Picture {
  FrameSize size;
  std::vector<Color> pixels;
  Color& At(uint32_t x, uint32_t y) { return pixels[size_t{y} * size.width + x]; }
  const Color& At(uint32_t x, uint32_t y) const { return pixels[size_t{y} * size.width + x]; }
};

Spot SpotAt(const Projected& shape, const Camera& camera, const Lens& lens, double x, double y) {
  Spot spot;
  const double inverse = shape.inverse_depth.At(x, y);
  const double depth = 1.0 / std::max(inverse, 1e-6);
  const Vec3 ray = camera.view * lens.Ray(x, y);
  spot.distance = depth * Length(ray);
  spot.view = Normalized(ray);
  spot.position = camera.position + ray * depth;
  spot.u = shape.u.At(x, y) * depth;
  spot.v = shape.v.At(x, y) * depth;
  const auto width = [&](const Plane& plane, double value) {
    return (std::abs(plane.a - value * shape.inverse_depth.a) + std::abs(plane.b - value * shape.inverse_depth.b)) *
           depth;
  };
  spot.width_u = width(shape.u, spot.u);
  spot.width_v = width(shape.v, spot.v);
  return spot;
}

// Shades each surface in a pixel once, at the mean position of the samples that see it.
Color ShadePixel(const Moment& moment, const Mesh& mesh, const Visibility& seen, const Lens& lens, uint32_t x,
                 uint32_t y) {
  constexpr int kSamples = kPictureGrid * kPictureGrid;
  struct Part {
    uint32_t id;
    int count;
    double x, y;
  };
  std::array<Part, kSamples> parts{};
  size_t used = 0;
  for (int j = 0; j < kSamples; ++j) {
    const uint32_t column = x * kPictureGrid + static_cast<uint32_t>(j % kPictureGrid);
    const uint32_t row = y * kPictureGrid + static_cast<uint32_t>(j / kPictureGrid);
    const uint32_t shape = seen.seen[size_t{row} * seen.columns + column];
    size_t k = 0;
    while (k < used && parts[k].id != shape) ++k;
    if (k == used) parts[used++] = {shape, 0, 0, 0};
    parts[k].count += 1;
    parts[k].x += (column + 0.5) / kPictureGrid;
    parts[k].y += (row + 0.5) / kPictureGrid;
  }
  Color sum;
  for (size_t k = 0; k < used; ++k) {
    const double px = parts[k].x / parts[k].count, py = parts[k].y / parts[k].count;
    Color color;
    if (parts[k].id == kSky) {
      color = ShadeSky(moment.world, Normalized(moment.camera.view * lens.Ray(px, py)), 1.0 / lens.focal_y);
    } else {
      const Projected& shape = seen.shapes[parts[k].id];
      color = ShadeSpot(moment, mesh.triangles[shape.triangle], SpotAt(shape, moment.camera, lens, px, py));
    }
    sum = sum + color * (static_cast<float>(parts[k].count) / kSamples);
  }
  return sum;
}

// Adds the glow of lamps: a core as wide as the lamp, and a halo from the lens.
void AddGlows(const Camera& camera, const Mesh& mesh, const Visibility& seen, float clear, Picture& picture) {
  const Lens lens = Lens::For(picture.size);
  for (const Glow& glow : mesh.glows) {
    const PicturePoint at = ProjectPoint(camera, picture.size, glow.p);
    if (at.depth < 2 || at.x < 0 || at.y < 0 || at.x >= picture.size.width || at.y >= picture.size.height) continue;
    const auto column = static_cast<size_t>(at.x * seen.grid), row = static_cast<size_t>(at.y * seen.grid);
    const uint32_t front = seen.seen[row * seen.columns + column];
    if (front != kSky && 1.0 / seen.shapes[front].inverse_depth.At(at.x, at.y) < at.depth * 0.985 - 0.3) continue;
    const Vec3 to_lens = Normalized(camera.position - glow.p);
    const bool everywhere = Dot(glow.facing, glow.facing) == 0;
    const double facing = everywhere ? 1 : std::max(0.0, Dot(glow.facing, to_lens));
    const double scale = picture.size.height / 874.0, size = glow.radius * lens.focal_y / at.depth;
    const double core = std::max(size, 0.9 * scale), halo = 3.5 * scale + 2.2 * size;
    const double strength = facing * facing * std::min(1.0, std::pow(size / (0.5 * core), 1.2)) * clear;
    const double reach = std::min(9 * halo, 160 * scale);
    const auto low = [](double v) { return static_cast<uint32_t>(std::max(v, 0.0)); };
    const uint32_t x1 = std::min(low(at.x + reach) + 1, picture.size.width);
    const uint32_t y1 = std::min(low(at.y + reach) + 1, picture.size.height);
    for (uint32_t y = low(at.y - reach); y < y1; ++y) {
      for (uint32_t x = low(at.x - reach); x < x1; ++x) {
        const double dx = x + 0.5 - at.x, dy = y + 0.5 - at.y, square = dx * dx + dy * dy;
        const double edge = std::max(0.0, 1 - square / (reach * reach));
        const double light = 1.6 * std::exp(-square / (core * core)) + 0.10 * edge / (1 + square / (halo * halo));
        picture.At(x, y) = picture.At(x, y) + glow.color * static_cast<float>(light * strength);
      }
    }
  }
}

void Accumulate(const World& world, double time, const RenderOptions& options, float weight, Picture& sum) {
  const Mesh mesh = BuildMesh(world, time);
  const Moment moment = MomentAt(world, time);
  const Lens lens = Lens::For(options.size);
  const Visibility seen = Rasterize(mesh.triangles, moment.camera, lens, options.size, kPictureGrid, options.threads);
  Picture picture{options.size, std::vector<Color>(sum.pixels.size())};
  ParallelRows(options.size.height, options.threads, [&](uint32_t first, uint32_t last) {
    for (uint32_t y = first; y < last; ++y) {
      for (uint32_t x = 0; x < options.size.width; ++x) {
        if (y > HoodEdge(world.hood, options.size, x + 0.5) + 1) continue;
        picture.At(x, y) = ShadePixel(moment, mesh, seen, lens, x, y);
      }
    }
  });
  const float clear = world.light.time_of_day == TimeOfDay::kNight ? 1.0F : 0.5F;
  AddGlows(moment.camera, mesh, seen, clear, picture);
  for (size_t i = 0; i < sum.pixels.size(); ++i) sum.pixels[i] = sum.pixels[i] + picture.pixels[i] * weight;
}

// Shrinks a picture: each pixel is the mean of kBlur x kBlur pixels.
constexpr uint32_t kBlur = 8;
Picture Shrink(const Picture& picture) {
  const FrameSize size{(picture.size.width + kBlur - 1) / kBlur, (picture.size.height + kBlur - 1) / kBlur};
  Picture small{size, std::vector<Color>(size_t{size.width} * size.height)};
  for (uint32_t y = 0; y < size.height * kBlur; ++y) {
    for (uint32_t x = 0; x < size.width * kBlur; ++x) {
      const Color& from = picture.At(std::min(x, picture.size.width - 1), std::min(y, picture.size.height - 1));
      Color& to = small.At(x / kBlur, y / kBlur);
      to = to + from * (1.0F / (kBlur * kBlur));
    }
  }
  return small;
}

// Bilinear interpolation, clamped at the border.
Color Sample(const Picture& picture, double x, double y) {
  const double cx = std::clamp(x - 0.5, 0.0, picture.size.width - 1.001);
  const double cy = std::clamp(y - 0.5, 0.0, picture.size.height - 1.001);
  const auto ix = static_cast<uint32_t>(cx), iy = static_cast<uint32_t>(cy);
  const auto u = static_cast<float>(cx - ix), v = static_cast<float>(cy - iy);
  return Mix(Mix(picture.At(ix, iy), picture.At(ix + 1, iy), u),
             Mix(picture.At(ix, iy + 1), picture.At(ix + 1, iy + 1), u), v);
}

// The hood of the own car: its paint, and a reflection of the scene, compressed and fading towards the camera.
Color ShadeHood(const World& world, const Picture& blurred, FrameSize size, double x, double y, double edge) {
  const Light& light = world.light;
  const double below = y - edge, height = size.height;
  const auto depth = static_cast<float>(below / (height * (1 - world.hood.top)));
  const Color lit = light.ambient * 0.5F + light.sun_color * 0.12F;
  Color color = world.hood.paint * lit * (1.15F - 0.5F * depth);
  const double source = edge - 3 - 2.2 * below;
  if (source > 0) {
    // The paint is no perfect mirror, so the reflection is blurred.
    Color mirrored;
    for (int k = 0; k < 9; ++k) {
      const double column = x / kBlur + 0.8 * (k % 3 - 1), row = source / kBlur + 0.8 * (k / 3 - 1);
      mirrored = mirrored + Sample(blurred, column, std::min(row, edge / kBlur - 1)) * (1.0F / 9);
    }
    color = color + mirrored * (0.4F * world.hood.gloss * std::exp(-4.5F * depth));
  }
  const float rim = 1.0F - 0.5F * std::exp(static_cast<float>(-below / (0.004 * height)));
  return color * rim;
}

// The sum of four uniform 16-bit numbers, scaled to an approximately normal one of variance 1.
float Normal(uint64_t bits) {
  const auto sum = static_cast<float>((bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48));
  return (sum * 0x1p-16F - 2.0F) * 1.7320508F;
}

uint8_t ToByte(float linear, float noise) {
  const float gamma = std::pow(std::max(1.0F - std::exp(-linear), 0.0F), 1.0F / 2.2F);
  // The mean of gamma and an S-curve, for the contrast of a camera.
  const float encoded = 0.5F * gamma + 0.5F * gamma * gamma * (3.0F - 2.0F * gamma);
  return static_cast<uint8_t>(std::lround(std::clamp(255.0F * (encoded + noise), 0.0F, 255.0F)));
}

void Develop(const World& world, const Picture& picture, uint64_t noise_seed, int threads, Frame& frame) {
  const FrameSize size = picture.size;
  const bool dark = world.light.time_of_day == TimeOfDay::kNight;
  const Picture blurred = Shrink(picture);
  const float grain = world.noise * (dark ? 1.8F : 1.0F);
  ParallelRows(size.height, threads, [&](uint32_t first, uint32_t last) {
    for (uint32_t y = first; y < last; ++y) {
      for (uint32_t x = 0; x < size.width; ++x) {
        Color color = picture.At(x, y);
        const double edge = HoodEdge(world.hood, size, x + 0.5);
        const auto own = static_cast<float>(std::clamp(y + 0.5 - edge + 0.5, 0.0, 1.0));
        if (own > 0) color = Mix(color, ShadeHood(world, blurred, size, x + 0.5, y + 0.5, edge), own);
        const double dx = (x + 0.5) / size.width - 0.5, dy = (y + 0.5) / size.height - 0.5;
        const auto fall = static_cast<float>(dx * dx + dy * dy);
        color = color * (world.light.exposure * (1.0F - world.vignette * 1.6F * fall));
        const uint64_t bits = Mixed(noise_seed + size_t{y} * size.width + x);
        const float shared = 0.7F * Normal(bits), k = grain;
        uint8_t* out = &frame.rgb[(size_t{y} * size.width + x) * 3];
        out[0] = ToByte(color.r, k * (shared + 0.5F * Normal(Mixed(bits + 1))));
        out[1] = ToByte(color.g, k * (shared + 0.5F * Normal(Mixed(bits + 2))));
        out[2] = ToByte(color.b, k * (shared + 0.5F * Normal(Mixed(bits + 3))));
      }
    }
  });
}

}  // namespace

double HoodEdge(const Hood& hood, FrameSize size, double x) {
  const double across = 2 * x / size.width - 1;
  return size.height * (hood.top + hood.arch * across * across + hood.skew * across);
}

PicturePoint ProjectPoint(const Camera& camera, FrameSize size, Vec3 point) {
  const Vec3 p = Transposed(camera.view) * (point - camera.position);
  const Lens lens = Lens::For(size);
  return {lens.center_x + lens.focal_x * p.y / p.x, lens.center_y + lens.focal_y * p.z / p.x, p.x};
}

std::vector<PicturePoint> TrackCells(const World& world, double time0, double time1, FrameSize grid) {
  constexpr double kSkyDepth = 1e6, kNearest = 0.3;
  const Mesh mesh = BuildMesh(world, time0);
  const Camera camera = world.CameraAt(time0), next = world.CameraAt(time1);
  const Lens lens = Lens::For(grid);
  const Visibility seen = Rasterize(mesh.triangles, camera, lens, grid, 1, 1);
  std::vector<PicturePoint> points;
  points.reserve(seen.seen.size());
  for (uint32_t row = 0; row < grid.height; ++row) {
    for (uint32_t column = 0; column < grid.width; ++column) {
      const double x = column + 0.5, y = row + 0.5;
      const uint32_t id = seen.seen[size_t{row} * grid.width + column];
      double depth = kSkyDepth;
      if (id != kSky) depth = 1 / seen.shapes[id].inverse_depth.At(x, y);
      PicturePoint point{x, y, depth};
      if (y <= HoodEdge(world.hood, grid, x)) {
        point = ProjectPoint(next, grid, camera.position + camera.view * (lens.Ray(x, y) * depth));
        const bool moves = id != kSky && mesh.triangles[seen.shapes[id].triangle].movable;
        if (moves || point.depth < kNearest) point.x = std::nan("");
      }
      points.push_back(point);
    }
  }
  return points;
}

Frame RenderFrame(const World& world, double time, const RenderOptions& options) {
  Picture picture{options.size, std::vector<Color>(size_t{options.size.width} * options.size.height)};
  const int count = std::max(options.sub_frames, 1);
  for (int i = 0; i < count; ++i) {
    const double offset = ((i + 0.5) / count - 0.5) * options.shutter;
    Accumulate(world, time + offset, options, 1.0F / static_cast<float>(count), picture);
  }
  Frame frame{options.size, std::vector<uint8_t>(options.size.size_bytes())};
  const auto moment = static_cast<uint64_t>(std::llround(time * 1e5));
  Develop(world, picture, Mixed(world.seed * 0x10001 + moment), options.threads, frame);
  return frame;
}

std::vector<uint8_t> RenderClassMap(const World& world, double time, FrameSize grid, int threads) {
  const Mesh mesh = BuildMesh(world, time);
  const Camera camera = world.CameraAt(time);
  const Visibility seen = Rasterize(mesh.triangles, camera, Lens::For(grid), grid, kMapGrid, threads);
  const auto class_of = [&](uint32_t id, double x, double y) -> uint8_t {
    if (y > HoodEdge(world.hood, grid, x)) return kOwnCar;
    if (id == kSky) return kUndrivable;
    const Projected& shape = seen.shapes[id];
    const Triangle& triangle = mesh.triangles[shape.triangle];
    if (triangle.movable) return kMovable;
    if (triangle.material != Material::kGround) return kUndrivable;
    const double inverse = shape.inverse_depth.At(x, y);
    const double s = shape.u.At(x, y) / inverse, t = shape.v.At(x, y) / inverse;
    if (!world.OnRoad(t)) return kUndrivable;
    return world.OnMark(s, t) ? kLaneMark : kRoad;
  };
  std::vector<uint8_t> map(size_t{grid.width} * grid.height);
  ParallelRows(grid.height, threads, [&](uint32_t first, uint32_t last) {
    for (uint32_t y = first; y < last; ++y) {
      for (uint32_t x = 0; x < grid.width; ++x) {
        std::array<int, 5> votes{};
        for (uint32_t j = 0; j < kMapGrid * kMapGrid; ++j) {
          const uint32_t column = x * kMapGrid + j % kMapGrid, row = y * kMapGrid + j / kMapGrid;
          const uint32_t id = seen.seen[size_t{row} * seen.columns + column];
          ++votes[class_of(id, (column + 0.5) / kMapGrid, (row + 0.5) / kMapGrid)];
        }
        const auto most = std::max_element(votes.begin(), votes.end());
        map[size_t{y} * grid.width + x] =
            votes[kLaneMark] >= 6 ? uint8_t{kLaneMark} : static_cast<uint8_t>(most - votes.begin());
      }
    }
  });
  return map;
}

}  // namespace kitsink::road
