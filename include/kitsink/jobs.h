#pragma once
// The jobs that make, open and inflate archives, for every codec alike. score_jobs.h has the others.

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

// Options of every job.
struct JobOptions {
  Codecs codecs;
  std::filesystem::path nets_folder;  // segnet.safetensors and posenet.safetensors
  std::string device = "auto";        // ParseDevice
  int threads = 0;                    // 0 = all processors this process may use
  std::optional<PairRange> pairs;
  Overwrite overwrite = Overwrite::kRefuse;
  Limits limits;
};

struct CompressOptions {
  std::filesystem::path video;
  GroundTruthOptions ground_truth;  // of its frames
  std::filesystem::path archive;
  std::string codec = "search";
  std::any options;                                // the codec's own struct; empty = its defaults
  std::vector<std::filesystem::path> inputs = {};  // files that these name, and others that must not be overwritten
  Shard shard;                                     // this process among those that make the archive together
};

// Empty but for the originals' bytes in other processes than the first of a shard.
struct CompressReport {
  uint64_t archive_bytes = 0, original_bytes = 0, num_pairs = 0;
  std::string archive_sha256;
  uint64_t container_bytes = 0, header_bytes = 0;       // part of archive_bytes
  std::vector<SectionUse> sections;                     // the rest of archive_bytes
  std::vector<std::string> remarks;                     // from the codec, for people
  std::vector<std::pair<std::string, double>> seconds;  // of each stage
  std::string json;  // the manifest, also written beside the archive as "<archive>.json"
};

// Compresses a video with a codec, then checks the archive by decoding it. Finished work stays in "<archive>.resume"
// until the archive is complete, so a killed job resumes and gives the same bytes.
Result<CompressReport> Compress(const CompressOptions& options, const JobOptions& job, Progress& progress);

struct InflateOptions {
  std::filesystem::path archive;  // zip, or the folder it was extracted to
  std::filesystem::path folder;   // output; made when missing
  std::string name;               // "<name>.raw" and "<name>.json"; empty = the archive's stem
  Shard shard;
  double time_limit_seconds = 0;  // 0 = none: every run takes the planned steps and gives the same frames
  std::any options;               // the codec's own struct; empty = its defaults
};

struct InflateReport {
  std::filesystem::path raw;
  uint64_t num_pairs = 0, pairs_done = 0;  // of the output; pairs_done is lower while other shards still work
  uint64_t pairs_cut = 0;                  // got fewer steps than planned, because of the time limit
  uint32_t planned_steps = 0;              // of a group; 0 for codecs that do not search
  double decode_seconds = 0;
  double inflate_seconds = 0;    // sum over the groups, several of which may run at once
  MeanDistortion before, after;  // of the finished pairs, against the archive's own targets; zero without targets
  std::string json;              // the manifest; empty while pairs are missing
};

// Inflates an archive to the frames of a .raw, group by group. Finished groups stay in "<name>.raw.resume" beside the
// output, so that a killed job resumes and shards share one output. The process that finds all groups finished renames
// the .raw to its final name. The bytes depend only on archive, nets, options and pair.
Result<InflateReport> Inflate(const InflateOptions& options, const JobOptions& job, Progress& progress);

// Writes everything that an archive stores to a safetensors file. Returns the file's size in bytes.
Result<uint64_t> Unpack(const std::filesystem::path& archive, const std::filesystem::path& tensors,
                        const JobOptions& job, Progress& progress);

struct PackReport {
  std::string codec;
  uint64_t archive_bytes = 0;
  uint64_t before_bytes = 0;  // of the archive that was repacked
  std::string archive_sha256;
};
// Makes the smallest archive of a safetensors file, whose metadata name the codec and the frame size.
Result<PackReport> Pack(const std::filesystem::path& tensors, const std::filesystem::path& archive,
                        const PackOptions& options, const JobOptions& job, Progress& progress);
// Unpack and Pack in one step, also for archives of other programs that a codec reads. Writes nothing unless the new
// archive decodes to the same tensors. Copies the manifest of `compress`, with the new archive's name and hash.
Result<PackReport> Repack(const std::filesystem::path& from, const std::filesystem::path& to,
                          const PackOptions& options, const JobOptions& job, Progress& progress);

// A kitsink archive, opened and described.
struct DescribedArchive {
  const CodecFormat* format = nullptr;
  int format_version = 0;  // 0: another program's format
  FrameSize frame_size;
  uint64_t archive_bytes = 0, header_bytes = 0, container_bytes = 0;  // container: the zip around the member
  std::string sha256;
  Description description;
};
Result<DescribedArchive> DescribeArchive(const std::filesystem::path& archive, DescribeDepth depth,
                                         const JobOptions& job, Progress& progress);

// Size of the video that an archive stands for, by which the score divides, and who says so.
struct OriginalSize {
  uint64_t bytes = 0;  // 1 or more
  std::string from;    // "the archive's manifest"
};
// From the video `original`, else `stated_bytes` if it is not 0, else the manifest beside the archive, else the
// contest.
Result<OriginalSize> FindOriginalSize(const std::filesystem::path& archive, const std::string& archive_sha256,
                                      const std::filesystem::path& original, uint64_t stated_bytes);

// What is known about the codec of an archive.
struct ArchiveCodec {
  std::string name;  // empty: kitsink does not know the archive
  bool nets_at_inflate = false;
};
ArchiveCodec IdentifyCodec(const std::filesystem::path& archive, const JobOptions& job);

// job.threads, or the number of processors for 0.
int ThreadsOf(const JobOptions& job);

}  // namespace kitsink
