// Finds, checks and scores the videos of a names file.

#include "jobs/clips.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>
#include <system_error>

#include "kitsink/contest.h"
#include "kitsink/hash.h"

namespace kitsink {
namespace {

namespace fs = std::filesystem;

std::string Strip(const std::string& text) {
  constexpr const char* kSpace = " \t\r\n\f\v";
  const size_t begin = text.find_first_not_of(kSpace);
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// Names the encoding that a byte-order mark at the start of a text stands for; empty without one.
std::string ByteOrderMark(const std::string& text) {
  if (text.starts_with("\xef\xbb\xbf")) return "UTF-8";
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) return "UTF-16";
  return "";
}

// Names that mean the same file, such as "a.mkv" and "./a.mkv", have the same key.
std::string KeyOf(const Clip& clip) { return clip.video.lexically_normal().string(); }

void NoteRepeated(ClipList& list) {
  std::map<std::string, size_t> counts;
  for (const Clip& clip : list.clips) {
    if (++counts[KeyOf(clip)] != 2) continue;
    list.notes.push_back(list.names_file + " names " + clip.name +
                         " more than once: as upstream does, its pairs enter the means each time and its bytes count "
                         "once");
  }
}

// Upstream counts every file below the folder as original, so that an unrelated file lowers the rate.
Result<uint64_t> BytesBelow(const fs::path& folder) {
  uint64_t bytes = 0;
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (entry->is_regular_file()) bytes += entry->file_size();
  }
  if (error) return Error{Code::kIo, folder.string() + ": cannot list the folder: " + error.message()};
  return bytes;
}

// Notes the score that upstream would report if it counted unrelated files as original.
Status NoteStrays(const ClipList& list, ScoreReport& report) {
  KIT_ASSIGN(const uint64_t all_bytes, BytesBelow(list.uncompressed_dir));
  if (all_bytes <= report.score.original_bytes) return Ok();
  Score counted = report.upstream;
  counted.original_bytes = all_bytes;
  char text[64];
  std::snprintf(text, sizeof(text), "%.8f instead of %.8f", counted.total(), report.upstream.total());
  report.notes.push_back(list.uncompressed_dir + " holds " + std::to_string(all_bytes - report.score.original_bytes) +
                         " bytes in files that are not named; upstream would count them as original and score " + text);
  return Ok();
}

Status CheckOriginal(const Clip& clip, const GroundTruthOptions& ground_truth, const Limits& limits) {
  if (!ground_truth.dump.empty()) {
    KIT_ASSIGN(const std::string sha256, Sha256HexOfFile(clip.video));
    KIT_TRY(DescribeGroundTruth(ground_truth, sha256));
  }
  KIT_ASSIGN(GroundTruth truth, GroundTruth::Open(clip.video, ground_truth, PairRange{}, limits));
  const Result<std::optional<FramePair>> first = truth.Next();
  if (!first.ok()) return Within(clip.video.string(), first.error());
  if (first.value().has_value()) return Ok();
  return Error{Code::kCorrupt, ground_truth.dump.string() + ": holds no pair of frames"};
}

// Checks one file of every clip.
Status CheckFiles(const ClipList& list, fs::path Clip::*file, Result<uint64_t> (*check)(const fs::path&)) {
  std::optional<Error> first;
  size_t faulty = 0;
  for (const Clip& clip : list.clips) {
    const Result<uint64_t> checked = check(clip.*file);
    if (checked.ok()) continue;
    ++faulty;
    if (!first.has_value()) first = checked.error();
  }
  if (!first.has_value()) return Ok();
  if (faulty > 1) {
    first->message += "; the same is wrong with " + std::to_string(faulty - 1) + " more of the " +
                      std::to_string(list.clips.size()) + " names in " + list.names_file;
  }
  return *first;
}

// What the report tells of one name of a list, apart from its pairs.
struct NamedClip {
  ScoredClip scored;
  std::string frames_sha256;
};

// Names the originals and the frames: a single clip's by themselves, several by the list, because a line for each file
// would make a record of hundreds of clips too long for a ledger.
void NameClips(const ClipList& list, const std::vector<NamedClip>& named, const GroundTruthOptions& ground_truth,
               ScoreReport& report) {
  if (named.size() == 1) {
    report.original_name = list.clips[0].video.string();
    report.original_sha256 = named[0].scored.sha256;
    report.inflated_name = list.clips[0].raw.string();
    return;
  }
  std::vector<std::string> videos, frames;
  for (const NamedClip& clip : named) {
    videos.push_back(clip.scored.sha256);
    frames.push_back(clip.frames_sha256);
    report.clips.push_back(clip.scored);
  }
  report.original_name = list.names_file + ", " + std::to_string(named.size()) + " clips";
  report.original_sha256 = ListSha256(videos);
  report.inflated_name = list.inflated.string();
  report.ground_truth_sha256 = ListSha256(frames);
  if (!ground_truth.dump.empty()) report.ground_truth = "frames from the dumps in " + ground_truth.dump.string();
}

}  // namespace

