// Shades the ground: asphalt, lane marks, verges, and shadows on them.

#include "shade.h"
#include "shade_parts.h"

namespace kitsink::road {
namespace {

// The share of [x - half, x + half] that lies in [low, high].
double Overlap(double x, double half, double low, double high) {
  return std::max(0.0, std::min(x + half, high) - std::max(x - half, low)) / (2 * half);
}

// The integral of a pulse train of the given period and length from 0 to x.
double Pulses(double x, double period, double length) {
  const double turns = std::floor(x / period);
  return turns * length + std::min(x - turns * period, length);
}

double OffRoad(const World& world, double t) {
  double away = 1e9;
  for (const Interval& road : world.paved) away = std::min(away, std::max(road.low - t, t - road.high));
  return away;
}

Color Asphalt(const World& world, const Spot& p) {
  const double wide = std::max(p.width_u, p.width_v);
  const uint32_t seed = world.texture;
  float k = 0.85F + 0.3F * Fractal(p.u / 9, p.v / 2.5, std::max(p.width_u / 9, p.width_v / 2.5), 3, seed);
  k += 0.45F * (Fractal(p.u * 14, p.v * 14, wide * 9, 4, seed + 21) - 0.5F);
  // Wheels leave polished, dark streaks.
  k += 0.5F * (Fractal(p.u / 60, p.v * 1.1, std::max(p.width_u / 60, p.width_v * 1.1), 3, seed + 31) - 0.5F);
  // Cracks follow level lines of a noise.
  const float crack = std::abs(Fractal(p.u / 3.1 + 40, p.v / 2.2, 0, 2, seed + 41) - 0.5F);
  const auto line = static_cast<float>(0.006 + 0.3 * wide);
  const float place = Smooth(0.55, 0.75, Fractal(p.u / 30, p.v / 9, 0, 2, seed + 43));
  k *= 1.0F - world.cracks * place * 0.55F * (1.0F - Smooth(0, line, crack)) * std::min(1.0F, 0.008F / line);
  return world.asphalt * std::max(k, 0.2F);
}

Color Verge(const World& world, const Spot& p, double away) {
  const double wide = std::max(p.width_u, p.width_v);
  const uint32_t seed = world.texture + 100;
  const float fine = Fractal(p.u * 4, p.v * 4, wide * 4, 4, seed);
  const float patch = Fractal(p.u / 7, p.v / 4, wide / 5, 3, seed + 7);
  const float dry = Fractal(p.u / 25, p.v / 9, wide / 12, 3, seed + 9);
  Color grass = Mix(world.grass, world.soil, Smooth(0.5, 0.75, dry) * 0.8F) * (0.3F + 1.4F * fine);
  const Color green{world.grass.r * 0.5F, world.grass.g * 0.75F, world.grass.b * 0.5F};
  grass = Mix(grass, green * (0.4F + 1.2F * fine),
              0.7F * Smooth(0.5, 0.62, Fractal(p.u / 5, p.v / 2, wide / 3, 3, seed + 15)));
  grass = grass * (0.7F + 0.6F * patch);
  const Color gravel = Mix(world.soil, world.asphalt * 1.6F, 0.5F) * (0.6F + 0.8F * fine);
  return Mix(gravel, grass, Smooth(0.1, 1.4, away + 1.6 * (patch - 0.5F)));
}

// Share of sunlight, 0 .. 1, that passes the trees to the ground.
float TreeShade(const Moment& moment, const Spot& p) {
  const double bin = std::floor(p.u / kBin) - moment.first_bin;
  if (bin < 0 || bin >= static_cast<double>(moment.bins.size())) return 1;
  float open = 1;
  const double wide = std::max(p.width_u, p.width_v);
  for (const Shadow& tree : moment.bins[static_cast<size_t>(bin)]) {
    const double ds = (p.u - tree.s) / tree.half_length, dt = (p.v - tree.t) / tree.half_width;
    const double square = ds * ds + dt * dt;
    if (square > 1.2) continue;
    const float ragged = Fractal(p.u * 1.3, p.v * 1.3, wide * 1.3, 4, moment.world.texture + 91);
    open = std::min(open, 0.12F + Smooth(0.5, 1.15, square + 1.1 * (ragged - 0.5F)));
  }
  return open;
}

// Shares of sunlight and of skylight, 0 (full shade) .. 1 (open), that cars and bridges leave.
void CarShade(const Moment& moment, const Spot& p, float& sun, float& sky) {
  const Vec3 to_sun = moment.world.light.sun;
  const double psi = moment.world.Heading(p.u);
  const double along = to_sun.x * std::cos(psi) + to_sun.y * std::sin(psi);
  const double across = -to_sun.x * std::sin(psi) + to_sun.y * std::cos(psi);
  for (const Shadow& car : moment.shadows) {
    const double ds = p.u - car.s, dt = p.v - car.t;
    if (std::abs(ds) > car.half_length + 14 || std::abs(dt) > car.half_width + 14) continue;
    const auto outside = [&](double shift_s, double shift_t, double shrink) {
      return std::max(std::abs(ds - shift_s) - car.half_length * shrink,
                      std::abs(dt - shift_t) - car.half_width * shrink);
    };
    sky = std::min(sky, 0.12F + 0.88F * Smooth(-0.35, 0.5, outside(0, 0, 1)));
    const double reach = std::min(0.9 * car.height / std::max(-to_sun.z, 0.1), 12.0);
    for (const double k : {0.0, 0.33, 0.66, 1.0}) {
      const double d = outside(-along * reach * k, -across * reach * k, 1.0 - 0.2 * k);
      sun = std::min(sun, Smooth(-0.06, 0.1, d));
    }
  }
  for (const double at : moment.world.overpasses) {
    const double away = std::abs(p.u - at - 5.4 * along / std::min(to_sun.z, -0.3)) - 5;
    sun = std::min(sun, Smooth(-0.1, 0.2, away));
    sky = std::min(sky, 0.3F + 0.7F * Smooth(-3, 4, std::abs(p.u - at) - 5));
  }
}

}  // namespace

float MarkCover(const World& world, const Spot& ground, Color& color) {
  float cover = 0;
  const double half_t = 0.5 * std::max(ground.width_v, 1e-4), half_s = 0.5 * std::max(ground.width_u, 1e-4);
  for (const Mark& mark : world.marks) {
    const double reach = 0.5 * mark.width + half_t;
    if (std::abs(ground.v - mark.t) > reach) continue;
    double share = Overlap(ground.v, half_t, mark.t - 0.5 * mark.width, mark.t + 0.5 * mark.width);
    if (mark.period > 0) {
      const double at = ground.u - mark.phase;
      share *= (Pulses(at + half_s, mark.period, mark.length) - Pulses(at - half_s, mark.period, mark.length)) /
               (2 * half_s);
    }
    const double wide = std::max(ground.width_u, ground.width_v);
    const float flakes = Fractal(ground.u * 5, ground.v * 5, wide * 5, 3, world.texture + 61);
    const float kept = 1.0F - mark.wear * (0.4F + 0.6F * Smooth(0.35, 0.65, flakes));
    const auto add = static_cast<float>(share) * kept;
    if (add <= cover) continue;
    cover = add;
    color = mark.yellow ? Color{0.6F, 0.4F, 0.07F} : Color{0.72F, 0.72F, 0.7F};
  }
  return cover;
}

Color ShadeGround(const Moment& moment, const Triangle& triangle, const Spot& p) {
  const World& world = moment.world;
  const double away = OffRoad(world, p.v);
  Color albedo;
  float shine = 1;  // lane paint is retroreflective
  if (away <= 0) {
    albedo = Asphalt(world, p);
    Color paint;
    const float cover = MarkCover(world, p, paint);
    if (cover > 0) {
      albedo = Mix(albedo, paint, cover);
      shine = 1.0F + 1.6F * cover;
    }
  } else {
    albedo = Verge(world, p, away);
    const float blend = Smooth(0, 0.12 + 0.5 * p.width_v, away);
    albedo = Mix(Asphalt(world, p), albedo, blend);
  }
  float sun = 1, sky = 1;
  CarShade(moment, p, sun, sky);
  if (world.light.time_of_day != TimeOfDay::kNight) sun *= TreeShade(moment, p);
  const float facing = static_cast<float>(std::max(0.0, Dot(triangle.normal, world.light.sun)));
  Color light = world.light.sun_color * (facing * sun) + world.light.ambient * sky;
  light = light + Headlights(moment, p.position) * (shine * sky) + StreetLamps(world, p.u, p.v, 0) * sky;
  return albedo * light;
}

}  // namespace kitsink::road
