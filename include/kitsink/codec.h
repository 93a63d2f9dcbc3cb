#pragma once
// The jobs of the command: compress, inflate and score as compositions of the rooms below.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kitsink/archive.h"
#include "kitsink/file.h"
#include "kitsink/limits.h"
#include "kitsink/log.h"
#include "kitsink/nets.h"
#include "kitsink/refine.h"
#include "kitsink/result.h"
#include "kitsink/score.h"

namespace kitsink {

// Pairs first .. end - 1 of a clip.
struct PairRange {
  uint64_t first = 0;
  uint64_t end = UINT64_MAX;
};

// What every job that runs the nets needs.
struct JobOptions {
  std::filesystem::path nets_folder;  // segnet.safetensors and posenet.safetensors
  std::string device = "auto";        // ParseDevice
  int threads = 0;                    // 0 = the processors this process may use
  std::optional<PairRange> pairs;
  Overwrite overwrite = Overwrite::kRefuse;
  Limits limits;
};

enum class GeneratorSize { kAuto, kTiny, kSmall, kFull };

struct CompressOptions {
  std::filesystem::path video;
  std::filesystem::path archive;
  GeneratorSize generator = GeneratorSize::kAuto;  // kAuto: by the number of pairs
  int mask_level = 2;
  FitOptions fit;  // its shape is set from `generator`
  SelectorEffort selectors = SelectorEffort::kNone;
};

struct CompressReport {
  ArchiveAnatomy anatomy;
  uint64_t archive_bytes = 0, original_bytes = 0, num_pairs = 0;
  std::string archive_sha256;
  double observe_seconds = 0, fit_seconds = 0, selector_seconds = 0, encode_seconds = 0;
  std::vector<TailGain> tails;  // that were tried
  std::string json;             // the manifest, also written beside the archive as "<archive>.json"
};

// video -> ReadTeacher -> Scene -> WeightFitter, ChooseSelectors -> archive. Ends by decoding the archive and comparing
// the integers. Targets, the fit's state and searches that are done are kept in "<archive>.resume" until the archive is
// whole, so that a killed job goes on and gives the same bytes.
Result<CompressReport> Compress(const CompressOptions& options, const JobOptions& job, Progress& progress);

// One of several processes, on one host or many, that share a job.
struct Shard {
  uint64_t index = 0;
  uint64_t count = 1;
  // The consecutive groups, of so many, that this process does.
  PairRange PartOf(uint64_t num_groups) const;
};

// "1/3", or "auto": the process's number in the environment of torchrun, Open MPI or Slurm.
Result<Shard> ParseShard(const std::string& text);

// "90s", "30m", "1h30m" to seconds; a bare number is seconds.
Result<double> ParseDuration(const std::string& text);

struct InflateOptions {
  std::filesystem::path archive;  // zip, or the folder it was extracted to
  std::filesystem::path folder;   // output; made when missing
  std::string name;               // "<name>.raw" and "<name>.json"; empty = the archive's stem
  size_t batch_size = 1;          // pairs searched together; groups begin at its multiples, whatever is asked for
  Shard shard;
  double time_limit_seconds = 0;  // 0 = none: the plan is fixed, and two runs agree
  SearchOptions search;
};

struct InflateReport {
  std::filesystem::path raw;
  uint64_t num_pairs = 0, pairs_done = 0;  // of the output; fewer done: other shards are still at work
  uint64_t pairs_cut = 0;                  // searched with fewer steps than planned, because of the time limit
  double decode_seconds = 0;
  double search_seconds = 0;     // summed over the groups, several of which may be searched at once
  MeanDistortion before, after;  // of the pairs done, against the archive's own targets
  std::string json;              // the manifest; empty while pairs are missing
};

// archive -> Scene -> Renderer -> SearchFrames -> frames of the .raw, group by group. Finished groups are kept in
// "<name>.raw.resume" beside the output, so that a killed job goes on and shards work on one output; whichever process
// finds all groups done gives the .raw its name. The bytes depend on archive, nets, options and pair alone.
Result<InflateReport> Inflate(const InflateOptions& options, const JobOptions& job, Progress& progress);

// Where the original's frames come from, whatever device the nets run on.
struct GroundTruthOptions {
  // Raw frames of another decoder, with their record beside them (README.md); empty: the video is decoded here, to the
  // same bytes as by PyAV and upstream's conversion.
  std::filesystem::path dump;
};

struct ScoreOptions {
  std::filesystem::path inflated;  // a .raw file, or a folder with exactly one
  std::filesystem::path original;  // the video
  std::filesystem::path archive;   // empty: the one that the manifest beside the .raw names
  GroundTruthOptions ground_truth;
  bool use_cache = true;  // remember what the nets read in the original
};

// Refuses a .raw that is short, or whose manifest names another archive than the one given.
Result<ScoreReport> RunScore(const ScoreOptions& options, const JobOptions& job, Progress& progress);

// The contest's evaluate.sh and evaluate.py in one; names and defaults are theirs.
struct EvaluateOptions {
  std::string submission_dir = "./submissions/baseline";  // archive.zip and inflate.sh
  std::string uncompressed_dir = "./videos";
  std::string video_names_file = "./public_test_video_names.txt";
  std::string report;  // empty: report.txt in submission_dir
  std::string device = "cpu";
  int batch_size = 16;
  int num_threads = 2;  // these three do nothing here but appear in the report
  int prefetch_queue_depth = 4;
  int seed = 1234;
  double time_limit_seconds = 30 * 60;  // of inflate.sh
  GroundTruthOptions ground_truth;      // of one video; of several, a folder of NAME.raw
  bool use_cache = true;
};

struct EvaluateReport {
  ScoreReport score;
  std::string text;  // report.txt: upstream's, the same characters apart from what was measured
};

// Unzips archive.zip, runs inflate.sh, scores, writes the report. Of job, `device` and `pairs` are not used.
Result<EvaluateReport> RunEvaluate(const EvaluateOptions& options, const JobOptions& job, Progress& progress);

// The class-map coder on files, for the laboratory: uint8 ids, map after map, or a folder of PNG pictures whose grey
// values are ids, in the order of their names.
struct MaskEncodeOptions {
  std::filesystem::path input;
  std::filesystem::path output;
  FrameSize size;            // of one map; PNGs bring their own
  uint32_t num_classes = 0;  // 0 = the largest id plus one, at least 2
  int level = 2;
};

struct MaskFileReport {
  MaskInfo info;
  uint64_t raw_bytes = 0, stream_bytes = 0;
  double seconds = 0;
};

Result<MaskFileReport> EncodeMaskFile(const MaskEncodeOptions& options, const JobOptions& job, Progress& progress);
// `output` ending in ".u8" gets the ids, anything else is a folder for PNGs "000000.png", ...
Result<MaskFileReport> DecodeMaskFile(const std::filesystem::path& input, const std::filesystem::path& output,
                                      const JobOptions& job, Progress& progress);
Result<MaskFileReport> DescribeMaskFile(const std::filesystem::path& input, const JobOptions& job);

// Widths of the generator for a size; kAuto by the number of pairs.
GeneratorShape ShapeFor(GeneratorSize size, uint64_t num_pairs);

}  // namespace kitsink
