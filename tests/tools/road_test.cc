// Tests of the driving-scene renderer: pixels follow from the seed, and ground truth agrees with geometry.

#include <array>
#include <cmath>
#include <set>

#include "render_road/mesh.h"
#include "render_road/render.h"
#include "render_road/world.h"
#include "testlib.h"

namespace kitsink::road {
namespace {

constexpr FrameSize kSmall{388, 291};

World Daylight(uint64_t seed) {
  WorldOptions options;
  options.seed = seed;
  options.seconds = 3;
  options.time_of_day = TimeOfDay::kDay;
  return MakeWorld(options);
}

// A world without traffic, scenery and hills, so that nothing hides the ground.
World Bare(uint64_t seed) {
  World world = Daylight(seed);
  world.cars.clear();
  world.trees.clear();
  world.buildings.clear();
  world.poles.clear();
  world.barriers.clear();
  world.overpasses.clear();
  for (auto& wave : world.hills) wave[0] = 0;
  return world;
}

RenderOptions Small(int threads) {
  RenderOptions options;
  options.size = kSmall;
  options.threads = threads;
  return options;
}

TEST(Road, SameSeedSamePixels) {
  const Frame one = RenderFrame(Daylight(7), 0.35, Small(1));
  EXPECT_EQ(one.rgb.size(), kSmall.size_bytes());
  EXPECT_EQ(one.rgb, RenderFrame(Daylight(7), 0.35, Small(1)).rgb);
  EXPECT_EQ(one.rgb, RenderFrame(Daylight(7), 0.35, Small(3)).rgb) << "threads must not change a pixel";
  WorldOptions longer{.seed = 7, .seconds = 55, .time_of_day = TimeOfDay::kDay};
  EXPECT_EQ(one.rgb, RenderFrame(MakeWorld(longer), 0.35, Small(2)).rgb) << "nor does a clip's length";
  EXPECT_NE(one.rgb, RenderFrame(Daylight(8), 0.35, Small(1)).rgb);
  EXPECT_NE(one.rgb, RenderFrame(Daylight(7), 0.40, Small(1)).rgb);
}

TEST(Road, ClassMapsDoNotDependOnThreads) {
  const World world = Daylight(3);
  EXPECT_EQ(RenderClassMap(world, 0.2, kModelGrid, 1), RenderClassMap(world, 0.2, kModelGrid, 4));
}

TEST(Road, AllClassesOccurInSensibleShares) {
  std::array<double, 5> share{};
  constexpr int kSeeds = 12;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const auto map = RenderClassMap(Daylight(seed), 0.5, kModelGrid, 2);
    for (const uint8_t id : map) {
      ASSERT_LT(id, 5);
      share[id] += 1.0 / (kSeeds * static_cast<double>(map.size()));
    }
  }
  EXPECT_GT(share[kRoad], 0.1);
  EXPECT_GT(share[kLaneMark], 0.002);
  EXPECT_LT(share[kLaneMark], 0.03);
  EXPECT_GT(share[kUndrivable], 0.35);
  EXPECT_GT(share[kMovable], 0.003);
  EXPECT_GT(share[kOwnCar], 0.08);
}

// Points of known class, projected through the camera, land on cells of that class.
TEST(Road, GroundClassesLieWhereGeometryPutsThem) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    const World world = Bare(seed);
    const double time = 0.6;
    const Camera camera = world.CameraAt(time);
    const auto map = RenderClassMap(world, time, kModelGrid, 2);
    int marks = 0, lanes = 0, verges = 0;
    const auto expect = [&](double s, double t, Class want, int& count) {
      const PicturePoint at = ProjectPoint(camera, kModelGrid, world.Point(s, t, 0));
      if (at.depth < 3 || at.x < 2 || at.y < 2 || at.x > kModelGrid.width - 2.0) return;
      if (at.y > HoodEdge(world.hood, kModelGrid, at.x) - 2) return;
      ++count;
      const size_t cell = static_cast<size_t>(at.y) * kModelGrid.width + static_cast<size_t>(at.x);
      EXPECT_EQ(map[cell], want) << "seed " << seed << " s " << s << " t " << t;
    };
    const double ego = world.DriveS(time);
    for (double ahead = 5; ahead < 16; ahead += 0.31) {
      for (const Mark& mark : world.marks) {
        if (mark.period == 0 && std::abs(mark.t - world.lane_t) < 4) expect(ego + ahead, mark.t, kLaneMark, marks);
      }
      bool clear = true;
      for (const Mark& mark : world.marks) clear = clear && std::abs(mark.t - world.lane_t) > 0.6;
      if (clear) expect(ego + ahead, world.lane_t, kRoad, lanes);
      expect(ego + ahead, world.paved.front().high + 0.8, kUndrivable, verges);
    }
    EXPECT_GT(lanes, 5);
    EXPECT_GT(marks + verges, 5);
  }
}

