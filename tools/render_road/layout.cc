// Makes a world from a seed. All random numbers of a scene are drawn in this file.

#include "world.h"

namespace kitsink::road {
namespace {

Color Jitter(Random& random, Color color, double amount) {
  const auto k = static_cast<float>(random.Uniform(1 - amount, 1 + amount));
  const auto tint = static_cast<float>(random.Uniform(-amount, amount) * 0.3);
  return Color{color.r * (1 + tint), color.g, color.b * (1 - tint)} * k;
}

double Phase(Random& random) { return random.Uniform(0, 2 * kPi); }

// Curvature is piecewise linear in s (clothoids) and limited according to speed.
void LayCourse(Random& random, double length, World& world) {
  const auto stations = static_cast<size_t>(length - world.first) + 2;
  const double limit = std::min(1.0 / 240, 2.2 / (world.speed * world.speed + 1));
  const double knots = random.Uniform(90, 220);
  const auto count = static_cast<size_t>(static_cast<double>(stations) / knots) + 3;
  std::vector<double> knot(count);
  for (double& k : knot) k = random.Chance(0.25) ? 0 : random.Uniform(-limit, limit);
  double angle = 0;
  Vec3 at{world.first, 0, 0};
  for (size_t i = 0; i < stations; ++i) {
    const double u = static_cast<double>(i) / knots;
    const auto k = static_cast<size_t>(u);
    const double f = u - static_cast<double>(k);
    world.curvature.push_back(knot[k] * (1 - f) + knot[k + 1] * f);
    if (i > 0) {
      const double turn = 0.5 * (world.curvature[i - 1] + world.curvature[i]);
      at = at + Vec3{std::cos(angle + 0.5 * turn), std::sin(angle + 0.5 * turn), 0};
      angle += turn;
    }
    world.heading.push_back(angle);
    world.station.push_back(at);
  }
  world.last = world.first + static_cast<double>(stations) - 2;
  const double steep = random.Uniform(0.002, 0.028);
  for (size_t i = 0; i < world.hills.size(); ++i) {
    const double wavelength = random.Uniform(220, 420) * static_cast<double>(i + 1);
    world.hills[i] = {steep * random.Uniform(0.3, 1.0) * wavelength / (2 * kPi), wavelength, Phase(random)};
  }
}

struct Roadway {
  int lanes = 2, oncoming = 2;
  double lane_width = 3.6, left_shoulder = 1.2, right_shoulder = 2.4, median = 0;  // median 0: undivided
  double left() const { return median > 0 ? -left_shoulder : -oncoming * lane_width - left_shoulder; }
  double right() const { return lanes * lane_width + right_shoulder; }
  double far_right() const { return left() - median; }  // inner edge of the opposite roadway
  double far_left() const { return far_right() - oncoming * lane_width - 3; }
  double outer_left() const { return median > 0 ? far_left() : left(); }
};

void PaintMarks(Random& random, const Roadway& way, World& world) {
  const double width = random.Uniform(0.12, 0.2), period = random.Chance(0.6) ? 12.2 : random.Uniform(9, 15);
  const double length = period * random.Uniform(0.22, 0.4), phase = random.Uniform(0, period);
  const auto wear = static_cast<float>(random.Uniform(0, 0.7));
  const auto add = [&](double t, bool dashed, bool yellow) {
    const auto own_wear = static_cast<float>(random.Uniform(0, 0.3)) + 0.6F * wear;
    world.marks.push_back({t, width, dashed ? period : 0, length, phase + random.Uniform(-1, 1), yellow, own_wear});
  };
  const double edge = 0.1;
  for (int i = 1; i < way.lanes; ++i) add(i * way.lane_width, true, false);
  add(way.lanes * way.lane_width + edge, false, false);
  if (way.median > 0) {
    add(-edge, false, true);
    for (int i = 1; i < way.oncoming; ++i) add(way.far_right() - 1 - i * way.lane_width, true, false);
    add(way.far_right() - 0.9, false, true);
    add(way.far_left() + 1.9, false, false);
    return;
  }
  if (random.Chance(0.35) && way.oncoming == 1) {
    add(0, true, true);
  } else {
    add(-0.14, false, true);
    add(0.14, false, true);
  }
  for (int i = 1; i < way.oncoming; ++i) add(-i * way.lane_width, true, false);
  add(-way.oncoming * way.lane_width - edge, false, false);
}

void ShapeGround(Random& random, const Roadway& way, World& world) {
  const double rise = random.Uniform(-0.6, 2.0), left_rise = random.Uniform(-0.6, 2.0);
  const double l = way.outer_left(), r = way.right();
  world.ground = {{l - 150, 6 * left_rise, 3}, {l - 45, 3 * left_rise, 2}, {l - 14, left_rise, 1},
                  {l - 4, -0.35, 0.15},        {l - 1, -0.05, 0},          {l, 0, 0}};
  if (way.median > 0) {
    const double dip = way.median > 4 ? -0.4 : 0;
    world.ground.push_back({way.far_right(), 0, 0});
    world.ground.push_back({way.far_right() + 0.5 * way.median, dip, 0});
    world.ground.push_back({way.left(), 0, 0});
  }
  for (const GroundKnot& knot :
       {GroundKnot{r, 0, 0}, GroundKnot{r + 1, -0.05, 0}, GroundKnot{r + 4, -0.35, 0.15}, GroundKnot{r + 14, rise, 1},
        GroundKnot{r + 45, 3 * rise, 2}, GroundKnot{r + 150, 6 * rise, 3}}) {
    world.ground.push_back(knot);
  }
  world.paved = {{way.left(), r}};
  if (way.median > 0) world.paved.push_back({way.far_left(), way.far_right()});
}

void AddBarriers(Random& random, const Roadway& way, World& world) {
  const auto kind = [&] { return random.Chance(0.5) ? BarrierKind::kRail : BarrierKind::kConcrete; };
  const auto stretch = [&](BarrierKind what, double t, double height, double chance) {
    for (double s = world.first; s < world.last; s += 250) {
      if (!random.Chance(chance)) continue;
      const double first = s + random.Uniform(0, 90);
      world.barriers.push_back({what, t, height, first, std::min(first + random.Uniform(120, 260), world.last)});
    }
  };
  if (way.median > 0 && way.median < 8) {
    world.barriers.push_back({kind(), way.left() - 0.5 * way.median, 0.85, world.first, world.last});
  }
  stretch(kind(), way.right() + 0.7, 0.8, random.Uniform(0, 0.7));
  stretch(kind(), way.outer_left() - 0.7, 0.8, random.Uniform(0, 0.7));
  if (random.Chance(0.4)) {
    const bool wall = random.Chance(0.5);
    const double height = wall ? random.Uniform(2.5, 4.5) : random.Uniform(1.2, 1.9);
    stretch(wall ? BarrierKind::kWall : BarrierKind::kFence, way.right() + random.Uniform(5, 12), height, 0.8);
    stretch(wall ? BarrierKind::kWall : BarrierKind::kFence, way.outer_left() - random.Uniform(5, 12), height, 0.6);
  }
}

void AddScenery(Random& random, const Roadway& way, World& world) {
  const double wood = random.Uniform(0.1, 1.0), town = random.Chance(0.45) ? random.Uniform(0.2, 1.0) : 0.0;
  const bool conifers = random.Chance(0.4);
  const double l = way.outer_left(), r = way.right();
  for (const bool right : {false, true}) {
    const auto beside = [&](double distance) { return right ? r + distance : l - distance; };
    const double near = random.Uniform(7, 16);
    for (double s = world.first; s < world.last; s += 4.5) {
      // Woods alternate with open land along the road.
      if (!random.Chance(wood * Smooth(0.25, 0.7, Noise(s / 90, right ? 1.5 : 7.5, world.texture)))) continue;
      const double height = random.Uniform(5, 15), shape = random.Uniform(0.25, 0.42);
      const double distance = near + 0.3 * height + 40 * std::pow(random.Uniform(0, 1), 2);
      world.trees.push_back({s + random.Uniform(-2, 2), beside(distance), height, height * shape, random.Seed(),
                             conifers && random.Chance(0.6)});
    }
    // A row of large trees forms the background.
    for (double s = world.first; s < world.last; s += 7) {
      if (!random.Chance(0.75 * Smooth(0.3, 0.6, Noise(s / 160, right ? 2.5 : 8.5, world.texture)))) continue;
      const double height = random.Uniform(8, 17);
      world.trees.push_back({s, beside(random.Uniform(45, 110)), height, 0.42 * height, random.Seed(), false});
    }
    for (double s = world.first; s < world.last; s += 36) {
      if (!random.Chance(town)) continue;
      const double length = random.Uniform(12, 32), depth = random.Uniform(8, 18);
      const double height = random.Chance(0.25) ? random.Uniform(14, 34) : random.Uniform(4, 11);
      const Color wall =
          Jitter(random, random.Chance(0.5) ? Color{0.5F, 0.46F, 0.4F} : Color{0.42F, 0.24F, 0.17F}, 0.4);
      world.buildings.push_back({s + random.Uniform(-3, 3), beside(random.Uniform(16, 30) + 0.5 * depth), length, depth,
                                 height, random.Seed(), wall});
    }
    if (random.Chance(0.4)) {
      const double step = random.Uniform(38, 60), distance = random.Uniform(4, 9);
      for (double s = world.first; s < world.last; s += step)
        world.poles.push_back({s, beside(distance), 9, false, false});
    }
    for (double s = 60 + random.Uniform(0, 200); s < world.last; s += random.Uniform(80, 400)) {
      if (right) world.poles.push_back({s, beside(random.Uniform(1.8, 3.5)), random.Uniform(2.4, 3.4), false, true});
    }
  }
  if (world.lamp_spacing > 0) {
    for (double s = std::ceil(world.first / world.lamp_spacing) * world.lamp_spacing; s < world.last;
         s += world.lamp_spacing) {
      world.poles.push_back({s, r + 1.6, 9.5, true, false});
    }
  }
  if (random.Chance(0.35)) {
    for (double s = random.Uniform(70, 600); s < world.last - 60; s += random.Uniform(500, 1500)) {
      world.overpasses.push_back(s);
    }
  }
}

Color Paint(Random& random) {
  static constexpr std::array<Color, 9> kPaints{{{0.75F, 0.75F, 0.74F},
                                                 {0.72F, 0.72F, 0.74F},
                                                 {0.38F, 0.39F, 0.41F},
                                                 {0.16F, 0.165F, 0.175F},
                                                 {0.02F, 0.02F, 0.022F},
                                                 {0.03F, 0.03F, 0.035F},
                                                 {0.34F, 0.025F, 0.02F},
                                                 {0.03F, 0.07F, 0.24F},
                                                 {0.2F, 0.17F, 0.12F}}};
  return Jitter(random, kPaints[static_cast<size_t>(random.Below(static_cast<int>(kPaints.size())))], 0.2);
}

Car MakeCar(Random& random, bool trucks) {
  Car car;
  const double kind = random.Uniform(0, 1);
  const auto set = [&](CarKind what, double length, double width, double height) {
    car.kind = what;
    const double size = random.Uniform(0.95, 1.06);
    car.length = length * size;
    car.width = width * random.Uniform(0.97, 1.04);
    car.height = height * size;
  };
  if (kind < 0.5) {
    set(CarKind::kSedan, 4.6, 1.82, 1.45);
  } else if (kind < 0.82 || !trucks) {
    set(CarKind::kSuv, 4.6, 1.88, 1.72);
  } else if (kind < 0.9) {
    set(CarKind::kVan, 5.6, 2.0, 2.5);
  } else {
    set(CarKind::kTruck, 13, 2.5, 3.8);
  }
  car.paint = car.kind == CarKind::kTruck || car.kind == CarKind::kVan ? Color{0.62F, 0.62F, 0.6F} : Paint(random);
  return car;
}

void AddTraffic(Random& random, const Roadway& way, int own_lane, World& world) {
  const double density = random.Uniform(0.15, 1.0);
  const auto fill = [&](double t, double speed, double chance) {
    for (double s = random.Uniform(-30, 10); s < 480; s += random.Uniform(26, 70)) {
      if (!random.Chance(chance)) continue;
      Car car = MakeCar(random, true);
      car.s = s;
      car.t = t + random.Uniform(-0.3, 0.3);
      car.speed = speed;
      car.brakes = random.Chance(0.15);
      world.cars.push_back(car);
    }
  };
  for (int lane = 0; lane < way.lanes; ++lane) {
    if (lane == own_lane) continue;
    fill((lane + 0.5) * way.lane_width, std::max(0.0, world.speed + random.Uniform(-4, 5)), density);
  }
  const double other = -std::max(6.0, world.speed * random.Uniform(0.85, 1.15));
  for (int lane = 0; lane < way.oncoming; ++lane) {
    const double inner = way.median > 0 ? way.far_right() - 1 : 0;
    fill(inner - (lane + 0.5) * way.lane_width, other - 2.0 * lane, 0.8 * density);
  }
  double gap = random.Uniform(9, 28) + world.speed * random.Uniform(0.3, 1.8);
  for (int i = 0; i < 4 && gap < 300; ++i) {
    if (random.Chance(0.35 + 0.5 * density)) {
      Car car = MakeCar(random, true);
      car.s = gap + 0.5 * car.length;
      car.t = world.lane_t + random.Uniform(-0.3, 0.3);
      car.follows = true;
      car.brakes = random.Chance(world.speed < 8 ? 0.7 : 0.2);
      world.cars.push_back(car);
    }
    gap += random.Uniform(28, 90);
  }
}

Light MakeLight(Random& random, TimeOfDay time) {
  Light light;
  const double chance = random.Uniform(0, 1);
  light.time_of_day = time != TimeOfDay::kAny ? time
                      : chance < 0.55         ? TimeOfDay::kDay
                      : chance < 0.72         ? TimeOfDay::kDusk
                                              : TimeOfDay::kNight;
  const double azimuth = Phase(random);
  double height = random.Uniform(0.35, 1.2);
  light.clouds = static_cast<float>(random.Uniform(0, 1));
  light.haze = std::pow(10.0, random.Uniform(-3.6, -2.7));
  light.exposure = static_cast<float>(random.Uniform(0.8, 1.25));
  if (light.time_of_day == TimeOfDay::kDay) {
    // Thick clouds dim the sun and brighten the sky.
    const float overcast = Smooth(0.65, 1.0, light.clouds);
    light.sun_color = Color{2.9F, 2.65F, 2.25F} * (1.0F - 0.9F * overcast);
    light.ambient = Mix({0.55F, 0.68F, 0.9F}, {1.0F, 1.03F, 1.08F}, overcast);
    light.zenith = Mix({0.1F, 0.27F, 0.74F}, {0.75F, 0.8F, 0.86F}, overcast);
    light.horizon = Mix({0.62F, 0.84F, 1.15F}, {1.15F, 1.2F, 1.24F}, overcast);
  } else if (light.time_of_day == TimeOfDay::kDusk) {
    height = random.Uniform(0.03, 0.14);
    light.sun_color = {1.0F, 0.5F, 0.22F};
    light.ambient = {0.2F, 0.22F, 0.32F};
    light.zenith = {0.06F, 0.1F, 0.24F};
    light.horizon = {0.85F, 0.48F, 0.28F};
    light.headlights = 0.6F;
    light.exposure *= 1.7F;
  } else {
    height = random.Uniform(0.4, 1.0);
    light.sun_color = {0.003F, 0.003F, 0.004F};
    light.ambient = Color{0.011F, 0.0095F, 0.009F} * static_cast<float>(random.Uniform(0.5, 1.8));
    light.zenith = Color{0.004F, 0.0035F, 0.004F};
    light.horizon = Color{0.022F, 0.015F, 0.009F} * static_cast<float>(random.Uniform(0.4, 1.8));
    light.headlights = 1;
    light.haze *= 0.5;
    light.exposure *= static_cast<float>(random.Uniform(0.9, 2.4));
  }
  light.sun = {std::cos(azimuth) * std::cos(height), std::sin(azimuth) * std::cos(height), -std::sin(height)};
  return light;
}

void PlanDrive(Random& random, World& world) {
  world.speed = random.Chance(0.12) ? random.Uniform(0, 6) : random.Uniform(6, 32);
  world.sway_rate = random.Uniform(0.1, 0.4);
  // Speed varies by at most 3 m/s with at most 1.8 m/s^2, and stays positive.
  const double swing = std::min({random.Uniform(0, 0.25) * world.speed, 1.8 / world.sway_rate, 3.0});
  world.sway = swing / world.sway_rate;
  world.sway_phase = Phase(random);
  world.camera_height = random.Uniform(1.15, 1.4);
  world.mount_pitch = random.Uniform(-0.055, 0.0);
  world.mount_yaw = random.Uniform(-0.03, 0.03);
  for (auto& wave : world.wander) wave = {random.Uniform(0.03, 0.25), random.Uniform(70, 260), Phase(random)};
  const double rough = random.Uniform(0.3, 1.5) * std::clamp(world.speed / 10, 0.02, 1.0);
  const std::array<double, 3> amplitude{0.0035, 0.0035, 0.008};
  for (size_t i = 0; i < world.bumps.size(); ++i) {
    const auto octave = static_cast<double>(i % 3);
    world.bumps[i] = {rough * amplitude[i / 3] / (1 + octave), 2 * kPi * random.Uniform(0.5, 1.1) * (1 + octave),
                      Phase(random)};
  }
}

}  // namespace

World MakeWorld(const WorldOptions& options) {
  Random random(Mixed(options.seed));
  World world;
  world.seed = options.seed;
  world.texture = random.Seed();
  world.light = MakeLight(random, options.time_of_day);
  PlanDrive(random, world);
  // The length is rounded up to minutes, so that clips of similar length show the same world.
  const double seconds = 60 * std::max(std::ceil(options.seconds / 60), 1.0);
  const double drive = world.speed * seconds + 2 * world.sway;
  LayCourse(random, drive + 720, world);

  Roadway way;
  const bool highway = random.Chance(0.6);
  way.lanes = highway ? 2 + random.Below(3) : 1 + random.Below(2);
  way.oncoming = way.lanes;
  way.lane_width = random.Uniform(3.3, 3.75);
  way.left_shoulder = random.Uniform(0.5, 2.5);
  way.right_shoulder = highway ? random.Uniform(1.5, 3.5) : random.Uniform(0.4, 2);
  way.median = highway ? (random.Chance(0.5) ? random.Uniform(1, 4) : random.Uniform(8, 20)) : 0;
  const int own_lane = random.Below(way.lanes);
  world.lane_t = (own_lane + 0.5) * way.lane_width + random.Uniform(-0.25, 0.25);

  const double grey = std::pow(random.Uniform(0, 1), 1.7);
  world.asphalt = Mix({0.062F, 0.062F, 0.068F}, {0.26F, 0.25F, 0.23F}, static_cast<float>(grey));
  world.cracks = static_cast<float>(random.Uniform(0, 1));
  world.dryness = static_cast<float>(random.Uniform(0, 1));
  world.grass = Mix({0.06F, 0.1F, 0.032F}, {0.3F, 0.235F, 0.14F}, world.dryness);
  world.soil = Jitter(random, {0.24F, 0.18F, 0.12F}, 0.3);
  world.foliage = Jitter(random, {0.05F, 0.09F, 0.028F}, 0.4);
  if (random.Chance(highway ? 0.5 : 0.35)) world.lamp_spacing = random.Uniform(32, 55);
  if (world.light.headlights > 0 && world.lamp_spacing > 0) world.light.lamps = world.light.headlights;

  ShapeGround(random, way, world);
  PaintMarks(random, way, world);
  AddBarriers(random, way, world);
  AddScenery(random, way, world);
  AddTraffic(random, way, own_lane, world);

  world.hood.top = random.Chance(0.2) ? random.Uniform(0.86, 0.96) : random.Uniform(0.7, 0.86);
  world.hood.arch = random.Uniform(0.008, 0.05);
  world.hood.skew = random.Uniform(-0.015, 0.015);
  world.hood.paint = random.Chance(0.5) ? Color{0.012F, 0.012F, 0.013F} : Paint(random) * 0.6F;
  world.hood.gloss = static_cast<float>(random.Uniform(0.08, 0.5));
  world.vignette = static_cast<float>(random.Uniform(0.05, 0.4));
  world.noise = static_cast<float>(random.Uniform(0.002, 0.008));
  return world;
}

}  // namespace kitsink::road
