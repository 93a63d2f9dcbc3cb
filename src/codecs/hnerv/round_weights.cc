// Moves codes of the decoder in rounds, each judged by the archive's score.

#include "codecs/hnerv/round_weights.h"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <utility>

#include "codecs/entries.h"
#include "codecs/hnerv/weight_gradients.h"
#include "codecs/plan.h"
#include "kitsink/bytes.h"
#include "kitsink/contest.h"
#include "kitsink/score.h"
#include "nets/nets_torch.h"

namespace kitsink::hnerv {
namespace {

constexpr size_t kMostBlocks = 16;   // of pairs, each an entry of the job's folder
constexpr size_t kSets = 4;          // of moves in a round, each a quarter of the one before
constexpr double kLeastGain = 1e-4;  // of the score; a round that gains less is the last

class Rounder {
 public:
  Rounder(std::span<const Observation> targets, Nets::Modules& modules, const WeightRounding& options,
          const ResumeFolder& folder, Progress& progress)
      : targets_(targets), modules_(modules), options_(options), folder_(folder), progress_(progress) {}

  // The score, measured unless an earlier job has.
  Result<Score> Measure(const std::string& entry, const Scene& scene) const {
    KIT_ASSIGN(const KeptScore kept, MeasureKept(entry, scene, options_.measure, folder_));
    return kept.score;
  }

  // By every code: their sum over the blocks, and the sum of their squares.
  struct Gradients {
    std::vector<float> sum;
    std::vector<double> squares;
  };
  Result<Gradients> Differentiate(const std::string& name, const Scene& scene, const Score& score) const {
    const size_t blocks = std::min(kMostBlocks, targets_.size());
    const double slope = PoseTermSlope(std::max(score.pose, 1e-7));
    Gradients all;
    for (const Int8Tensor& tensor : scene.tensors) all.sum.resize(all.sum.size() + tensor.codes.size());
    all.squares.resize(all.sum.size());
    EntryWork work{.stage = name, .count = blocks, .unit = "blocks"};
    work.name = [&](size_t block) { return name + "-block-" + std::to_string(block); };
    work.make = [&](size_t block) -> Result<Bytes> {
      const PairRange pairs{targets_.size() * block / blocks, targets_.size() * (block + 1) / blocks};
      ByteWriter writer;
      for (const float value : CodeGradients(scene, pairs, targets_, modules_, slope)) writer.F32(value);
      return writer.Take();
    };
    work.take = [&](size_t, ByteReader& entry) {
      for (size_t i = 0; i < all.sum.size(); ++i) {
        const float value = entry.F32();
        all.sum[i] += value;
        all.squares[i] += double{value} * double{value};
      }
      return Ok();
    };
    KIT_TRY(MakeEntries(work, folder_, progress_));
    return all;
  }

  // Of a pass of gradients over all pairs, by the clock.
  Result<double> SecondsOfAPass(const Scene& scene) const {
    return Guarded("weights", [&]() -> Result<double> {
      const PairRange one{0, 1};
      CodeGradients(scene, one, targets_, modules_, 1);  // LibTorch prepares its kernels
      const Stopwatch watch;
      CodeGradients(scene, one, targets_, modules_, 1);
      return watch.seconds() * PairsOfAProcess(targets_.size(), folder_);
    });
  }

 private:
  std::span<const Observation> targets_;
  Nets::Modules& modules_;
  const WeightRounding& options_;
  const ResumeFolder& folder_;
  Progress& progress_;
};

// The best of some nested sets of moves.
struct MadeSet {
  Scene scene;
  Score score;
  size_t count = 0;  // 0: none lowers the score
};

// Tries the first `largest` of the moves, a quarter of them, and so on.
Result<MadeSet> MakeBest(const Rounder& rounder, const std::string& name, const Scene& scene, const Score& score,
                         std::span<const CodeMove> moves, size_t largest) {
  MadeSet best{scene, score, 0};
  size_t count = std::min(largest, moves.size());
  for (size_t set = 0; set < kSets && count > 0; ++set, count /= 4) {
    Scene moved = scene;
    MakeMoves(moves.first(count), moved);
    KIT_ASSIGN(const Score tried, rounder.Measure(name + "-" + std::to_string(set) + ".score", moved));
    if (tried.total() < best.score.total()) best = {std::move(moved), tried, count};
  }
  return best;
}

std::string RoundText(const WeightRound& round, const Score& score) {
  char text[200];
  std::snprintf(text, sizeof(text), "%llu moves of %llu, paid %lld bytes, gain %.8f, score %.8f",
                static_cast<unsigned long long>(round.made), static_cast<unsigned long long>(round.proposed),
                static_cast<long long>(round.paid_bytes), round.gain, score.total());
  return text;
}

}  // namespace

Result<RoundedScene> RoundWeights(const Scene& scene, std::span<const Observation> targets, Nets& nets,
                                  const WeightRounding& options, const ResumeFolder& folder, Progress& progress) {
  KIT_CHECK(targets.size() == scene.latents.num_pairs);
  KIT_ASSIGN(Nets::Modules* const modules, nets.FoldedModules());
  const Rounder rounder(targets, *modules, options, folder, progress);
  RoundedScene result{scene, {}};
  KIT_ASSIGN(const double pass, rounder.SecondsOfAPass(scene));
  const Stopwatch watch;
  KIT_ASSIGN(Score score, rounder.Measure(options.name + "-0.score", scene));
  const double round_seconds = pass + kSets * watch.seconds();
  LogEstimate(options.name + ": at most about", options.rounds * round_seconds, options.seconds_left());
  size_t largest = std::numeric_limits<size_t>::max();
  for (uint32_t r = 1; r <= options.rounds; ++r) {
    KIT_ASSIGN(const bool in_time, folder.crew().LeaderSays(options.seconds_left() > round_seconds));
    if (!in_time) break;
    const std::string name = options.name + "-" + std::to_string(r);
    KIT_ASSIGN(const Rounder::Gradients gradients, rounder.Differentiate(name, result.scene, score));
    const std::vector<CodeMove> moves = CheaperMoves(result.scene, gradients.sum, gradients.squares);
    largest = std::min(largest, moves.size() / 4);
    KIT_ASSIGN(MadeSet best, MakeBest(rounder, name, result.scene, score, moves, largest));
    largest = 4 * best.count;
    WeightRound report{moves.size(), best.count, 0, score.total() - best.score.total()};
    report.paid_bytes = static_cast<int64_t>(best.score.archive_bytes) - static_cast<int64_t>(score.archive_bytes);
    result.rounds.push_back(report);
    result.scene = std::move(best.scene);
    score = best.score;
    Log(LogLevel::kInfo, name + ": " + RoundText(report, score));
    if (report.gain < kLeastGain * score.total()) break;
  }
  return result;
}

}  // namespace kitsink::hnerv