TEST(Road, DashesAndGapsAlternate) {
  World world = Bare(9);
  for (auto& wave : world.wander) wave[0] = 0;
  const double t = world.lane_t + 1;
  world.marks = {{t, 0.2, 8, 3, 1, false, 0}};
  const Camera camera = world.CameraAt(0.5);
  const auto map = RenderClassMap(world, 0.5, kModelGrid, 1);
  int dashes = 0, gaps = 0;
  for (double s = world.DriveS(0.5) + 6; s < world.DriveS(0.5) + 20; s += 0.5) {
    const double along = std::fmod(s - 1 + 800, 8.0);
    const bool dash = along > 0.6 && along<2.4, gap = along> 3.6 && along < 7.4;
    const PicturePoint at = ProjectPoint(camera, kModelGrid, world.Point(s, t, 0));
    if ((!dash && !gap) || at.y > HoodEdge(world.hood, kModelGrid, at.x) - 2) continue;
    (dash ? dashes : gaps) += 1;
    EXPECT_EQ(map[static_cast<size_t>(at.y) * kModelGrid.width + static_cast<size_t>(at.x)], dash ? kLaneMark : kRoad)
        << "s " << s;
  }
  EXPECT_GT(dashes, 2);
  EXPECT_GT(gaps, 4);
}

TEST(Road, ACarAheadIsMovable) {
  World world = Bare(2);
  Car car;
  car.s = 14;
  car.t = world.lane_t;
  car.follows = true;
  world.cars = {car};
  const double s = world.CarS(car, 0.5);
  const PicturePoint rear =
      ProjectPoint(world.CameraAt(0.5), kModelGrid, world.Point(s - 0.5 * car.length, car.t, 0.6));
  const auto map = RenderClassMap(world, 0.5, kModelGrid, 1);
  EXPECT_EQ(map[static_cast<size_t>(rear.y) * kModelGrid.width + static_cast<size_t>(rear.x)], kMovable);
  EXPECT_EQ(std::set<uint8_t>(map.end() - 512, map.end()), std::set<uint8_t>{kOwnCar});
}

TEST(Road, PoseIsTheDifferenceOfThePath) {
  const double step = 0.05;
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    const World world = Daylight(seed);
    const Camera a = world.CameraAt(1.0), b = world.CameraAt(1.0 + step);
    const auto pose = RelativePose(world, 1.0, 1.0 + step);
    // The velocity in world axes, times the step, leads to the second position.
    const Vec3 there = a.position + a.body * Vec3{pose[0], pose[1], pose[2]} * step;
    EXPECT_NEAR(Length(there - b.position), 0, 1e-9);
    EXPECT_NEAR(pose[0], (world.DriveS(1.0 + step) - world.DriveS(1.0)) / step, 0.02 * pose[0] + 0.01);
    // The rotation rate, by Rodrigues' formula, leads to the second attitude.
    const Vec3 turn{pose[3] * step, pose[4] * step, pose[5] * step};
    const double angle = Length(turn);
    ASSERT_GT(angle, 0);
    const Vec3 axis = turn * (1 / angle);
    for (const Vec3 v : {Vec3{1, 0, 0}, Vec3{0, 1, 0}, Vec3{0, 0, 1}}) {
      const Vec3 turned =
          v * std::cos(angle) + Cross(axis, v) * std::sin(angle) + axis * (Dot(axis, v) * (1 - std::cos(angle)));
      EXPECT_NEAR(Length(a.body * turned - b.body * v), 0, 1e-9);
    }
  }
}

