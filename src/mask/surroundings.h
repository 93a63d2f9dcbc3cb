#pragma once
// The maps around a pixel, the edges in them, and hashes of what is found there.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "mask/map_tables.h"

namespace kitsink {

// The maps a pixel is predicted from. `warped` is the previous map after motion compensation.
struct Surroundings {
  const MapTables* current;
  const MapTables* previous;
  const MapTables* older;
  const MapTables* warped;
};

// Hash of small integers. The first one identifies the context.
inline uint32_t MixHash(uint32_t hash, uint32_t value) {
  hash = (hash ^ value) * 0x85ebca6bU;
  return hash ^ (hash >> 15);
}
template <typename... Values>
uint32_t HashOf(uint32_t first, Values... rest) {
  uint32_t hash = first * 0x9e3779b1U + 0x7f4a7c15U;
  ((hash = MixHash(hash, static_cast<uint32_t>(rest))), ...);
  return hash;
}

// A quantised edge distance, finer near zero: 12 stands for distance 0, 0 for far left, 24 for far right, kNoStep for
// no edge.
inline constexpr uint32_t kNumSteps = 26, kNoStep = 25;
constexpr std::array<uint8_t, 512> MakeSteps() {
  std::array<uint8_t, 512> steps{};
  for (int distance = -255; distance <= 255; ++distance) {
    const int m = distance > 0 ? distance - 1 : -distance;
    const int far = m < 7 ? m : m < 9 ? 7 : m < 12 ? 8 : m < 17 ? 9 : m < 28 ? 10 : m < 60 ? 11 : 12;
    steps[static_cast<size_t>(distance + 255)] = static_cast<uint8_t>(distance > 0 ? 13 + std::min(far, 11) : 12 - far);
  }
  steps[static_cast<size_t>(kNoEdge + 255)] = kNoStep;
  return steps;
}
inline uint32_t QuantizeDistance(int distance) {
  static constexpr std::array<uint8_t, 512> kSteps = MakeSteps();
  return kSteps[static_cast<size_t>(distance + 255)];
}

// The end of class a's run in a row.
struct Edge {
  int distance;   // EdgeDistance()
  uint32_t step;  // the distance, quantised
  uint32_t key;   // step, and the class after the edge
};
inline Edge FindEdge(const MapTables& map, int y, int x, int a) {
  const int distance = EdgeDistance(map, y, x, a);
  const uint32_t beyond = map.ids.Row(y)[distance > 0 && distance < kFarRun ? x + distance : x];
  const uint32_t step = QuantizeDistance(distance);
  return {distance, step, step * 17 + beyond};
}

}  // namespace kitsink
