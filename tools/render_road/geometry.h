#pragma once
// The renderer's arithmetic: vectors, rotations, hashed noise. All functions are pure.
//
// Every frame of reference follows openpilot: x forward, y right, z down, right-handed. Positive yaw turns right,
// positive pitch raises the nose, positive roll lowers the right side.

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace kitsink::road {

inline constexpr double kPi = 3.14159265358979323846;

struct Vec3 {
  double x = 0, y = 0, z = 0;
};
inline Vec3 operator+(Vec3 a, Vec3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
inline Vec3 operator-(Vec3 a, Vec3 b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
inline Vec3 operator*(Vec3 a, double k) { return {a.x * k, a.y * k, a.z * k}; }
inline double Dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vec3 Cross(Vec3 a, Vec3 b) { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }
inline double Length(Vec3 a) { return std::sqrt(Dot(a, a)); }
inline Vec3 Normalized(Vec3 a) { return a * (1.0 / std::max(Length(a), 1e-12)); }

// A rotation matrix. Its columns are the axes of the inner frame in coordinates of the outer frame.
struct Mat3 {
  Vec3 x{1, 0, 0}, y{0, 1, 0}, z{0, 0, 1};
};
inline Vec3 operator*(const Mat3& m, Vec3 v) { return m.x * v.x + m.y * v.y + m.z * v.z; }
inline Mat3 operator*(const Mat3& a, const Mat3& b) { return {a * b.x, a * b.y, a * b.z}; }
inline Mat3 Transposed(const Mat3& m) { return {{m.x.x, m.y.x, m.z.x}, {m.x.y, m.y.y, m.z.y}, {m.x.z, m.y.z, m.z.z}}; }

// Rotates by roll, then pitch, then yaw, about the axes of the outer frame; radians.
inline Mat3 FromEuler(double roll, double pitch, double yaw) {
  const double cr = std::cos(roll), sr = std::sin(roll), cp = std::cos(pitch), sp = std::sin(pitch);
  const double cy = std::cos(yaw), sy = std::sin(yaw);
  const Mat3 about_x{{1, 0, 0}, {0, cr, sr}, {0, -sr, cr}};
  const Mat3 about_y{{cp, 0, -sp}, {0, 1, 0}, {sp, 0, cp}};
  const Mat3 about_z{{cy, sy, 0}, {-sy, cy, 0}, {0, 0, 1}};
  return about_z * (about_y * about_x);
}

// Rotation vector: axis times angle in radians. REQUIRES: an angle well below pi.
inline Vec3 RotationVector(const Mat3& m) {
  const Vec3 twice_sine{m.y.z - m.z.y, m.z.x - m.x.z, m.x.y - m.y.x};
  const double sine = 0.5 * Length(twice_sine);
  const double angle = std::atan2(sine, 0.5 * (m.x.x + m.y.y + m.z.z - 1.0));
  return twice_sine * (sine > 1e-12 ? 0.5 * angle / sine : 0.5);
}

// Red, green and blue in linear light.
struct Color {
  float r = 0, g = 0, b = 0;
};
inline Color operator+(Color a, Color b) { return {a.r + b.r, a.g + b.g, a.b + b.b}; }
inline Color operator*(Color a, Color b) { return {a.r * b.r, a.g * b.g, a.b * b.b}; }
inline Color operator*(Color a, float k) { return {a.r * k, a.g * k, a.b * k}; }
inline Color Mix(Color a, Color b, float k) { return a * (1.0F - k) + b * k; }

inline float Smooth(double low, double high, double x) {
  const double k = std::clamp((x - low) / (high - low), 0.0, 1.0);
  return static_cast<float>(k * k * (3.0 - 2.0 * k));
}

inline uint64_t Mixed(uint64_t z) {
  z += 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

// Hash of a lattice point, uniform in [0, 1).
inline float Hash(int32_t x, int32_t y, uint32_t seed) {
  uint32_t h = static_cast<uint32_t>(x) * 0x8da6b343U ^ static_cast<uint32_t>(y) * 0xd8163841U ^ seed * 0xcb1ab31fU;
  h = (h ^ (h >> 15)) * 0x2c1b3c6dU;
  h = (h ^ (h >> 12)) * 0x297a2d39U;
  return static_cast<float>((h ^ (h >> 15)) >> 8) * 0x1p-24F;
}

// Value noise in [0, 1] with mean 0.5. Lattice cells have size 1.
inline float Noise(double x, double y, uint32_t seed) {
  const double fx = std::floor(x), fy = std::floor(y);
  const auto ix = static_cast<int32_t>(fx), iy = static_cast<int32_t>(fy);
  float u = static_cast<float>(x - fx), v = static_cast<float>(y - fy);
  u = u * u * (3.0F - 2.0F * u);
  v = v * v * (3.0F - 2.0F * v);
  const float a = Hash(ix, iy, seed), b = Hash(ix + 1, iy, seed);
  const float c = Hash(ix, iy + 1, seed), d = Hash(ix + 1, iy + 1, seed);
  return (a + (b - a) * u) * (1.0F - v) + (c + (d - c) * u) * v;
}

// Sum of octaves of noise. Octaves finer than the footprint (in units of x and y) fade to their mean.
inline float Fractal(double x, double y, double footprint, int octaves, uint32_t seed) {
  float sum = 0, weight = 0.5F, total = 0;
  double scale = 1;
  for (int i = 0; i < octaves; ++i) {
    const float keep = 1.0F - Smooth(0.35, 1.0, footprint * scale);
    const auto octave_seed = seed + static_cast<uint32_t>(i);
    sum += weight * (keep > 0 ? 0.5F + keep * (Noise(x * scale, y * scale, octave_seed) - 0.5F) : 0.5F);
    total += weight;
    weight *= 0.5F;
    scale *= 2;
  }
  return sum / total;
}

// The only source of random numbers in a scene.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  double Uniform(double low, double high) {
    state_ += 0x9e3779b97f4a7c15U;
    return low + (high - low) * static_cast<double>(Mixed(state_) >> 11) * 0x1p-53;
  }
  bool Chance(double probability) { return Uniform(0, 1) < probability; }
  int Below(int bound) { return static_cast<int>(Uniform(0, bound)); }
  uint32_t Seed() { return static_cast<uint32_t>(Uniform(0, 4294967296.0)); }

 private:
  uint64_t state_;
};

}  // namespace kitsink::road
