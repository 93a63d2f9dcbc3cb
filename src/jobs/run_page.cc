// Gathers what the page about a run shows: the score, then pictures of the worst, the best and the chosen pairs.

#include <algorithm>
#include <numeric>
#include <string>

#include "kitsink/contest.h"
#include "kitsink/manifest.h"
#include "kitsink/score_jobs.h"
#include "kitsink/scorer.h"
#include "kitsink/video.h"

namespace kitsink {
namespace {

// What each pair adds to the score: its seg term, and its pose error times the slope of sqrt(10 * pose) at the mean.
std::vector<double> Shares(const ScoreReport& report) {
  const auto count = static_cast<double>(report.pairs.size());
  const double slope = report.score.pose > 0 ? PoseTermSlope(report.score.pose) : 0;
  std::vector<double> shares;
  for (const PairDistortion& pair : report.pairs) {
    shares.push_back((100 * double{pair.seg} + slope * double{pair.pose}) / count);
  }
  return shares;
}

// Shrinks a frame to a width of at most `width`, by means over blocks of pixels.
Frame Shrink(const Frame& frame, uint32_t width) {
  const uint32_t block = (frame.size.width + width - 1) / width;
  Frame small;
  small.size = {std::max(1U, frame.size.width / block), std::max(1U, frame.size.height / block)};
  small.rgb.resize(small.size.size_bytes());
  for (uint32_t y = 0; y < small.size.height; ++y) {
    for (uint32_t x = 0; x < small.size.width; ++x) {
      for (uint32_t channel = 0; channel < 3; ++channel) {
        uint32_t sum = block * block / 2;
        for (uint32_t i = 0; i < block * block; ++i) {
          const size_t row = std::min(y * block + i / block, frame.size.height - 1);
          const size_t column = std::min(x * block + i % block, frame.size.width - 1);
          sum += frame.rgb[(row * frame.size.width + column) * 3 + channel];
        }
        small.rgb[(size_t{y} * small.size.width + x) * 3 + channel] = static_cast<uint8_t>(sum / (block * block));
      }
    }
  }
  return small;
}

Result<std::string> Photo(const Frame& frame, uint32_t width) {
  KIT_ASSIGN(const Bytes bytes, EncodeJpeg(Shrink(frame, width)));
  return DataUri("image/jpeg", bytes);
}

std::string ClassPicture(std::span<const uint8_t> ids) {
  return DataUri("image/png", EncodePalettePng(kModelGrid, ids, PairPalette()));
}

Result<PagePair> Show(const FramePair& original, const FramePair& inflated, uint32_t width, Nets& nets) {
  KIT_ASSIGN(const std::vector<Observation> read, nets.Observe(std::span(&original, 1)));
  KIT_ASSIGN(const std::vector<Observation> read_again, nets.Observe(std::span(&inflated, 1)));
  const std::vector<uint8_t>& classes = read[0].class_map;
  std::vector<uint8_t> inflated_classes = read_again[0].class_map;
  for (size_t i = 0; i < classes.size(); ++i) {
    if (inflated_classes[i] == classes[i]) inflated_classes[i] += kNumClasses;  // pale
  }
  PagePair shown;
  shown.original_classes = ClassPicture(classes);
  shown.inflated_classes = ClassPicture(inflated_classes);
  KIT_ASSIGN(shown.original_f0, Photo(original.f0, width));
  KIT_ASSIGN(shown.original_f1, Photo(original.f1, width));
  KIT_ASSIGN(shown.inflated_f0, Photo(inflated.f0, width));
  KIT_ASSIGN(shown.inflated_f1, Photo(inflated.f1, width));
  return shown;
}

uint64_t BytesOf(const PagePair& pair) {
  return pair.original_f0.size() + pair.original_f1.size() + pair.original_classes.size() + pair.inflated_f0.size() +
         pair.inflated_f1.size() + pair.inflated_classes.size();
}

// The pairs to show, without pictures: the worst, the chosen and the best ones.
std::vector<PagePair> ChoosePairs(const PageOptions& options, const RunPage& page) {
  const ScoreReport& report = page.score;
  const std::vector<double> shares = Shares(report);
  std::vector<size_t> order(shares.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&shares](size_t a, size_t b) { return shares[a] > shares[b]; });
  const size_t num_worst = std::min(options.num_shown, (order.size() + 1) / 2);
  const size_t num_best = std::min(options.num_shown, order.size() / 2);
  std::vector<PagePair> pairs;
  const auto add = [&](size_t at, const std::string& why) {
    const uint64_t index = report.first_pair + at;
    const auto known = std::ranges::find(pairs, index, &PagePair::index);
    if (known != pairs.end()) return;
    PagePair& pair = pairs.emplace_back();
    pair.index = index;
    pair.why = why;
    pair.share = shares[at];
  };
  for (size_t i = 0; i < num_worst; ++i) add(order[i], "worst " + std::to_string(i + 1));
  for (const uint64_t index : options.pairs) {
    if (index >= report.first_pair && index - report.first_pair < order.size())
      add(index - report.first_pair, "chosen");
  }
  for (size_t i = 0; i < num_best; ++i) add(order[order.size() - 1 - i], "best " + std::to_string(i + 1));
  return pairs;
}

// Draws page.pairs. Reads the original once, up to the last of them. Pairs that would make the page too large are left
// out with a note.
Status DrawPictures(const ScoreOptions& options, uint32_t width, const JobOptions& job, RunPage& page,
                    Progress& progress) {
  const ScoreReport& report = page.score;
  KIT_ASSIGN(const Device device, ParseDevice(job.device));
  KIT_ASSIGN(const std::unique_ptr<Nets> nets, Nets::Load(job.nets_folder, device));
  KIT_ASSIGN(GroundTruth truth,
             GroundTruth::Open(report.original_name, options.ground_truth,
                               {report.first_pair, report.first_pair + report.num_pairs}, job.limits));
  KIT_ASSIGN(InflatedFrames raw, InflatedFrames::Open(report.inflated_name, truth.frame_size()));
  page.frame_size = truth.frame_size();
  const uint64_t end = std::ranges::max_element(page.pairs, {}, &PagePair::index)->index + 1 - report.first_pair;
  uint64_t bytes = 0;
  size_t left_out = 0;
  progress.Begin("pictures", end, "pairs");
  for (uint64_t i = 0; i < end; ++i) {
    KIT_ASSIGN(const std::optional<FramePair> original, truth.Next());
    if (!original.has_value()) break;
    const auto wanted = std::ranges::find(page.pairs, report.first_pair + i, &PagePair::index);
    if (wanted != page.pairs.end()) {
      KIT_ASSIGN(const FramePair inflated, raw.ReadPair(report.first_pair - report.raw_first_pair + i));
      KIT_ASSIGN(PagePair shown, Show(*original, inflated, width, *nets));
      shown.index = wanted->index;
      shown.why = wanted->why;
      shown.share = wanted->share;
      bytes += BytesOf(shown);
      left_out += bytes > kMaxPictureBytes ? 1 : 0;
      if (bytes <= kMaxPictureBytes) *wanted = std::move(shown);
    }
    progress.Update(i + 1, "");
    if (progress.stop_requested()) return Error{Code::kInterrupted, "interrupted; nothing was written"};
  }
  progress.End();
  std::erase_if(page.pairs, [](const PagePair& pair) { return pair.original_f1.empty(); });
  if (left_out > 0) {
    page.notes.push_back(std::to_string(left_out) + " pairs are not shown, because all pictures would take more than " +
                         std::to_string(kMaxPictureBytes >> 20) + " MiB: lower --show or --picture-width");
  }
  return Ok();
}

std::vector<PairDistortion> ToPairs(const std::vector<TracePoint>& points) {
  std::vector<PairDistortion> pairs;
  for (const TracePoint& point : points) {
    pairs.push_back({static_cast<float>(point.seg), static_cast<float>(point.pose)});
  }
  return pairs;
}

// Adds the search's figures when the manifest beside the .raw has them for exactly the scored pairs. A partial score of
// a whole .raw has fewer pairs.
void AddSearch(const std::filesystem::path& raw, RunPage& page) {
  const Result<std::optional<RawManifest>> manifest = LoadManifestBeside(raw);
  if (!manifest.ok() || !manifest.value().has_value()) return;
  const SearchTrace& trace = manifest.value()->trace;
  if (trace.before.size() != page.score.num_pairs || trace.after.size() != page.score.num_pairs) return;
  page.before = ToPairs(trace.before);
  page.after = ToPairs(trace.after);
  for (const TracePoint& point : trace.curve) page.curve.push_back({point.seg, point.pose});
}

// Adds the sizes of the archive's sections, for a kitsink archive.
void AddSections(const JobOptions& job, Progress& progress, RunPage& page) {
  Result<DescribedArchive> archive = DescribeArchive(page.score.archive_name, DescribeDepth::kQuick, job, progress);
  if (!archive.ok()) return;
  page.sections = std::move(archive.value().description.sections);
  page.sections.push_back({"header", "header", archive.value().header_bytes, "", {}});
  page.sections.push_back({"zip", "zip", archive.value().container_bytes, "", {}});
}

}  // namespace

Result<RunPage> MakeRunPage(const ScoreOptions& options, const PageOptions& shown, const JobOptions& job,
                            Progress& progress) {
  for (const uint64_t index : shown.pairs) {
    if (job.pairs.has_value() && (index < job.pairs->first || index >= job.pairs->end)) {
      return Error{Code::kInvalidArgument,
                   "pair " + std::to_string(index) + " is to be shown, but is not among --pairs"};
    }
  }
  RunPage page;
  KIT_ASSIGN(page.score, RunScore(options, job, progress));
  page.pairs = ChoosePairs(shown, page);
  for (const uint64_t index : shown.pairs) {
    if (std::ranges::find(page.pairs, index, &PagePair::index) != page.pairs.end()) continue;
    page.notes.push_back("pair " + std::to_string(index) + " is not shown, because it was not scored");
  }
  if (!page.pairs.empty()) KIT_TRY(DrawPictures(options, shown.picture_width, job, page, progress));
  for (const std::string& note : page.notes) Log(LogLevel::kWarning, note);
  AddSearch(page.score.inflated_name, page);
  AddSections(job, progress, page);
  return page;
}

}  // namespace kitsink
