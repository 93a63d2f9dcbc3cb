// Renders scenes into files, and loads them as tensors.

#include "train_standin/scenes.h"

#include <array>
#include <cstring>
#include <string>

#include "kitsink/bytes.h"
#include "kitsink/file.h"
#include "render_road/render.h"
#include "render_road/world.h"
#include "train_standin/batches.h"

namespace kitsink::standin {
namespace {

constexpr size_t kPlane = size_t{kModelGrid.width} * kModelGrid.height;
constexpr size_t kSceneFloats = kPairs * 6 + 2;
constexpr FrameSize kTrackGrid{kModelGrid.width / kTrackStep, kModelGrid.height / kTrackStep};
constexpr size_t kTrackFloats = kPairs * 2 * kTrackGrid.width * kTrackGrid.height;
constexpr size_t kSceneBytes = kPlane * 3 * kViews + kPlane + (kSceneFloats + kTrackFloats) * 4;
constexpr double kStart = 0.2, kLongest = 0.12;  // seconds

std::filesystem::path SceneFile(const std::filesystem::path& folder, uint64_t seed) {
  return folder / ("scene_" + std::to_string(seed) + ".bin");
}

std::array<double, kViews> Times(const road::World& world, uint64_t seed) {
  if (seed >= kHeldOutSeed) return {kStart, kStart + kFrameSeconds, kStart + 2 * kFrameSeconds};
  road::Random random(road::Mixed(seed));
  const double distance = random.Uniform(0.05, 35 * kFrameSeconds);
  const double span = std::clamp(distance / std::max(world.speed, 1.0), 0.02, kLongest);
  return {kStart, kStart + span * random.Uniform(0.3, 0.7), kStart + span};
}

// Writes where the cells of the coarse grid at time `from` lie at time `to`: a plane of x, then one of y, in cells of
// the model grid.
void WriteTracks(const road::World& world, double from, double to, ByteWriter& writer) {
  const std::vector<road::PicturePoint> points = road::TrackCells(world, from, to, kTrackGrid);
  for (const road::PicturePoint& point : points) writer.F32(static_cast<float>(point.x * kTrackStep));
  for (const road::PicturePoint& point : points) writer.F32(static_cast<float>(point.y * kTrackStep));
}

Bytes RenderScene(uint64_t seed, int threads) {
  road::WorldOptions options;
  options.seed = seed;
  options.seconds = 1;
  const road::World world = road::MakeWorld(options);
  const std::array<double, kViews> times = Times(world, seed);
  road::RenderOptions render;
  render.size = kModelGrid;
  render.threads = threads;
  Bytes planes;
  planes.reserve(kSceneBytes);
  for (const double time : times) {
    const Frame frame = road::RenderFrame(world, time, render);
    for (size_t channel = 0; channel < 3; ++channel) {
      for (size_t i = 0; i < kPlane; ++i) planes.push_back(frame.rgb[3 * i + channel]);
    }
  }
  const std::vector<uint8_t> map = road::RenderClassMap(world, times.back(), kModelGrid, threads);
  ByteWriter writer;
  writer.Append(planes);
  writer.Append(map);
  for (size_t pair = 0; pair < kPairs; ++pair) {
    const double from = times[static_cast<size_t>(kFirstView[pair])],
                 to = times[static_cast<size_t>(kSecondView[pair])];
    for (const double rate : road::RelativePose(world, from, to)) {
      writer.F32(static_cast<float>(rate * (to - from) / kFrameSeconds));
    }
  }
  writer.F32(static_cast<float>(world.mount_pitch));
  writer.F32(static_cast<float>(world.mount_yaw));
  for (size_t pair = 0; pair < kPairs; ++pair) {
    WriteTracks(world, times[static_cast<size_t>(kFirstView[pair])], times[static_cast<size_t>(kSecondView[pair])],
                writer);
  }
  return writer.Take();
}

}  // namespace

Status RenderScenes(const std::filesystem::path& folder, Seeds seeds, int threads, Progress& progress) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return Error{Code::kIo, folder.string() + ": cannot create: " + error.message()};
  progress.Begin("render", seeds.count, "scenes");
  for (uint64_t i = 0; i < seeds.count; ++i) {
    const std::filesystem::path path = SceneFile(folder, seeds.first + i);
    if (!std::filesystem::exists(path)) {
      KIT_TRY(WriteFile(path, RenderScene(seeds.first + i, threads), Overwrite::kAllow));
    }
    progress.Update(i + 1, "");
    if (progress.stop_requested()) return Error{Code::kInterrupted, "interrupted"};
  }
  progress.End();
  return Ok();
}

Result<Scenes> LoadScenes(const std::filesystem::path& folder, Seeds seeds) {
  const auto count = static_cast<int64_t>(seeds.count);
  const int64_t height = kModelGrid.height, width = kModelGrid.width;
  Scenes scenes;
  scenes.pictures = torch::empty({count, kViews, 3, height, width}, torch::kUInt8);
  scenes.maps = torch::empty({count, height, width}, torch::kUInt8);
  scenes.poses = torch::empty({count, kPairs, 6});
  scenes.mounts = torch::empty({count, 2});
  scenes.tracks = torch::empty({count, kPairs, 2, kTrackGrid.height, kTrackGrid.width});
  for (int64_t i = 0; i < count; ++i) {
    const std::filesystem::path path = SceneFile(folder, seeds.first + static_cast<uint64_t>(i));
    KIT_ASSIGN(const Bytes bytes, ReadFile(path, kSceneBytes));
    if (bytes.size() != kSceneBytes)
      return Error{Code::kCorrupt, path.string() + ": is not a scene file of this version"};
    const uint8_t* from = bytes.data();
    const auto take = [&from](torch::Tensor to) {
      std::memcpy(to.data_ptr(), from, to.nbytes());
      from += to.nbytes();
    };
    take(scenes.pictures[i]);
    take(scenes.maps[i]);
    take(scenes.poses[i]);
    take(scenes.mounts[i]);
    take(scenes.tracks[i]);
  }
  return scenes;
}

}  // namespace kitsink::standin
