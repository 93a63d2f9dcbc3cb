// Gathers what the page about an archive shows.

#include <string>

#include "kitsink/score_jobs.h"

namespace kitsink {

Result<ArchivePage> MakeArchivePage(const std::filesystem::path& archive, const std::filesystem::path& original,
                                    const JobOptions& job, Progress& progress) {
  KIT_ASSIGN(DescribedArchive described, DescribeArchive(archive, DescribeDepth::kMeasured, job, progress));
  KIT_ASSIGN(const OriginalSize size, FindOriginalSize(archive, described.sha256, original, 0));
  ArchivePage page;
  page.archive_name = archive.string();
  page.sha256 = described.sha256;
  page.codec = described.format->name;
  page.format_version = described.format_version;
  page.frame_size = described.frame_size;
  page.archive_bytes = described.archive_bytes;
  page.header_bytes = described.header_bytes;
  page.container_bytes = described.container_bytes;
  page.original_bytes = size.bytes;
  page.original_from = size.from;
  page.description = std::move(described.description);
  return page;
}

}  // namespace kitsink