TEST(Road, SignsOfThePose) {
  World world = Bare(5);
  for (auto& wave : world.wander) wave[0] = 0;
  for (auto& bump : world.bumps) bump[0] = 0;
  world.speed = 20;
  world.sway = 0;
  const double radius = 400;  // a steady turn to the right
  for (size_t i = 0; i < world.station.size(); ++i) {
    const double angle = static_cast<double>(i) / radius;
    world.curvature[i] = 1 / radius;
    world.heading[i] = angle;
    world.station[i] = {radius * std::sin(angle), radius * (1 - std::cos(angle)), 0};
  }
  world.lane_t = 0;
  const auto pose = RelativePose(world, 1.0, 1.05);
  EXPECT_NEAR(pose[0], 20, 1e-2);
  EXPECT_NEAR(pose[1], 20 * 0.5 / radius, 2e-3);  // half of the turn in one step
  EXPECT_NEAR(pose[2], 0, 1e-6);
  EXPECT_NEAR(pose[3], 0, 1e-6);
  EXPECT_NEAR(pose[4], 0, 1e-6);
  EXPECT_NEAR(pose[5], 20 / radius, 1e-4);
}

// Pose and depth predict where a static point seen in f0 lies in f1.
TEST(Road, PoseReprojectsStaticPoints) {
  const World world = Daylight(4);
  const double t0 = 0.5, t1 = 0.55;
  const Camera a = world.CameraAt(t0), b = world.CameraAt(t1);
  const auto pose = RelativePose(world, t0, t1);
  const Mat3 mount = Transposed(a.body) * a.view;
  for (const double ahead : {8.0, 15.0, 40.0}) {
    for (const double t : {-3.0, 1.0, 6.0}) {
      const Vec3 point = world.Point(world.DriveS(t0) + ahead, t, 0.5);
      const Vec3 seen = Transposed(a.body) * (point - a.position);
      const Vec3 moved = seen - Vec3{pose[0], pose[1], pose[2]} * (t1 - t0);
      // The inverse rotation, to second order.
      const Vec3 w = Vec3{pose[3], pose[4], pose[5]} * (t1 - t0);
      const Vec3 turned = moved - Cross(w, moved) + Cross(w, Cross(w, moved)) * 0.5;
      const Vec3 view = Transposed(mount) * turned;
      const Lens lens = Lens::For(kContestFrameSize);
      const PicturePoint truth = ProjectPoint(b, kContestFrameSize, point);
      EXPECT_NEAR(lens.center_x + lens.focal_x * view.y / view.x, truth.x, 0.02);
      EXPECT_NEAR(lens.center_y + lens.focal_y * view.z / view.x, truth.y, 0.02);
      EXPECT_NEAR(view.x, truth.depth, 1e-3);
    }
  }
}

// The same in pixels: in both frames the paint of a lane mark is bright where its points project.
TEST(Road, PaintIsDrawnWhereItProjects) {
  World world = Bare(6);
  world.noise = 0;
  world.asphalt = {0.05F, 0.05F, 0.05F};
  world.marks = {{world.lane_t, 0.3, 0, 0, 0, false, 0.0F}};
  RenderOptions options;
  options.threads = 2;
  for (const double time : {0.5, 0.55}) {
    const Frame frame = RenderFrame(world, time, options);
    const Camera camera = world.CameraAt(time);
    const auto green = [&](double s, double t) {
      const PicturePoint at = ProjectPoint(camera, options.size, world.Point(s, t, 0));
      return int{frame.rgb[(static_cast<size_t>(at.y) * options.size.width + static_cast<size_t>(at.x)) * 3 + 1]};
    };
    const double s = world.DriveS(time) + 12;
    EXPECT_GT(green(s, world.lane_t), green(s, world.lane_t - 0.6) + 40);
    EXPECT_GT(green(s, world.lane_t + 0.1), green(s, world.lane_t + 0.22) + 40);
  }
}

TEST(Road, LongDrivesStayOnTheRoad) {
  for (uint64_t seed = 20; seed < 40; ++seed) {
    WorldOptions options;
    options.seed = seed;
    options.seconds = 60;
    const World world = MakeWorld(options);
    EXPECT_LT(world.DriveS(60) + kSight, world.last) << "seed " << seed;
    for (double time = 0; time < 60; time += 0.05) {
      const auto pose = RelativePose(world, time, time + 0.05);
      ASSERT_GE(pose[0], -0.05) << "seed " << seed;
      ASSERT_LT(pose[0], 45) << "seed " << seed;
      ASSERT_LT(std::abs(pose[5]), 0.6) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace kitsink::road
