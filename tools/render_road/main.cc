// render_road: renders driving clips with exact ground truth from a seed.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>

#include "kitsink/bytes.h"
#include "kitsink/file.h"
#include "kitsink/video.h"
#include "render.h"
#include "video_encoder.h"
#include "world.h"

namespace kitsink::road {
namespace {

constexpr const char* kAbout = R"(Renders a driving clip from a seed, with its ground truth.

--masks  One byte a cell, 384 rows of 512 a map, one map a pair: the class of the pair's second frame
         (0 road, 1 lane marks, 2 undrivable, 3 movable, 4 own car). A cell holds what most of its 16 samples see;
         a lane mark wins from 6 samples on.
--poses  Six little-endian float32 a pair: the camera's true motion from the pair's first frame to its second, in
         openpilot's calibrated frame at the first (x forward, y right, z down): velocity in m/s (vx vy vz), then
         rotation rate in rad/s (about x roll, about y pitch, about z yaw).
Pair i is frames 2i and 2i + 1.)";

struct Options {
  WorldOptions world;
  uint64_t frames = 16;
  std::string size = "1164x874", output, masks, poses, png;
  std::string time_of_day = "any";
  int fps = 20, sub_frames = 1, threads = 0, crf = 20;
  bool force = false;
};

Result<FrameSize> ParseSize(const std::string& text) {
  FrameSize size;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%ux%u%c", &size.width, &size.height, &rest) != 2 || size.width < 16 ||
      size.height < 16 || size.width > 4096 || size.height > 4096) {
    return Error{Code::kInvalidArgument, "render_road: size: got '" + text + "', expected WxH, 16x16 to 4096x4096"};
  }
  return size;
}

Status Run(const Options& options) {
  KIT_ASSIGN(const FrameSize size, ParseSize(options.size));
  const Overwrite overwrite = options.force ? Overwrite::kAllow : Overwrite::kRefuse;
  for (const std::string& path : {options.output, options.masks, options.poses}) {
    if (!path.empty()) KIT_TRY(CheckWritable(path, overwrite));
  }
  if (!options.png.empty()) {
    std::error_code error;
    std::filesystem::create_directories(options.png, error);
    if (error) return Error{Code::kIo, options.png + ": cannot create: " + error.message()};
  }
  const World world = MakeWorld(options.world);
  RenderOptions render;
  render.size = size;
  render.sub_frames = options.sub_frames;
  render.shutter = world.light.time_of_day == TimeOfDay::kDay ? 0.006 : 0.02;
  render.threads = options.threads > 0 ? options.threads : static_cast<int>(std::thread::hardware_concurrency());
  VideoEncoderOptions encoding;
  encoding.frames_per_second = options.fps;
  encoding.codec_options = "preset=slow:crf=" + std::to_string(options.crf);
  std::optional<VideoEncoder> video;
  if (!options.output.empty()) {
    KIT_ASSIGN(VideoEncoder encoder, VideoEncoder::Create(options.output, size, encoding));
    video.emplace(std::move(encoder));
  }
  Bytes masks;
  ByteWriter poses;
  for (uint64_t i = 0; i < options.frames; ++i) {
    const double time = static_cast<double>(i) / options.fps;
    if (video.has_value() || !options.png.empty()) {
      const Frame frame = RenderFrame(world, time, render);
      if (video.has_value()) KIT_TRY(video->Write(frame));
      if (!options.png.empty()) {
        char name[32];
        std::snprintf(name, sizeof name, "%05llu.png", static_cast<unsigned long long>(i));
        KIT_TRY(SavePng(std::filesystem::path(options.png) / name, frame, overwrite));
      }
    }
    if (i % 2 == 1) {
      if (!options.masks.empty()) {
        const std::vector<uint8_t> map = RenderClassMap(world, time, kModelGrid, render.threads);
        masks.insert(masks.end(), map.begin(), map.end());
      }
      for (const double value : RelativePose(world, time - 1.0 / options.fps, time)) {
        poses.F32(static_cast<float>(value));
      }
    }
    std::fprintf(stderr, "\rframe %llu of %llu", static_cast<unsigned long long>(i + 1),
                 static_cast<unsigned long long>(options.frames));
  }
  std::fprintf(stderr, "\n");
  if (!options.masks.empty()) KIT_TRY(WriteFile(options.masks, masks, overwrite));
  if (!options.poses.empty()) KIT_TRY(WriteFile(options.poses, poses.Take(), overwrite));
  return video.has_value() ? video->Commit() : Ok();
}

}  // namespace
}  // namespace kitsink::road

int main(int argc, char** argv) {
  using kitsink::road::TimeOfDay;
  kitsink::road::Options options;
  CLI::App app(kitsink::road::kAbout, "render_road");
  app.add_option("--seed", options.world.seed, "Seed of the scene; the same seed gives the same pixels")
      ->capture_default_str();
  app.add_option("--frames", options.frames, "Number of frames")->check(CLI::Range(1, 100000))->capture_default_str();
  app.add_option("--size", options.size, "WxH; the field of view stays the contest's")->capture_default_str();
  app.add_option("--fps", options.fps, "Frames a second")->check(CLI::Range(1, 120))->capture_default_str();
  app.add_option("-o,--output", options.output, "Clip to write: HEVC, 4:2:0, BT.601 limited range");
  app.add_option("--masks", options.masks, "Class maps to write (u8)");
  app.add_option("--poses", options.poses, "Poses to write (f32)");
  app.add_option("--png", options.png, "Folder for the frames as PNG, before the codec");
  app.add_option("--light", options.time_of_day, "any (the seed chooses), day, dusk or night")
      ->check(CLI::IsMember({"any", "day", "dusk", "night"}))
      ->capture_default_str();
  app.add_option("--sub-frames", options.sub_frames, "Renderings averaged per frame, for motion blur")
      ->check(CLI::Range(1, 16))
      ->capture_default_str();
  app.add_option("--crf", options.crf, "Quality of the HEVC encoder, lower is better")
      ->check(CLI::Range(0, 51))
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Threads, 0 for all cores; does not change the pixels")
      ->check(CLI::Range(0, 256));
  app.add_flag("-f,--force", options.force, "Replace files that exist");
  CLI11_PARSE(app, argc, argv);
  const std::string& light = options.time_of_day;
  options.world.time_of_day = light == "day"     ? TimeOfDay::kDay
                              : light == "dusk"  ? TimeOfDay::kDusk
                              : light == "night" ? TimeOfDay::kNight
                                                 : TimeOfDay::kAny;
  options.world.seconds = static_cast<double>(options.frames) / options.fps;
  if (options.output.empty() && options.masks.empty() && options.poses.empty() && options.png.empty()) {
    std::fprintf(stderr, "render_road: nothing to write: give -o, --masks, --poses or --png\n");
    return 2;
  }
  if (const kitsink::Status status = Run(options); !status.ok()) {
    std::fprintf(stderr, "%s\n", status.error().message.c_str());
    return 1;
  }
  return 0;
}
