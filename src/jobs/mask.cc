// Encodes, decodes and describes class maps in files of ids or pictures.

#include <algorithm>
#include <cstdio>
#include <string>
#include <system_error>

#include "kitsink/run.h"
#include "kitsink/score_jobs.h"
#include "kitsink/video.h"

namespace kitsink {
namespace {

int Threads(const JobOptions& job) { return std::max(1, job.threads); }

Result<MaskClip> LoadIds(const std::filesystem::path& path, FrameSize size, const Limits& limits) {
  if (size.width == 0 || size.height == 0) {
    return Error{Code::kInvalidArgument, path.string() + ": a file of ids needs --size WxH"};
  }
  MaskClip clip;
  KIT_ASSIGN(clip.ids, ReadFile(path, limits.max_map_bytes));
  clip.width = size.width;
  clip.height = size.height;
  if (clip.ids.empty() || clip.ids.size() % clip.map_bytes() != 0 ||
      clip.ids.size() / clip.map_bytes() > limits.max_pairs) {
    return Error{Code::kInvalidArgument, path.string() + ": " + std::to_string(clip.ids.size()) +
                                             " bytes, expected 1 to " + std::to_string(limits.max_pairs) + " maps of " +
                                             std::to_string(clip.map_bytes()) + " bytes"};
  }
  clip.count = static_cast<uint32_t>(clip.ids.size() / clip.map_bytes());
  return clip;
}

Result<MaskClip> LoadPngs(const std::filesystem::path& folder, const Limits& limits) {
  std::vector<std::filesystem::path> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".png") names.push_back(entry.path());
  }
  if (error) return Error{Code::kIo, folder.string() + ": cannot list the folder: " + error.message()};
  if (names.empty()) return Error{Code::kInvalidArgument, folder.string() + ": holds no .png file"};
  std::sort(names.begin(), names.end());
  MaskClip clip;
  for (const std::filesystem::path& name : names) {
    KIT_ASSIGN(const Frame frame, LoadPng(name));
    if (clip.count == 0) {
      clip.width = frame.size.width;
      clip.height = frame.size.height;
    }
    if (frame.size != FrameSize{clip.width, clip.height}) {
      return Error{Code::kInvalidArgument, name.string() + ": " + std::to_string(frame.size.width) + " x " +
                                               std::to_string(frame.size.height) + ", the first picture is " +
                                               std::to_string(clip.width) + " x " + std::to_string(clip.height)};
    }
    ++clip.count;
    if (clip.count > limits.max_pairs || clip.count * clip.map_bytes() > limits.max_map_bytes) {
      return Error{Code::kLimit, folder.string() + ": more pictures than one stream may hold"};
    }
    for (size_t i = 0; i < frame.rgb.size(); i += 3) {
      if (frame.rgb[i] != frame.rgb[i + 1] || frame.rgb[i] != frame.rgb[i + 2]) {
        return Error{Code::kInvalidArgument, name.string() + ": has colours, expected grey values that are class ids"};
      }
      clip.ids.push_back(frame.rgb[i]);
    }
  }
  return clip;
}

Status SavePngs(const MaskClip& clip, const std::filesystem::path& folder, Overwrite overwrite) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return Error{Code::kIo, folder.string() + ": cannot make the folder: " + error.message()};
  Frame frame{{clip.width, clip.height}, std::vector<uint8_t>(3 * clip.map_bytes())};
  for (uint32_t i = 0; i < clip.count; ++i) {
    const std::span<const uint8_t> map = clip.map(i);
    for (size_t k = 0; k < map.size(); ++k)
      std::fill_n(frame.rgb.begin() + static_cast<std::ptrdiff_t>(3 * k), 3, map[k]);
    char name[32];
    std::snprintf(name, sizeof(name), "%06u.png", i);
    KIT_TRY(SavePng(folder / name, frame, overwrite));
  }
  return Ok();
}

}  // namespace

Result<MaskFileReport> EncodeMaskFile(const MaskEncodeOptions& options, const JobOptions& job, Progress& progress) {
  KIT_TRY(CheckWritable(options.output, job.overwrite));
  std::error_code error;
  const bool pngs = std::filesystem::is_directory(options.input, error);
  KIT_ASSIGN(MaskClip clip,
             pngs ? LoadPngs(options.input, job.limits) : LoadIds(options.input, options.size, job.limits));
  const uint32_t largest = *std::max_element(clip.ids.begin(), clip.ids.end());
  clip.num_classes = options.num_classes != 0 ? options.num_classes : std::max(2U, largest + 1);
  const Stopwatch watch;
  const MaskOptions mask_options{.level = options.level, .threads = Threads(job)};
  KIT_ASSIGN(const Bytes stream, EncodeMask(clip, mask_options, job.limits, progress));
  MaskFileReport report;
  report.seconds = watch.seconds();
  KIT_ASSIGN(report.info, ReadMaskInfo(stream, job.limits));
  report.raw_bytes = clip.ids.size();
  report.stream_bytes = stream.size();
  KIT_TRY(WriteFile(options.output, stream, job.overwrite));
  return report;
}

Result<MaskFileReport> DecodeMaskFile(const std::filesystem::path& input, const std::filesystem::path& output,
                                      const JobOptions& job, Progress& progress) {
  const bool ids = output.extension() == ".u8";
  if (ids) KIT_TRY(CheckWritable(output, job.overwrite));
  KIT_ASSIGN(const Bytes stream, ReadFile(input, job.limits.max_member_bytes));
  MaskFileReport report;
  KIT_ASSIGN(report.info, ReadMaskInfo(stream, job.limits));
  const Stopwatch watch;
  KIT_ASSIGN(const MaskClip clip, DecodeMask(stream, Threads(job), job.limits, progress));
  report.seconds = watch.seconds();
  report.raw_bytes = clip.ids.size();
  report.stream_bytes = stream.size();
  if (ids) {
    KIT_TRY(WriteFile(output, clip.ids, job.overwrite));
  } else {
    KIT_TRY(SavePngs(clip, output, job.overwrite));
  }
  return report;
}

Result<MaskFileReport> DescribeMaskFile(const std::filesystem::path& input, const JobOptions& job) {
  KIT_ASSIGN(const Bytes stream, ReadFile(input, job.limits.max_member_bytes));
  MaskFileReport report;
  KIT_ASSIGN(report.info, ReadMaskInfo(stream, job.limits));
  report.stream_bytes = stream.size();
  report.raw_bytes = uint64_t{report.info.width} * report.info.height * report.info.count;
  return report;
}

}  // namespace kitsink
