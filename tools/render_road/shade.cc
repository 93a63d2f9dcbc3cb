// Shades surfaces and the sky.

#include "shade.h"

#include "shade_parts.h"

namespace kitsink::road {
namespace {

// 1 on the panes of a grid with the given pitch, 0 between; blurred to the mean where a pixel is larger than the pitch.
float Panes(double x, double pitch, double share, double width) {
  const double at = x / pitch - std::floor(x / pitch), soft = std::max(0.5 * width / pitch, 0.01);
  const float pane = Smooth(-soft, soft, at - 0.5 * (1 - share)) * Smooth(-soft, soft, 0.5 * (1 + share) - at);
  const float keep = 1.0F - Smooth(0.3, 0.8, width / pitch);
  return static_cast<float>(share) * (1 - keep) + pane * keep;
}

Color Building(const World& world, const Triangle& triangle, const Spot& p, Color& glow) {
  const float pane = Panes(p.u, 3.1, 0.5, p.width_u) * Panes(p.v - 0.4, 3.2, 0.45, p.width_v);
  const float stain = 0.75F + 0.5F * Fractal(p.u / 3, p.v / 5, p.width_u / 3, 3, triangle.seed);
  const auto column = static_cast<int32_t>(std::floor(p.u / 3.1)), row = static_cast<int32_t>(std::floor(p.v / 3.2));
  if (world.light.headlights > 0 && Hash(column, row, triangle.seed) > 0.72F) {
    glow = Color{0.5F, 0.34F, 0.16F} * (pane * world.light.headlights * 0.6F);
  }
  return Mix(triangle.color * stain, {0.05F, 0.06F, 0.075F}, pane);
}

// The surface colour with its texture. `shine` scales reflected headlight.
Color Albedo(const World& world, const Triangle& triangle, const Spot& p, float& shine, Color& glow) {
  const double wide = std::max(p.width_u, p.width_v);
  switch (triangle.material) {
    case Material::kPaint: {
      // The body is darker towards the ground and has a seam below the windows.
      const float seam = 0.25F * (1.0F - Smooth(0.012, 0.02 + 0.5 * p.width_v, std::abs(p.v - 0.58)));
      return triangle.color * ((0.45F + 0.55F * Smooth(0.1, 0.75, p.v)) * (1.0F - seam));
    }
    case Material::kBuilding: return Building(world, triangle, p, glow);
    case Material::kFoliage:
    case Material::kConifer: {
      const float leaves = Fractal(p.u * 5 + 3, p.v * 5, wide * 5, 4, triangle.seed + 50);
      // The crown shades itself: it is darker below and inside.
      const float lit = 0.5F + 0.5F * Smooth(-1.1, 0.9, p.v);
      return triangle.color * (lit * (0.35F + 1.5F * leaves * leaves));
    }
    case Material::kWall: {
      const float joint = Panes(p.u, 4, 0.985, p.width_u);
      const float stain = Fractal(p.u / 2, p.v / 1.5, wide / 1.5, 4, triangle.seed);
      return triangle.color * ((0.7F + 0.6F * stain) * (0.6F + 0.4F * joint));
    }
    case Material::kFence: {
      const float plank = Hash(static_cast<int32_t>(std::floor(p.u / 0.15)), 0, triangle.seed);
      const float keep = 1.0F - Smooth(0.05, 0.15, p.width_u);
      const float stain = Fractal(p.u / 4, p.v, wide, 3, triangle.seed + 2);
      return triangle.color * (0.6F + 0.5F * stain + keep * 0.5F * (plank - 0.5F));
    }
    case Material::kRail: {
      shine = 1.6F;
      return triangle.color *
             (0.75F + 0.35F * static_cast<float>(std::cos(p.v * 30) * (1.0 - Smooth(0.05, 0.2, p.width_v))));
    }
    case Material::kSign: {
      shine = 5;
      // A pale rim, and a few bars in place of text.
      const float text =
          Panes(p.v - 0.1, 0.4, 0.35, p.width_v) * Panes(p.u + 0.3 * Hash(1, 1, triangle.seed), 0.35, 0.7, p.width_u);
      const bool dark = triangle.color.g < 0.2F;
      return Mix(triangle.color, dark ? Color{0.6F, 0.6F, 0.6F} : Color{0.05F, 0.05F, 0.05F}, 0.7F * text);
    }
    default: return triangle.color;
  }
}

}  // namespace

Moment MomentAt(const World& world, double time) {
  Moment moment{world, world.CameraAt(time), {}, 0, {}};
  for (const Car& car : world.cars) {
    const double s = world.CarS(car, time);
    moment.shadows.push_back({s, car.t, 0.5 * car.length, 0.5 * car.width, car.height});
  }
  const Vec3 sun = world.light.sun;
  const double ego = world.DriveS(time), reach = std::min(0.62 / std::max(-sun.z, 0.15), 2.5);
  moment.first_bin = std::floor((ego - 30) / kBin);
  moment.bins.resize(30);
  for (const Tree& tree : world.trees) {
    const double psi = world.Heading(tree.s);
    const double along = -(sun.x * std::cos(psi) + sun.y * std::sin(psi)) * reach * tree.height;
    const double across = -(sun.y * std::cos(psi) - sun.x * std::sin(psi)) * reach * tree.height;
    const double radius = tree.radius * (tree.conifer ? 0.6 : 0.9);
    const Shadow blob{tree.s + along, tree.t + across, radius + 0.3 * std::abs(along), radius + 0.3 * std::abs(across),
                      0};
    const double low = std::floor((blob.s - blob.half_length) / kBin) - moment.first_bin;
    const double high = std::floor((blob.s + blob.half_length) / kBin) - moment.first_bin;
    for (double k = std::max(low, 0.0); k <= high && k < static_cast<double>(moment.bins.size()); ++k) {
      moment.bins[static_cast<size_t>(k)].push_back(blob);
    }
  }
  return moment;
}

Color Headlights(const Moment& moment, Vec3 point) {
  const float on = moment.world.light.headlights;
  if (on <= 0) return {};
  const Vec3 local = Transposed(moment.camera.body) * (point - moment.camera.position);
  if (local.x < 0.5) return {};
  const double up = 0.75 - (moment.world.camera_height - local.z);
  // Low beams: wide near the car, long along the lane, cut off above the lamps.
  const double spread = 1.6 + 0.17 * local.x, aside = local.y / spread;
  const double reach = 1.0 / (1.0 + std::pow(local.x / 24, 3.0)) * Smooth(0.5, 7, local.x);
  const double cut = 0.12 + 0.88 * Smooth(-0.5 - 0.02 * local.x, 0.1, up);
  const auto k = static_cast<float>(0.62 * on * reach * cut * std::exp(-aside * aside));
  return Color{1.0F, 0.97F, 0.88F} * k;
}

Color StreetLamps(const World& world, double s, double t, double up) {
  if (world.light.lamps <= 0) return {};
  const double nearest = std::round(s / world.lamp_spacing) * world.lamp_spacing;
  const double lamp_t = world.paved.front().high - 0.4, drop = std::max(9.4 - up, 1.0);
  double sum = 0;
  for (const double at : {nearest - world.lamp_spacing, nearest, nearest + world.lamp_spacing}) {
    const double square = (s - at) * (s - at) + (t - lamp_t) * (t - lamp_t) + drop * drop;
    sum += drop * 81 / (square * std::sqrt(square));
  }
  return Color{0.2F, 0.125F, 0.055F} * (static_cast<float>(sum) * world.light.lamps);
}

Color SkyGradient(const Light& light, Vec3 direction) {
  const float up = static_cast<float>(std::clamp(-direction.z, 0.0, 1.0));
  Color sky = Mix(light.horizon, light.zenith, 1.0F - std::pow(1.0F - up, 3.5F));
  const auto towards = static_cast<float>(std::max(0.0, Dot(direction, light.sun)));
  const float glare = 0.16F * std::pow(towards, 8.0F) + 0.7F * std::pow(towards, 90.0F);
  return sky + light.sun_color * (light.time_of_day == TimeOfDay::kNight ? 0.0F : glare);
}

Color ShadeSky(const World& world, Vec3 direction, double angle) {
  const Light& light = world.light;
  Color sky = SkyGradient(light, direction);
  const double up = -direction.z;
  if (up > 0 && light.clouds > 0.1F) {
    const double plane = 1.0 / (up + 0.12), x = direction.x * plane, y = direction.y * plane;
    const double blur = angle * plane / (up + 0.12);
    const float field = Fractal(x * 1.3 + 5, y * 1.3, blur, 5, world.texture + 71);
    const float dense = Smooth(0.72 - 0.4 * light.clouds, 0.95 - 0.25 * light.clouds, field) * Smooth(0, 0.12, up);
    const float lit = 0.75F + 0.5F * Fractal(x * 2.6, y * 2.6 + 9, blur, 3, world.texture + 72);
    const Color cloud = (light.ambient * 1.05F + light.sun_color * 0.16F) * lit;
    sky = Mix(sky, cloud, 0.85F * dense);
  }
  // Distant ridges without parallax; nearer ones are darker.
  const double bearing = std::atan2(direction.y, direction.x);
  for (uint32_t i = 0; i < 3; ++i) {
    const double scale = 5.0 + 5.0 * i;
    const double height =
        (0.075 - 0.022 * i) * Fractal(bearing * scale + 40, 3.5 + i, 0, 5, world.texture + 80 + i) - 0.008;
    const float inside = Smooth(-angle, angle, height - up);
    if (inside <= 0) continue;
    const Color bare = world.foliage * (light.ambient + light.sun_color * 0.35F) * 1.2F;
    const float veil =
        (0.75F - 0.2F * static_cast<float>(i)) * std::min(1.0F, static_cast<float>(0.4 + light.haze * 500));
    sky = Mix(sky, Mix(bare, light.horizon * 0.75F, veil), inside);
  }
  return sky;
}

Color ShadeSpot(const Moment& moment, const Triangle& triangle, const Spot& p) {
  const World& world = moment.world;
  const Light& light = world.light;
  Color color;
  if (triangle.material == Material::kGround) {
    color = ShadeGround(moment, triangle, p);
  } else {
    float shine = 1, gloss = 0;
    Color glow;
    Color albedo = Albedo(world, triangle, p, shine, glow);
    const auto cosine = static_cast<float>(std::abs(Dot(p.view, triangle.normal)));
    const float fresnel = std::pow(1.0F - cosine, 4.0F);
    switch (triangle.material) {
      case Material::kPaint: gloss = 0.06F + 0.4F * fresnel; break;
      case Material::kCabin: {
        const bool pillar = p.u < 0.06 || p.u > 0.94 || p.v > 0.92;
        if (!pillar) albedo = {0.012F, 0.014F, 0.016F};
        gloss = (pillar ? 0.06F : 0.16F) + 0.5F * fresnel;
        break;
      }
      case Material::kTailLight: glow = triangle.color * (0.12F + 0.8F * light.headlights); break;
      case Material::kHeadLight: glow = Color{3, 2.8F, 2.4F} * light.headlights; break;
      case Material::kLamp: glow = Color{6, 3.8F, 1.6F} * light.lamps; break;
      default: break;
    }
    const auto facing = static_cast<float>(std::max(0.0, Dot(triangle.normal, light.sun)));
    const float sky_share = 0.55F - 0.45F * static_cast<float>(triangle.normal.z);
    Color lit = light.sun_color * facing + light.ambient * sky_share +
                Headlights(moment, p.position) * (shine * (0.15F + 0.85F * cosine));
    if (light.lamps > 0) lit = lit + Color{0.1F, 0.062F, 0.027F} * light.lamps;
    color = albedo * lit + glow;
    if (gloss > 0) {
      const Vec3 mirror = p.view - triangle.normal * (2 * Dot(p.view, triangle.normal));
      const Color seen =
          mirror.z < 0 ? SkyGradient(light, mirror) : world.asphalt * (light.ambient + light.sun_color * 0.5F);
      color = color + seen * gloss;
    }
  }
  const auto veil = static_cast<float>(1.0 - std::exp(-light.haze * p.distance));
  return Mix(color, SkyGradient(light, {p.view.x, p.view.y, std::min(p.view.z, -0.02)}), veil);
}

}  // namespace kitsink::road
