// Prices random edits and edits like those of an encoder, and compares the prices with those of all rows, of other
// levels and of real encoding.

#include "mask_bench_edits.h"

#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <span>
#include <vector>

#include "kitsink/log.h"
#include "kitsink/mask_prices.h"
#include "kitsink/random.h"
#include "mask/edit_pricer.h"
#include "mask/motion_search.h"
#include "mask/segments.h"

namespace {

using kitsink::EditPrice;
using kitsink::EditPricer;
using kitsink::MapEdit;
using kitsink::MapEdits;
using kitsink::MaskClip;
using kitsink::PriceOptions;

constexpr size_t kNumEdits = 200;

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

template <typename T>
T Must(kitsink::Result<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "mask_bench: %s\n", result.error().message.c_str());
    std::exit(1);
  }
  return result.TakeValue();
}

// What an encoder might try: `kind` 0 gives random pixels random classes, 1 gives pixels at an edge the class of a
// neighbour, 2 gives pixels at an edge the class that the previous map has there.
constexpr const char* kKinds[] = {"random", "edge, a neighbour's class", "edge, the previous map's class"};
MapEdits MakeEdits(const MaskClip& clip, size_t map, int kind) {
  kitsink::SplitMix64 random(static_cast<uint64_t>(kind) + 1);
  const auto below = [&](uint32_t bound) { return static_cast<uint32_t>((random.Next() >> 32) * bound >> 32); };
  const std::span<const uint8_t> ids = clip.map(map), previous = clip.map(map - 1);
  MapEdits edits;
  for (size_t tries = 0; edits.size() < kNumEdits && tries < 10'000'000; ++tries) {
    const uint32_t x = below(clip.width), y = below(clip.height);
    const size_t at = size_t{y} * clip.width + x;
    const auto neighbour = [&](uint32_t direction) {
      const uint32_t nx = x + (direction == 0 ? 1 : 0) - (direction == 1 ? 1 : 0);
      const uint32_t ny = y + (direction == 2 ? 1 : 0) - (direction == 3 ? 1 : 0);
      return nx < clip.width && ny < clip.height ? ids[size_t{ny} * clip.width + nx] : ids[at];
    };
    const uint8_t beside = neighbour(below(4));
    const uint8_t id = kind == 0 ? static_cast<uint8_t>(below(clip.num_classes)) : kind == 1 ? beside : previous[at];
    if (id == ids[at] || (kind == 2 && beside == ids[at])) continue;
    if (std::ranges::none_of(edits, [&](const MapEdit& e) { return e.x == x && e.y == y; }))
      edits.push_back({x, y, id});
  }
  return edits;
}

std::vector<double> BitsOf(std::span<const EditPrice> prices) {
  std::vector<double> bits;
  for (const EditPrice& price : prices) bits.push_back(price.bits());
  return bits;
}
double Sum(std::span<const double> values) { return std::accumulate(values.begin(), values.end(), 0.0); }
double Mean(std::span<const double> values) { return Sum(values) / static_cast<double>(values.size()); }
double Correlation(std::span<const double> a, std::span<const double> b) {
  const double mean_a = Mean(a), mean_b = Mean(b);
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return ab / std::sqrt(aa * bb);
}

struct Priced {
  std::vector<EditPrice> prices;
  double seconds;  // CPU, without coding the maps before
};
Priced Price(const MaskClip& clip, size_t map, const PriceOptions& options, std::span<const MapEdits> candidates) {
  EditPricer pricer = Must(EditPricer::Create(clip, options, kitsink::Limits{}));
  const kitsink::Status advanced = pricer.AdvanceTo(map);
  if (!advanced.ok()) std::abort();
  const double before = CpuSeconds();
  std::vector<EditPrice> prices = Must(pricer.Price(map, candidates));
  return {std::move(prices), CpuSeconds() - before};
}

kitsink::Motion CameraOf(const MaskClip& clip) {
  return kitsink::FindCamera(clip.ids, static_cast<int>(clip.width), static_cast<int>(clip.height), clip.count);
}

