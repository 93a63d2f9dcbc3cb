#pragma once
// The world of one seed: road, scenery, traffic, light, and the camera's path.

#include <array>
#include <cstdint>
#include <vector>

#include "geometry.h"

namespace kitsink::road {

enum class TimeOfDay { kAny, kDay, kDusk, kNight };  // kAny: the seed chooses

struct WorldOptions {
  uint64_t seed = 1;
  double seconds = 10;  // duration of the drive, rounded up to minutes; determines the length of the road
  TimeOfDay time_of_day = TimeOfDay::kAny;
};

// Road coordinates: s metres along the reference line (left edge of our own direction's lanes), t metres to its right.
struct Mark {
  double t = 0, width = 0.15;                // centre, metres
  double period = 0, length = 0, phase = 0;  // dashes, metres; period 0 is a solid line
  bool yellow = false;
  float wear = 0;  // 0 fresh .. 1 gone
};
struct Interval {
  double low = 0, high = 0;
};
struct GroundKnot {
  double t = 0, base = 0, relief = 0;  // height over the road: base + relief * noise(s), metres
};
enum class BarrierKind { kRail, kConcrete, kWall, kFence };
struct Barrier {
  BarrierKind kind = BarrierKind::kRail;
  double t = 0, height = 0.8, first = 0, last = 0;  // from s = first to s = last
};
enum class CarKind { kSedan, kSuv, kVan, kTruck };
struct Car {
  CarKind kind = CarKind::kSedan;
  double s = 0, t = 0;  // its centre at time 0; s is relative to the camera when `follows`
  double speed = 0;     // along s; negative for oncoming traffic
  bool follows = false, brakes = false;
  double length = 4.5, width = 1.8, height = 1.45;
  Color paint;
};
struct Tree {
  double s = 0, t = 0, height = 8, radius = 3;
  uint32_t seed = 0;
  bool conifer = false;
};
struct Building {
  double s = 0, t = 0, length = 20, depth = 12, height = 8;  // middle, along s, along t, up
  uint32_t seed = 0;
  Color wall;
};
struct Pole {
  double s = 0, t = 0, height = 9;
  bool lamp = false, sign = false;
};
struct Light {
  TimeOfDay time_of_day = TimeOfDay::kDay;
  Vec3 sun;  // towards the sun
  Color sun_color, ambient, zenith, horizon;
  double haze = 1e-3;  // per metre
  float exposure = 1, clouds = 0.5F, headlights = 0, lamps = 0;
};
struct Camera {
  Vec3 position;  // of the lens, world
  Mat3 body;      // the calibrated frame: the camera's axes without the constant angles of its mount
  Mat3 view;      // the camera's own axes: x along the optical axis
};

// The hood: its upper edge in the picture, as fractions of the height, and its paint.
struct Hood {
  double top = 0.75, arch = 0.02, skew = 0;
  Color paint;
  float gloss = 0.2F;
};

struct World {
  uint64_t seed = 1;
  uint32_t texture = 0;  // seed of every texture
  double first = -60, last = 0;
  std::vector<double> curvature, heading;        // one station a metre from `first`; 1/m, rad
  std::vector<Vec3> station;                     // z unused
  std::array<std::array<double, 3>, 3> hills{};  // amplitude m, wavelength m, phase
  std::vector<Interval> paved;
  std::vector<GroundKnot> ground;  // rising t
  std::vector<Mark> marks;
  std::vector<Barrier> barriers;
  std::vector<Car> cars;
  std::vector<Tree> trees;
  std::vector<Building> buildings;
  std::vector<Pole> poles;
  std::vector<double> overpasses;  // s of each
  Color asphalt, grass, soil, foliage;
  float cracks = 0.5F, dryness = 0.5F;
  double lamp_spacing = 0;  // metres; 0 when there are none
  Light light;
  Hood hood;
  float vignette = 0.3F, noise = 0.006F;

  // The camera's drive: position and speed at time 0, slow changes of speed, wander within the lane, bumps.
  double start = 0, speed = 25, sway = 0, sway_rate = 0.2, sway_phase = 0;
  double lane_t = 0, camera_height = 1.2, mount_pitch = 0, mount_yaw = 0;
  std::array<std::array<double, 3>, 2> wander{};  // amplitude m, wavelength m, phase
  std::array<std::array<double, 3>, 9> bumps{};   // three for roll, pitch, height: amplitude, rad/s, phase

  double Heading(double s) const;
  double Elevation(double s) const;  // metres up
  double Slope(double s) const;
  // A point `up` metres over the ground at (s, t).
  Vec3 Point(double s, double t, double up) const;
  double GroundHeight(double s, double t) const;  // over the road at s, metres
  bool OnRoad(double t) const;
  // True inside the nominal shape of a lane mark, regardless of wear.
  bool OnMark(double s, double t) const;

  double DriveS(double time) const;
  Camera CameraAt(double time) const;
  // The centre of a car at `time`.
  double CarS(const Car& car, double time) const;
};

World MakeWorld(const WorldOptions& options);

// The true motion from time0 to time1, as openpilot reports it: velocity in m/s, then rotation rate in rad/s, both
// in the calibrated frame at time0.
std::array<double, 6> RelativePose(const World& world, double time0, double time1);

}  // namespace kitsink::road
