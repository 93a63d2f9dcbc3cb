#pragma once
// Renders a world at one moment as a frame and as a class map.

#include <cstdint>
#include <vector>

#include "kitsink/frame.h"
#include "raster.h"
#include "world.h"

namespace kitsink::road {

// The contest's classes.
enum Class : uint8_t { kRoad = 0, kLaneMark = 1, kUndrivable = 2, kMovable = 3, kOwnCar = 4 };

struct RenderOptions {
  FrameSize size = kContestFrameSize;
  int threads = 1;         // does not change the pixels
  int sub_frames = 1;      // renderings averaged over the shutter time, for motion blur
  double shutter = 0.008;  // seconds, around `time`
};

Frame RenderFrame(const World& world, double time, const RenderOptions& options);

// One class per cell, rows from the top: the most frequent one of the cell's 16 samples. Lane marks are thin, so 6
// samples of them suffice.
std::vector<uint8_t> RenderClassMap(const World& world, double time, FrameSize grid, int threads);

// The projection of a world point into a picture of `size`: x and y in pixels, depth along the optical axis in metres.
struct PicturePoint {
  double x = 0, y = 0, depth = 0;
};
PicturePoint ProjectPoint(const Camera& camera, FrameSize size, Vec3 point);

// For the centre of each cell of `grid` (rows from the top): where the point seen there at time0 appears at time1, in
// cells. The own car stays in place. x is NaN for moving objects and for points behind the camera.
std::vector<PicturePoint> TrackCells(const World& world, double time0, double time1, FrameSize grid);

// The row, in pixels, where the own car begins in column x.
double HoodEdge(const Hood& hood, FrameSize size, double x);

}  // namespace kitsink::road
