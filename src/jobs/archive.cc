// Identifies and describes an archive of any codec.

#include <algorithm>

#include "jobs/context.h"
#include "kitsink/at_once.h"
#include "kitsink/contest.h"
#include "kitsink/jobs.h"

namespace kitsink {

int ThreadsOf(const JobOptions& job) { return job.threads > 0 ? job.threads : CountProcessors(); }

std::string CodecNames(const Codecs& codecs) {
  std::string names;
  for (const CodecFormat* format : codecs.formats) names += (names.empty() ? "" : ", ") + std::string(format->name);
  return names;
}

void FillContext(const JobOptions& job, const std::any& options, Progress& progress, EngineContext& context) {
  context.limits = job.limits;
  context.threads = ThreadsOf(job);
  context.progress = &progress;
  context.nets_folder = job.nets_folder;
  context.device = job.device;
  context.options = options;
}

Result<DescribedArchive> DescribeArchive(const std::filesystem::path& archive, DescribeDepth depth,
                                         const JobOptions& job, Progress& progress) {
  KIT_ASSIGN(const LoadedArchive loaded, job.codecs.Load(archive, job.limits));
  const CodingContext context{job.limits, ThreadsOf(job), &progress};
  DescribedArchive described;
  const auto describe = [&]() -> Status {
    KIT_ASSIGN(described.format, job.codecs.FormatOf(loaded.member));
    KIT_ASSIGN(described.description, described.format->describe(loaded.member, depth, context));
    return Ok();
  };
  if (const Status status = describe(); !status.ok()) return Within(archive.string(), status.error());
  described.format_version = FormatVersion(loaded.member);
  described.frame_size = loaded.member.frame_size;
  described.archive_bytes = loaded.size_bytes;
  described.sha256 = loaded.sha256;
  described.header_bytes = HeaderBytes(loaded.member);
  described.container_bytes = loaded.size_bytes - described.header_bytes;
  for (const SectionUse& section : described.description.sections) described.container_bytes -= section.size_bytes;
  return described;
}

Result<OriginalSize> FindOriginalSize(const std::filesystem::path& archive, const std::string& archive_sha256,
                                      const std::filesystem::path& original, uint64_t stated_bytes) {
  if (!original.empty()) {
    KIT_ASSIGN(const uint64_t bytes, VideoFileSize(original));
    if (bytes > 0) return OriginalSize{bytes, "--original"};
    return Error{Code::kInvalidArgument, original.string() + ": is empty, expected the original video"};
  }
  if (stated_bytes > 0) return OriginalSize{stated_bytes, "--original-bytes"};
  const auto made = FindCompressManifest(archive, archive_sha256);
  if (made.has_value() && made->original_bytes > 0) return OriginalSize{made->original_bytes, "the archive's manifest"};
  return OriginalSize{kContestClip.size_bytes, "the contest's video"};
}

ArchiveCodec IdentifyCodec(const std::filesystem::path& archive, const JobOptions& job) {
  const Result<LoadedArchive> loaded = job.codecs.Load(archive, job.limits);
  if (!loaded.ok()) return {};
  const CodecFormat* const format = job.codecs.Find(loaded.value().member.codec);
  if (format == nullptr) return {};
  return {std::string(format->name), format->nets_at_inflate};
}

}  // namespace kitsink