Result<ClipList> ReadClipList(const std::string& names_file, const std::string& uncompressed_dir,
                              const fs::path& inflated) {
  KIT_ASSIGN(const Bytes bytes, ReadFile(names_file, 1 << 20));
  const std::string text(bytes.begin(), bytes.end());
  if (const std::string mark = ByteOrderMark(text); !mark.empty()) {
    return Error{Code::kInvalidArgument, names_file + ": begins with a byte-order mark (" + mark +
                                             "), which upstream takes for a part of the first name; save it as plain "
                                             "UTF-8 without the mark"};
  }
  ClipList list{names_file, uncompressed_dir, inflated, {}, {}};
  size_t blank = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string name = Strip(text.substr(begin, end - begin));
    begin = end + 1;
    const fs::path path = name;
    if (name.empty()) {
      ++blank;
      continue;
    }
    if (path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end()) {
      return Error{Code::kInvalidArgument, names_file + ": \"" + name + "\" leads out of its folder"};
    }
    // inflate.sh must write the shell's ${name%.*}.raw.
    list.clips.push_back({name, uncompressed_dir / path, inflated / (name.substr(0, name.rfind('.')) + ".raw")});
  }
  if (list.clips.empty()) return Error{Code::kInvalidArgument, names_file + ": names no video"};
  if (blank > 0) {
    list.notes.push_back(names_file + " has " + std::to_string(blank) +
                         " blank lines, left out here; upstream's evaluate.py takes them for videos and stops");
  }
  NoteRepeated(list);
  return list;
}

GroundTruthOptions GroundTruthOf(const GroundTruthOptions& options, const Clip& clip) {
  std::error_code error;
  if (!fs::is_directory(options.dump, error)) return options;
  return {options.dump / fs::path(clip.name).replace_extension(".raw")};
}

Status CheckInflated(const ClipList& list) { return CheckFiles(list, &Clip::raw, FileSize); }

Status CheckOriginals(const ClipList& list, const GroundTruthOptions& ground_truth, const Limits& limits) {
  KIT_TRY(CheckFiles(list, &Clip::video, VideoFileSize));
  std::map<std::string, bool> seen;
  for (const Clip& clip : list.clips) {
    if (!seen.emplace(KeyOf(clip), true).second) continue;
    KIT_TRY(CheckOriginal(clip, GroundTruthOf(ground_truth, clip), limits));
  }
  return Ok();
}

Status ScoreClipList(const ClipList& list, const ClipListOptions& options, Nets& nets, ScoreReport& report,
                     Progress& progress) {
  std::vector<std::vector<PairDistortion>> pairs;  // of each name
  std::vector<NamedClip> named;                    // likewise
  std::map<std::string, size_t> scored;            // the name under which a video was scored
  report.batch_size = options.batch_size;
  report.from_cache = true;
  report.notes.insert(report.notes.end(), list.notes.begin(), list.notes.end());
  for (const Clip& clip : list.clips) {
    const auto [known, is_new] = scored.emplace(KeyOf(clip), pairs.size());
    if (is_new) {
      const ClipRequest request{.video = clip.video,
                                .raw = clip.raw,
                                .ground_truth = GroundTruthOf(options.ground_truth, clip),
                                .pairs = std::nullopt,
                                .held = std::nullopt,
                                .batch_size = options.batch_size,
                                .use_cache = options.use_cache,
                                .limits = options.limits};
      KIT_ASSIGN(ClipScore score, ScoreClip(request, nets, progress));
      KIT_ASSIGN(const uint64_t video_bytes, VideoFileSize(clip.video));
      report.score.original_bytes += video_bytes;
      AddGroundTruth(score, report);
      named.push_back({{clip.name, score.video_sha256, video_bytes, score.pairs.size(), ExactMeans(score.pairs)},
                       score.ground_truth.frames_sha256});
      pairs.push_back(std::move(score.pairs));
    } else {
      named.push_back(named[known->second]);
      named.back().scored.name = clip.name;
      pairs.push_back(pairs[known->second]);
    }
    report.pairs.insert(report.pairs.end(), pairs.back().begin(), pairs.back().end());
  }
  report.num_pairs = report.total_pairs = report.pairs.size();
  NameClips(list, named, options.ground_truth, report);
  FillMeans(pairs, nets.device(), options.batch_size, report);
  return NoteStrays(list, report);
}

}  // namespace kitsink
