#pragma once
// Rendered scenes as training data: a folder with one file a seed.
//
// A scene is kViews pictures on the model grid, taken within a tenth of a second, with the class map of the last and
// the motion between any two: the camera's, and the way of every cell of a coarse grid through the picture.

#include <cstdint>
#include <filesystem>

#include "kitsink/log.h"
#include "kitsink/result.h"

namespace kitsink::standin {

inline constexpr int64_t kViews = 3;
inline constexpr int64_t kPairs = 3;                       // of views: 0 1, 0 2, 1 2
inline constexpr int64_t kFirstView[kPairs] = {0, 0, 1};   // of each pair
inline constexpr int64_t kSecondView[kPairs] = {1, 2, 2};  // of each pair
inline constexpr uint32_t kTrackStep = 8;                  // cells of the model grid a cell of the coarse one
inline constexpr double kFrameSeconds = 0.05;              // poses are rates over this time, whatever passed
inline constexpr uint64_t kHeldOutSeed = 900000;           // seeds from here on are never trained on

struct Seeds {
  uint64_t first = 1, count = 0;
};

// Renders the scenes that `folder` lacks. Held-out scenes are three consecutive frames of a 20 Hz clip; in the others
// the time between views is drawn too, so that displacements of 0 to 1.75 m are equally likely at any speed.
Status RenderScenes(const std::filesystem::path& folder, Seeds seeds, int threads, Progress& progress);

}  // namespace kitsink::standin
