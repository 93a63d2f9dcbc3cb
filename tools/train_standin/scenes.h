#pragma once
// Rendered scenes as training data: a folder with one file for each seed.
//
// A scene is kViews pictures on the model grid, taken within 0.12 s, and the class map of the last picture. For every
// two pictures it holds the motion of the camera, and where each cell of a coarse grid of the first lies in the second.

#include <cstdint>
#include <filesystem>

#include "kitsink/log.h"
#include "kitsink/result.h"

namespace kitsink::standin {

inline constexpr int64_t kViews = 3;
inline constexpr int64_t kPairs = 3;                       // of views: (0, 1), (0, 2), (1, 2)
inline constexpr int64_t kFirstView[kPairs] = {0, 0, 1};   // of each pair
inline constexpr int64_t kSecondView[kPairs] = {1, 2, 2};  // of each pair
inline constexpr uint32_t kTrackStep = 8;  // width and height of a cell of the coarse grid, in cells of the model grid
inline constexpr double kFrameSeconds = 0.05;     // between two frames of a clip; poses are given for this time
inline constexpr uint64_t kHeldOutSeed = 900000;  // seeds from here on are for reports; do not train on them

struct Seeds {
  uint64_t first = 1, count = 0;
};

// Renders the scenes that are missing in `folder`. Held-out scenes are three consecutive frames of a 20 Hz clip. In the
// other scenes the time between views is random, so that displacements of 0 to 1.75 m are equally likely at any speed.
Status RenderScenes(const std::filesystem::path& folder, Seeds seeds, int threads, Progress& progress);

}  // namespace kitsink::standin
