// Gathers what the page about a run shows: the score, then pictures of the worst and best pairs.

#include <algorithm>
#include <map>
#include <numeric>

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

// Shrinks a frame to at most the model grid's width, by means over blocks of pixels.
Frame Shrink(const Frame& frame) {
  const uint32_t block = (frame.size.width + kModelGrid.width - 1) / kModelGrid.width;
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

Frame DrawClasses(const Observation& original, const Observation& inflated) {
  Frame picture{kModelGrid, std::vector<uint8_t>(kModelGrid.size_bytes())};
  for (size_t i = 0; i < original.class_map.size(); ++i) {
    const bool differs = original.class_map[i] != inflated.class_map[i];
    for (size_t channel = 0; channel < 3; ++channel) {
      picture.rgb[3 * i + channel] = differs ? uint8_t{255} : kClassColours[original.class_map[i]].rgb[channel];
    }
  }
  return picture;
}

Result<std::string> Photo(const Frame& frame) {
  KIT_ASSIGN(const Bytes bytes, EncodeJpeg(Shrink(frame)));
  return DataUri("image/jpeg", bytes);
}

Result<PagePair> Show(const FramePair& original, const FramePair& inflated, Nets& nets) {
  PagePair shown;
  KIT_ASSIGN(const std::vector<Observation> read, nets.Observe(std::span(&original, 1)));
  KIT_ASSIGN(const std::vector<Observation> read_again, nets.Observe(std::span(&inflated, 1)));
  KIT_ASSIGN(const Bytes classes, EncodePng(DrawClasses(read[0], read_again[0])));
  shown.class_map = DataUri("image/png", classes);
  KIT_ASSIGN(shown.original, Photo(original.f1));
  KIT_ASSIGN(shown.f0, Photo(inflated.f0));
  KIT_ASSIGN(shown.f1, Photo(inflated.f1));
  return shown;
}

using ShownPairs = std::map<size_t, PagePair>;  // by index among the scored pairs

// Reads the original once, up to the last pair that is shown.
Result<ShownPairs> ShowPairs(const std::vector<size_t>& wanted, const ScoreOptions& options, const ScoreReport& report,
                             const JobOptions& job, Progress& progress) {
  ShownPairs shown;
  KIT_ASSIGN(const Device device, ParseDevice(job.device));
  KIT_ASSIGN(const std::unique_ptr<Nets> nets, Nets::Load(job.nets_folder, device));
  KIT_ASSIGN(GroundTruth truth,
             GroundTruth::Open(report.original_name, options.ground_truth,
                               {report.first_pair, report.first_pair + report.num_pairs}, job.limits));
  KIT_ASSIGN(InflatedFrames raw, InflatedFrames::Open(report.inflated_name, truth.frame_size()));
  const size_t end = *std::max_element(wanted.begin(), wanted.end()) + 1;
  progress.Begin("pictures", end, "pairs");
  for (size_t i = 0; i < end; ++i) {
    KIT_ASSIGN(const std::optional<FramePair> original, truth.Next());
    if (!original.has_value()) break;
    if (std::find(wanted.begin(), wanted.end(), i) != wanted.end()) {
      KIT_ASSIGN(const FramePair inflated, raw.ReadPair(report.first_pair - report.raw_first_pair + i));
      KIT_ASSIGN(shown[i], Show(*original, inflated, *nets));
    }
    progress.Update(i + 1, "");
    if (progress.stop_requested()) return Error{Code::kInterrupted, "interrupted; nothing was written"};
  }
  progress.End();
  return shown;
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
void AddSearch(const std::filesystem::path& raw, Page& page) {
  const Result<std::optional<RawManifest>> manifest = LoadManifestBeside(raw);
  if (!manifest.ok() || !manifest.value().has_value()) return;
  const SearchTrace& trace = manifest.value()->trace;
  if (trace.before.size() != page.score.num_pairs || trace.after.size() != page.score.num_pairs) return;
  page.before = ToPairs(trace.before);
  page.after = ToPairs(trace.after);
  for (const TracePoint& point : trace.curve) page.curve.push_back({point.seg, point.pose});
}

// Adds the sizes of the archive's sections, for a kitsink archive.
void AddSections(const JobOptions& job, Progress& progress, Page& page) {
  Result<DescribedArchive> archive = DescribeArchive(page.score.archive_name, DescribeDepth::kQuick, job, progress);
  if (!archive.ok()) return;
  page.sections = std::move(archive.value().description.sections);
  page.sections.push_back({"header", "header", archive.value().header_bytes, "", {}});
  page.sections.push_back({"zip", "zip", archive.value().container_bytes, "", {}});
}

}  // namespace

Result<Page> MakePage(const ScoreOptions& options, size_t num_shown, const JobOptions& job, Progress& progress) {
  Page page;
  KIT_ASSIGN(page.score, RunScore(options, job, progress));
  const std::vector<double> shares = Shares(page.score);
  std::vector<size_t> order(shares.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&shares](size_t a, size_t b) { return shares[a] > shares[b]; });
  const size_t num_worst = std::min(num_shown, (order.size() + 1) / 2);
  const size_t num_best = std::min(num_shown, order.size() / 2);
  std::vector<size_t> wanted(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(num_worst));
  wanted.insert(wanted.end(), order.rbegin(), order.rbegin() + static_cast<std::ptrdiff_t>(num_best));
  if (!wanted.empty()) {
    KIT_ASSIGN(ShownPairs shown, ShowPairs(wanted, options, page.score, job, progress));
    for (size_t i = 0; i < wanted.size(); ++i) {
      PagePair& pair = shown[wanted[i]];
      pair.index = page.score.first_pair + wanted[i];
      pair.share = shares[wanted[i]];
      (i < num_worst ? page.worst : page.best).push_back(std::move(pair));
    }
  }
  AddSearch(page.score.inflated_name, page);
  AddSections(job, progress, page);
  return page;
}

}  // namespace kitsink
