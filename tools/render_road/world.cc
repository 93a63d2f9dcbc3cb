// Evaluates a world at a time or place: road, traffic, camera and pose.

#include "world.h"

namespace kitsink::road {
namespace {

// Traffic exists only in a window around the camera. A car that leaves it at one end enters at the other, out of sight.
constexpr double kWindowBehind = 40, kWindow = 560;

struct StationAt {
  size_t index;
  double offset;
};

StationAt Find(const World& world, double s) {
  const double position = std::clamp(s - world.first, 0.0, static_cast<double>(world.station.size()) - 1.001);
  const double index = std::floor(position);
  return {static_cast<size_t>(index), position - index};
}

}  // namespace

double World::Heading(double s) const {
  const auto [k, u] = Find(*this, s);
  return heading[k] + u * curvature[k] + 0.5 * u * u * (curvature[k + 1] - curvature[k]);
}

double World::Elevation(double s) const {
  double sum = 0;
  for (const auto& [amplitude, wavelength, phase] : hills)
    sum += amplitude * std::sin(2 * kPi * s / wavelength + phase);
  return sum;
}

double World::Slope(double s) const {
  double sum = 0;
  for (const auto& [amplitude, wavelength, phase] : hills) {
    sum += amplitude * 2 * kPi / wavelength * std::cos(2 * kPi * s / wavelength + phase);
  }
  return sum;
}

double World::GroundHeight(double s, double t) const {
  size_t k = 0;
  while (k + 2 < ground.size() && ground[k + 1].t < t) ++k;
  const GroundKnot &a = ground[k], &b = ground[k + 1];
  const double u = std::clamp((t - a.t) / (b.t - a.t), 0.0, 1.0);
  const uint32_t side = t < lane_t ? 11 : 12;
  const double relief = 2.0 * Noise(s / 70, 0.5, texture + side) - 0.8 + 0.25 * Noise(s / 17, 0.5, texture + side);
  return a.base + u * (b.base - a.base) + relief * (a.relief + u * (b.relief - a.relief));
}

Vec3 World::Point(double s, double t, double up) const {
  const auto [k, u] = Find(*this, s);
  // Cubic Hermite interpolation between stations keeps the camera's path smooth.
  const Vec3 d0{std::cos(heading[k]), std::sin(heading[k]), 0};
  const Vec3 d1{std::cos(heading[k + 1]), std::sin(heading[k + 1]), 0};
  const double u2 = u * u, u3 = u2 * u;
  Vec3 point =
      station[k] * (2 * u3 - 3 * u2 + 1) + d0 * (u3 - 2 * u2 + u) + station[k + 1] * (3 * u2 - 2 * u3) + d1 * (u3 - u2);
  const double psi = Heading(s);
  point = point + Vec3{-std::sin(psi), std::cos(psi), 0} * t;
  point.z = -(Elevation(s) + GroundHeight(s, t) + up);
  return point;
}

bool World::OnRoad(double t) const {
  for (const Interval& road : paved) {
    if (t >= road.low && t <= road.high) return true;
  }
  return false;
}

bool World::OnMark(double s, double t) const {
  for (const Mark& mark : marks) {
    if (std::abs(t - mark.t) > 0.5 * mark.width) continue;
    if (mark.period == 0) return true;
    const double turns = (s - mark.phase) / mark.period;
    if ((turns - std::floor(turns)) * mark.period < mark.length) return true;
  }
  return false;
}

double World::DriveS(double time) const {
  return start + speed * time + sway * (std::sin(sway_rate * time + sway_phase) - std::sin(sway_phase));
}

Camera World::CameraAt(double time) const {
  const double s = DriveS(time);
  double t = lane_t, drift = 0;
  for (const auto& [amplitude, wavelength, phase] : wander) {
    t += amplitude * std::sin(2 * kPi * s / wavelength + phase);
    drift += amplitude * 2 * kPi / wavelength * std::cos(2 * kPi * s / wavelength + phase);
  }
  std::array<double, 3> shake{};  // roll, pitch, height
  for (size_t i = 0; i < bumps.size(); ++i) {
    shake[i / 3] += bumps[i][0] * std::sin(bumps[i][1] * time + bumps[i][2]);
  }
  Camera camera;
  camera.position = Point(s, t, camera_height + shake[2]);
  camera.body = FromEuler(shake[0], std::atan(Slope(s)) + shake[1], Heading(s) + std::atan(drift));
  camera.view = camera.body * FromEuler(0, mount_pitch, mount_yaw);
  return camera;
}

double World::CarS(const Car& car, double time) const {
  const double ego = DriveS(time);
  if (car.follows) return ego + car.s + 1.5 * std::sin(0.3 * time + car.s);
  const double ahead = start + car.s + car.speed * time - ego + kWindowBehind;
  return ego + ahead - std::floor(ahead / kWindow) * kWindow - kWindowBehind;
}

std::array<double, 6> RelativePose(const World& world, double time0, double time1) {
  const Camera a = world.CameraAt(time0), b = world.CameraAt(time1);
  const Mat3 inverse = Transposed(a.body);
  const double rate = 1.0 / (time1 - time0);
  const Vec3 velocity = inverse * (b.position - a.position) * rate;
  const Vec3 spin = RotationVector(inverse * b.body) * rate;
  return {velocity.x, velocity.y, velocity.z, spin.x, spin.y, spin.z};
}

}  // namespace kitsink::road