// Bits of each map in a real stream.
std::vector<double> RealBits(const MaskClip& clip, int level) {
  const kitsink::Bytes stream = Must(kitsink::EncodeMask(clip, {level}, kitsink::Limits{}, kitsink::SilentProgress()));
  return Must(kitsink::MeasureMask(stream, 1, kitsink::Limits{}, kitsink::SilentProgress())).map_bits;
}
// Lengths of each map of `coded`, coded with the motions of `plain`.
std::vector<double> CodeLengths(const MaskClip& plain, const MaskClip& coded, int level) {
  const kitsink::MaskHead head = Must(kitsink::HeadOf(plain, level, kitsink::Limits{}));
  kitsink::MapModel model(kitsink::ShapeOf(head), kitsink::CodeLength());
  kitsink::Motion motion = CameraOf(plain);
  kitsink::MapTables previous = kitsink::EmptyMap(static_cast<int>(plain.width), static_cast<int>(plain.height), 4);
  std::vector<double> bits;
  for (size_t i = 0; i < coded.count; ++i) {
    if (i > 0) motion = kitsink::FindMotion(plain.map(i).data(), previous, motion);
    kitsink::FillMap(plain.map(i).data(), previous, previous);
    model.StartMap();
    model.CodeMotion(motion);
    const int64_t before = model.coder().total();
    model.CodeMap(coded.map(i).data());
    bits.push_back(static_cast<double>(model.coder().total() - before) * 0x1p-32);
  }
  return bits;
}
MaskClip Edited(MaskClip clip, size_t map, const MapEdits& edits) {
  for (const MapEdit& edit : edits) clip.ids[map * clip.map_bytes() + size_t{edit.y} * clip.width + edit.x] = edit.id;
  return clip;
}

void PrintKind(const char* kind, std::span<const EditPrice> prices) {
  std::vector<double> bits = BitsOf(prices);
  double map = 0, next = 0;
  for (const EditPrice& price : prices) map += price.map_bits, next += price.next_bits;
  std::ranges::sort(bits);
  const double n = static_cast<double>(bits.size());
  const auto cheaper = static_cast<double>(std::ranges::count_if(bits, [](double b) { return b < 0; }));
  std::printf("| %s | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.0f %% |\n", kind, Mean(bits), map / n, next / n,
              bits[bits.size() / 10], bits[bits.size() / 2], bits[bits.size() * 9 / 10], 100 * cheaper / n);
}

void PrintRows(const MaskClip& clip, size_t map, int level, int threads, std::span<const MapEdits> candidates) {
  const Priced truth = Price(clip, map, {level, threads, kitsink::kAllRows}, candidates);
  const std::vector<double> all = BitsOf(truth.prices);
  std::printf(
      "\n| rows below, level %d | CPU s | correlation with all rows | mean difference | mean of its magnitude | "
      "largest |\n",
      level);
  std::printf("| --- | --- | --- | --- | --- | --- |\n");
  for (const int rows : {0, 4, 8, 16, 24, 32, 64, static_cast<int>(clip.height)}) {
    const Priced priced = Price(clip, map, {level, threads, rows}, candidates);
    const std::vector<double> bits = BitsOf(priced.prices);
    double difference = 0, magnitude = 0, largest = 0;
    for (size_t i = 0; i < bits.size(); ++i) {
      difference += bits[i] - all[i];
      magnitude += std::abs(bits[i] - all[i]);
      largest = std::max(largest, std::abs(bits[i] - all[i]));
    }
    const auto n = static_cast<double>(bits.size());
    std::printf("| %d | %.2f | %.4f | %+.3f | %.3f | %.2f |\n", rows, priced.seconds, Correlation(bits, all),
                difference / n, magnitude / n, largest);
    std::fflush(stdout);
  }
  std::printf("| all, and the next map from what was learned | %.2f | 1 | 0 | 0 | 0 |\n", truth.seconds);
}

