#pragma once
// The jobs around the codecs: score, evaluate, the pages about a run and an archive, the class-map coder alone, and the
// engine's report about this machine.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kitsink/frame.h"
#include "kitsink/jobs.h"
#include "kitsink/mask.h"
#include "kitsink/nets.h"
#include "kitsink/page.h"
#include "kitsink/result.h"
#include "kitsink/score.h"
#include "kitsink/scorer.h"

namespace kitsink {

struct ScoreOptions {
  std::filesystem::path inflated;  // a .raw file, a folder of them, or a submission's folder
  std::filesystem::path original;  // the video; empty: the one that the manifests name
  std::filesystem::path archive;   // empty: the submission's, or the one that the manifest beside the .raw names
  std::string video_names_file;    // empty: there is one .raw; else it names the videos of all, as for evaluate
  std::string uncompressed_dir = "videos";  // folder of the videos of the names file
  size_t batch_size = kUpstreamBatchSize;   // pairs whose figures are summed in float32
  GroundTruthOptions ground_truth;          // with a names file as for evaluate
  bool use_cache = true;                    // keep the original's observations for the next score
};

// Every file that a score reads, as far as the options and the manifests name it; some paths are empty.
std::vector<std::filesystem::path> InputsOf(const ScoreOptions& options);

// Refuses a short .raw, and a .raw whose manifest names another archive than the given one. Without a given original,
// refuses a file that is not the original named by the manifests. Where the manifests say which pairs of the original
// the .raw holds, it is compared with these; job.pairs must be among them. A names file excludes `original` and
// job.pairs.
Result<ScoreReport> RunScore(const ScoreOptions& options, const JobOptions& job, Progress& progress);

// Options of the contest's evaluate.sh and evaluate.py, with their names and defaults. An empty path stands for the one
// that evaluate.sh names in the working folder: an absolute one.
struct EvaluateOptions {
  std::string submission_dir;    // archive.zip and inflate.sh; default submissions/baseline
  std::string uncompressed_dir;  // default videos
  std::string video_names_file;  // default public_test_video_names.txt
  std::string report;            // default report.txt in submission_dir
  std::string device = "cpu";
  int batch_size = 16;
  int num_threads = 2;  // this and the next two have no effect, but appear in the report
  int prefetch_queue_depth = 4;
  int seed = 1234;
  double time_limit_seconds = 30 * 60;  // of inflate.sh
  GroundTruthOptions ground_truth;      // of one video; of several, a folder of NAME.raw
  bool use_cache = true;
};

struct EvaluateReport {
  ScoreReport score;
  std::string text;  // report.txt, as upstream writes it apart from the measured figures; then FormatUpstreamRemarks
};

// Checks everything that can be known before, then unzips archive.zip, removes old frames, runs inflate.sh, scores the
// frames and writes the report. Ignores job.device and job.pairs.
Result<EvaluateReport> RunEvaluate(const EvaluateOptions& options, const JobOptions& job, Progress& progress);

// The class-map coder on files, for experiments. Input is a file of uint8 ids, map after map, or a folder of PNG
// pictures whose grey values are ids, in the order of their names.
struct MaskEncodeOptions {
  std::filesystem::path input;
  std::filesystem::path output;
  FrameSize size;            // of one map; ignored for PNGs
  uint32_t num_classes = 0;  // 0 = the largest id plus one, at least 2
  int level = 2;
};

struct MaskFileReport {
  MaskInfo info;
  uint64_t raw_bytes = 0, stream_bytes = 0;
  double seconds = 0;
};

// Folders of pictures, which only the engine reads and writes. Null where it is not loaded.
struct MaskPictures {
  Result<MaskClip> (*load)(const std::filesystem::path& folder, const Limits& limits) = nullptr;
  Status (*save)(const MaskClip& clip, const std::filesystem::path& folder, Overwrite overwrite) = nullptr;
};
MaskPictures PngPictures();

Result<MaskFileReport> EncodeMaskFile(const MaskEncodeOptions& options, const MaskPictures& pictures,
                                      const JobOptions& job, Progress& progress);
// An `output` that ends in ".u8" becomes a file of ids; any other is a folder for PNGs "000000.png", ...
Result<MaskFileReport> DecodeMaskFile(const std::filesystem::path& input, const std::filesystem::path& output,
                                      const MaskPictures& pictures, const JobOptions& job, Progress& progress);
Result<MaskFileReport> DescribeMaskFile(const std::filesystem::path& input, const JobOptions& job);

struct VideoFacts {
  FrameSize frame_size;
  uint64_t num_frames = 0;  // decoded
};

// Each part can fail on its own, so that a reader sees all problems at once.
struct EngineFacts {
  std::string torch;    // TorchDescription
  std::string decoder;  // DecoderVersion
  CudaFacts cuda;
  Result<std::string> device;  // "cpu", "cuda:0"
  Result<NetsInfo> nets;       // loaded, on the CPU
  Result<VideoFacts> video;    // decoded to its end
};

// Uses job.nets_folder, job.device and job.threads. An empty `video` is not opened.
EngineFacts DescribeEngine(const std::filesystem::path& video, const JobOptions& job);

// What of a run the page shows in pictures.
struct PageOptions {
  size_t num_shown = 3;          // the worst pairs, and as many of the best
  std::vector<uint64_t> pairs;   // more pairs, as numbers in the clip
  uint32_t picture_width = 640;  // of a frame, pixels, at most
};
// Of all pictures of a page; pairs beyond are left out with a note.
inline constexpr uint64_t kMaxPictureBytes = 64 << 20;

// Scores as RunScore does, then fills in the page except for the ledger. kInvalidArgument for a pair to show that is
// not among job.pairs; one that turns out not to be scored is left out with a note.
Result<RunPage> MakeRunPage(const ScoreOptions& options, const PageOptions& shown, const JobOptions& job,
                            Progress& progress);

// Measures the archive. `original` as for FindOriginalSize. Needs no engine.
Result<ArchivePage> MakeArchivePage(const std::filesystem::path& archive, const std::filesystem::path& original,
                                    const JobOptions& job, Progress& progress);

}  // namespace kitsink
