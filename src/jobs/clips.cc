// Finds, checks and scores the videos of a names file.

#include "jobs/clips.h"

#include <algorithm>
#include <cstdio>
#include <map>
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
  KIT_TRY(VideoFileSize(clip.video));
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

void Append(const std::string& item, std::string& list) { list += (list.empty() ? "" : ", ") + item; }

// Adds what a clip says of itself, the first time that it is named.
Status AddClip(const Clip& clip, const ClipScore& score, ScoreReport& report) {
  KIT_ASSIGN(const uint64_t video_bytes, VideoFileSize(clip.video));
  report.score.original_bytes += video_bytes;
  Append(clip.video.string(), report.original_name);
  Append(score.video_sha256, report.original_sha256);
  Append(clip.raw.string(), report.inflated_name);
  AddGroundTruth(score, report);
  return Ok();
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
  ClipList list{names_file, uncompressed_dir, {}, {}};
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

Status CheckOriginals(const ClipList& list, const GroundTruthOptions& ground_truth, const Limits& limits) {
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
  std::map<std::string, size_t> scored;            // where the pairs of a video are
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
      KIT_TRY(AddClip(clip, score, report));
      pairs.push_back(std::move(score.pairs));
    } else {
      pairs.push_back(pairs[known->second]);
    }
    report.pairs.insert(report.pairs.end(), pairs.back().begin(), pairs.back().end());
  }
  report.num_pairs = report.total_pairs = report.pairs.size();
  FillMeans(pairs, nets.device(), options.batch_size, report);
  return NoteStrays(list, report);
}

}  // namespace kitsink