// "Coded again" is a run of the whole coder with the motions of the clip without edits, "encoded again" is
// EncodeMask(), which searches anew, for the camera of the whole clip, too. Both count all maps from the edited one on.
void PrintSets(const MaskClip& clip, size_t map, int level, std::span<const MapEdits> sets) {
  std::printf(
      "\n| all edits at once, level %d | sum of single prices | price | price, all rows | coded again, two maps | "
      "coded again, %zu maps | encoded again, two maps | encoded again, %zu maps | same camera |\n",
      level, clip.count - map, clip.count - map);
  std::printf("| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
  const kitsink::Motion camera = CameraOf(clip);
  const std::vector<double> plain = CodeLengths(clip, clip, level), real = RealBits(clip, level);
  for (size_t kind = 0; kind < sets.size(); ++kind) {
    std::vector<MapEdits> singles;
    for (const MapEdit& edit : sets[kind]) singles.push_back({edit});
    const double sum = Sum(BitsOf(Price(clip, map, {level, 1}, singles).prices));
    const double few = Price(clip, map, {level, 1}, sets.subspan(kind, 1)).prices[0].bits();
    const double all = Price(clip, map, {level, 1, kitsink::kAllRows}, sets.subspan(kind, 1)).prices[0].bits();
    const MaskClip edited = Edited(clip, map, sets[kind]);
    const std::vector<double> again = CodeLengths(clip, edited, level), real_again = RealBits(edited, level);
    const auto grown = [&](const std::vector<double>& after, const std::vector<double>& before, size_t maps) {
      return Sum(std::span(after).subspan(map, maps)) - Sum(std::span(before).subspan(map, maps));
    };
    std::printf("| %s | %.0f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %s |\n", kKinds[kind], sum, few, all,
                grown(again, plain, 2), grown(again, plain, clip.count - map), grown(real_again, real, 2),
                grown(real_again, real, clip.count - map), CameraOf(edited) == camera ? "yes" : "no");
    std::fflush(stdout);
  }
}

void PrintSingles(const MaskClip& clip, size_t map, int level, std::span<const MapEdits> candidates) {
  const std::vector<EditPrice> few = Price(clip, map, {level, 1}, candidates).prices;
  const std::vector<EditPrice> all = Price(clip, map, {level, 1, kitsink::kAllRows}, candidates).prices;
  std::printf("\n| one edit, level %d | price | price, all rows | coded again, two maps |\n| --- | --- | --- | --- |\n",
              level);
  const std::vector<double> plain = CodeLengths(clip, clip, level);
  for (size_t i = 0; i < candidates.size(); ++i) {
    const MapEdit& edit = candidates[i][0];
    const std::vector<double> again = CodeLengths(clip, Edited(clip, map, candidates[i]), level);
    std::printf("| (%u, %u) -> %d | %.2f | %.2f | %.2f |\n", edit.x, edit.y, edit.id, few[i].bits(), all[i].bits(),
                again[map] + again[map + 1] - plain[map] - plain[map + 1]);
  }
}

}  // namespace

int BenchEdits(const MaskClip& clip, size_t map, const std::string& levels, int threads) {
  if (map < 1 || map + 1 >= clip.count) {
    std::fprintf(stderr, "mask_bench: map %zu, expected 1 to %u\n", map, clip.count < 3 ? 1 : clip.count - 2);
    return 1;
  }
  std::vector<MapEdits> sets, candidates;
  for (int kind = 0; kind < 3; ++kind) {
    sets.push_back(MakeEdits(clip, map, kind));
    for (const MapEdit& edit : sets.back()) candidates.push_back({edit});
  }
  std::vector<MapEdits> at_edges;  // a quarter of the edits at edges
  for (size_t i = sets[0].size(); i < candidates.size(); i += 4) at_edges.push_back(candidates[i]);
  std::vector<std::vector<double>> by_level;
  for (const char name : levels) {
    const int level = name - '0';
    const PriceOptions options{level, threads};
    std::printf(
        "\n| edits of map %zu, level %d | bits | of this map | of the next | tenth | median | nine tenths | below 0 "
        "|\n",
        map, level);
    std::printf("| --- | --- | --- | --- | --- | --- | --- | --- |\n");
    std::vector<double> all_bits;
    double seconds = 0;
    for (size_t kind = 0, at = 0; kind < sets.size(); at += sets[kind].size(), ++kind) {
      const Priced priced = Price(clip, map, options, std::span(candidates).subspan(at, sets[kind].size()));
      PrintKind(kKinds[kind], priced.prices);
      for (const double bits : BitsOf(priced.prices)) all_bits.push_back(bits);
      seconds += priced.seconds;
    }
    std::printf("\n%zu edits: %.2f CPU seconds, 200 edits: %.2f\n", candidates.size(), seconds,
                200 * seconds / static_cast<double>(candidates.size()));
    for (size_t i = 0; i < by_level.size(); ++i) {
      std::printf(
          "correlation with level %c: %.4f, of edges alone %.4f; their mean there %.2f, here %.2f\n", levels[i],
          Correlation(by_level[i], all_bits),
          Correlation(std::span(by_level[i]).subspan(sets[0].size()), std::span(all_bits).subspan(sets[0].size())),
          Mean(std::span(by_level[i]).subspan(sets[0].size())), Mean(std::span(all_bits).subspan(sets[0].size())));
    }
    by_level.push_back(std::move(all_bits));
    PrintRows(clip, map, level, threads, at_edges);
    PrintSingles(clip, map, level, std::span(candidates).subspan(sets[0].size(), 4));
    PrintSets(clip, map, level, sets);
  }
  return 0;
}
