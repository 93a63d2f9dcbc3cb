// The class-map coder on files of ids and, with the engine's help, on pictures.

#include <algorithm>
#include <string>
#include <system_error>

#include "kitsink/run.h"
#include "kitsink/score_jobs.h"

namespace kitsink {
namespace {

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

bool IsFolder(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

Error NoPictures(const std::filesystem::path& path) {
  return Error{Code::kUnsupported, path.string() + ": pictures need the engine"};
}

Result<MaskClip> LoadPictures(const std::filesystem::path& folder, const MaskPictures& pictures, const Limits& limits) {
  if (pictures.load == nullptr) return NoPictures(folder);
  return pictures.load(folder, limits);
}

}  // namespace

Result<MaskFileReport> EncodeMaskFile(const MaskEncodeOptions& options, const MaskPictures& pictures,
                                      const JobOptions& job, Progress& progress) {
  KIT_TRY(CheckWritable(options.output, job.overwrite, {&options.input, 1}));
  KIT_ASSIGN(MaskClip clip, IsFolder(options.input) ? LoadPictures(options.input, pictures, job.limits)
                                                    : LoadIds(options.input, options.size, job.limits));
  const uint32_t largest = *std::max_element(clip.ids.begin(), clip.ids.end());
  clip.num_classes = options.num_classes != 0 ? options.num_classes : std::max(2U, largest + 1);
  const Stopwatch watch;
  const MaskOptions mask_options{.level = options.level};
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
                                      const MaskPictures& pictures, const JobOptions& job, Progress& progress) {
  const bool ids = output.extension() == ".u8";
  if (ids) KIT_TRY(CheckWritable(output, job.overwrite, {&input, 1}));
  KIT_ASSIGN(const Bytes stream, ReadFile(input, job.limits.max_member_bytes));
  MaskFileReport report;
  KIT_ASSIGN(report.info, ReadMaskInfo(stream, job.limits));
  const Stopwatch watch;
  KIT_ASSIGN(const MaskClip clip, DecodeMask(stream, ThreadsOf(job), job.limits, progress));
  report.seconds = watch.seconds();
  report.raw_bytes = clip.ids.size();
  report.stream_bytes = stream.size();
  if (ids) {
    KIT_TRY(WriteFile(output, clip.ids, job.overwrite));
  } else {
    if (pictures.save == nullptr) return NoPictures(output);
    KIT_TRY(pictures.save(clip, output, job.overwrite));
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
