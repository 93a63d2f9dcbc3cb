#pragma once
// The jobs that make archives, open them and turn them into frames, for every codec alike. score_jobs.h has the others.

#include <any>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kitsink/archive.h"
#include "kitsink/codec.h"
#include "kitsink/file.h"
#include "kitsink/limits.h"
#include "kitsink/log.h"
#include "kitsink/manifest.h"
#include "kitsink/result.h"
#include "kitsink/run.h"
#include "kitsink/score.h"

namespace kitsink {

// What every job may use.
struct JobOptions {
  Codecs codecs;
  std::filesystem::path nets_folder;  // segnet.safetensors and posenet.safetensors
  std::string device = "auto";        // ParseDevice
  int threads = 0;                    // 0 = the processors this process may use
  std::optional<PairRange> pairs;
  Overwrite overwrite = Overwrite::kRefuse;
  Limits limits;
};

struct CompressOptions {
  std::filesystem::path video;
  std::filesystem::path archive;
  std::string codec = "search";
  std::any options;  // the codec's own struct; empty = its defaults
};

struct CompressReport {
  uint64_t archive_bytes = 0, original_bytes = 0, num_pairs = 0;
  std::string archive_sha256;
  uint64_t container_bytes = 0, header_bytes = 0;       // of archive_bytes
  std::vector<SectionUse> sections;                     // the rest
  std::vector<std::string> remarks;                     // the codec's, for people
  std::vector<std::pair<std::string, double>> seconds;  // of each stage
  std::string json;  // the manifest, also written beside the archive as "<archive>.json"
};

// video -> codec -> archive. Ends by decoding the archive. What is finished is kept in "<archive>.resume" until the
// archive is whole, so that a killed job goes on and gives the same bytes.
Result<CompressReport> Compress(const CompressOptions& options, const JobOptions& job, Progress& progress);

struct InflateOptions {
  std::filesystem::path archive;  // zip, or the folder it was extracted to
  std::filesystem::path folder;   // output; made when missing
  std::string name;               // "<name>.raw" and "<name>.json"; empty = the archive's stem
  Shard shard;
  double time_limit_seconds = 0;  // 0 = none: the plan is fixed, and two runs agree
  std::any options;               // the codec's own struct; empty = its defaults
};

struct InflateReport {
  std::filesystem::path raw;
  uint64_t num_pairs = 0, pairs_done = 0;  // of the output; fewer done: other shards are still at work
  uint64_t pairs_cut = 0;                  // that took fewer steps than planned, because of the time limit
  uint32_t planned_steps = 0;              // of a group; 0 for codecs that do not search
  double decode_seconds = 0;
  double inflate_seconds = 0;    // summed over the groups, several of which may be worked on at once
  MeanDistortion before, after;  // of the pairs done, against the archive's own targets; zero for codecs without
  std::string json;              // the manifest; empty while pairs are missing
};

// archive -> PairSource -> frames of the .raw, group by group. Finished groups are kept in "<name>.raw.resume" beside
// the output, so that a killed job goes on and shards work on one output. The process that finds all groups done gives
// the .raw its name. The bytes depend on archive, nets, options and pair alone.
Result<InflateReport> Inflate(const InflateOptions& options, const JobOptions& job, Progress& progress);

// archive -> safetensors file with everything that it stores.
Result<uint64_t> Unpack(const std::filesystem::path& archive, const std::filesystem::path& tensors,
                        const JobOptions& job, Progress& progress);

struct PackReport {
  std::string codec;
  uint64_t archive_bytes = 0;
  uint64_t before_bytes = 0;  // of the archive that was repacked
  std::string archive_sha256;
};
// safetensors file -> the smallest archive of it. The file's metadata name the codec and the frame size.
Result<PackReport> Pack(const std::filesystem::path& tensors, const std::filesystem::path& archive,
                        const PackOptions& options, const JobOptions& job, Progress& progress);
// Both in one. A manifest of the archive's making goes along, with the new archive's name and hash.
Result<PackReport> Repack(const std::filesystem::path& from, const std::filesystem::path& to,
                          const PackOptions& options, const JobOptions& job, Progress& progress);

// An archive of ours, opened and described.
struct DescribedArchive {
  const CodecFormat* format = nullptr;
  int format_version = 0;
  FrameSize frame_size;
  uint64_t archive_bytes = 0, header_bytes = 0, container_bytes = 0;  // container: the zip around the member
  std::string sha256;
  Description description;
};
Result<DescribedArchive> DescribeArchive(const std::filesystem::path& archive, DescribeDepth depth,
                                         const JobOptions& job, Progress& progress);

// What is known of the codec that made an archive.
struct ArchiveCodec {
  std::string name;  // empty: kitsink does not know the archive
  bool nets_at_inflate = false;
};
ArchiveCodec IdentifyCodec(const std::filesystem::path& archive, const JobOptions& job);

// job.threads, or as many as there are processors.
int ThreadsOf(const JobOptions& job);

}  // namespace kitsink
