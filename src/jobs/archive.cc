// Identifies and describes an archive of any codec.

#include <algorithm>

#include "jobs/context.h"
#include "kitsink/at_once.h"
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
  KIT_ASSIGN(const LoadedArchive loaded, LoadArchive(archive, job.limits));
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

ArchiveCodec IdentifyCodec(const std::filesystem::path& archive, const JobOptions& job) {
  const Result<LoadedArchive> loaded = LoadArchive(archive, job.limits);
  if (!loaded.ok()) return {};
  const CodecFormat* const format = job.codecs.Find(loaded.value().member.codec);
  if (format == nullptr) return {};
  return {std::string(format->name), format->nets_at_inflate};
}

}  // namespace kitsink
