// Reports library versions, device, nets and video that the engine finds on this machine.

#include "kitsink/score_jobs.h"
#include "kitsink/video.h"

namespace kitsink {
namespace {

Result<std::string> DeviceName(const std::string& text) {
  KIT_ASSIGN(const Device device, ParseDevice(text));
  return device.ToString();
}

Result<NetsInfo> LoadInfo(const std::filesystem::path& folder) {
  KIT_ASSIGN(const std::unique_ptr<Nets> nets, Nets::Load(folder, Device{}));
  return nets->info();
}

// Decodes the whole video: the claims of a container may be wrong, and damage may come late.
Result<VideoFacts> OpenVideo(const std::filesystem::path& path, const Limits& limits) {
  if (path.empty()) return VideoFacts();
  KIT_ASSIGN(VideoReader reader, VideoReader::Open(path, limits));
  VideoFacts facts{reader.frame_size(), 0};
  for (;;) {
    KIT_ASSIGN(const bool more, reader.Skip());
    if (!more) return facts;
    ++facts.num_frames;
  }
}

}  // namespace

EngineFacts DescribeEngine(const std::filesystem::path& video, const JobOptions& job) {
  ConfigureTorch(job.threads);
  return EngineFacts{.torch = TorchDescription(),
                     .decoder = DecoderVersion(),
                     .cuda = DescribeCuda(),
                     .device = DeviceName(job.device),
                     .nets = LoadInfo(job.nets_folder),
                     .video = OpenVideo(video, job.limits)};
}

}  // namespace kitsink
