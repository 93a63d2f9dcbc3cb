#pragma once
// A world at one moment as a frame and as a class map.

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
  int threads = 1;         // never changes a pixel
  int sub_frames = 1;      // more than one blurs motion over the shutter time
  double shutter = 0.008;  // seconds, around `time`
};

Frame RenderFrame(const World& world, double time, const RenderOptions& options);

// One class a cell, rows from the top: what fills most of the cell's 16 samples; a lane mark wins from 6 samples on,
// because it is thin.
std::vector<uint8_t> RenderClassMap(const World& world, double time, FrameSize grid, int threads);

// Where a point of the world falls in a picture of `size`, pixels; depth along the optical axis in metres.
struct PicturePoint {
  double x = 0, y = 0, depth = 0;
};
PicturePoint ProjectPoint(const Camera& camera, FrameSize size, Vec3 point);

// Where the camera at time1 sees what it saw at time0 in the middle of each cell of `grid`, in cells; rows from the
// top. Our own car stays where it is. x is NaN for what moves by itself or has come behind the camera.
std::vector<PicturePoint> TrackCells(const World& world, double time0, double time1, FrameSize grid);

// The picture's row, in pixels, where our own car begins in the column at x.
double HoodEdge(const Hood& hood, FrameSize size, double x);

}  // namespace kitsink::road
