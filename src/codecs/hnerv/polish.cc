// Polishes a scene in rounds: tests changes of every pair, makes those that lower the score together, and measures.

#include "codecs/hnerv/polish.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "codecs/entries.h"
#include "codecs/hnerv/pair_tester.h"
#include "codecs/plan.h"
#include "kitsink/bytes.h"
#include "kitsink/contest.h"
#include "kitsink/run.h"

namespace kitsink::hnerv {
namespace {

constexpr double kTolerance = 1e-6;  // of a prediction, relative to a score above 1

Bytes PackTested(std::span<const TestedChange> changes) {
  ByteWriter writer;
  for (const TestedChange& tested : changes) {
    writer.U8(static_cast<uint8_t>(tested.change.kind));
    writer.U8(tested.change.dim);
    writer.U8(static_cast<uint8_t>(tested.change.amount));
    writer.F32(tested.after.seg);
    writer.F32(tested.after.pose);
  }
  return writer.Take();
}

Result<std::vector<TestedChange>> UnpackTested(ByteReader& reader, size_t pair, const Scene& scene) {
  std::vector<TestedChange> changes;
  while (reader.remaining() > 0) {
    TestedChange& tested = changes.emplace_back();
    const uint8_t kind = reader.U8();
    tested.change.kind = static_cast<ChangeKind>(kind);
    tested.change.dim = reader.U8();
    tested.change.amount = static_cast<int8_t>(reader.U8());
    tested.after.seg = reader.F32();
    tested.after.pose = reader.F32();
    if (reader.overran() || kind >= kNumChangeKinds || !Fits(tested.change, pair, scene)) {
      return Error{Code::kCorrupt, "polished pair: an entry of the resume folder is damaged"};
    }
  }
  return changes;
}

void Count(ChangeKind kind, ChangeCounts& counts) {
  uint64_t& count = kind == ChangeKind::kCode   ? counts.codes
                    : kind == ChangeKind::kMode ? counts.modes
                                                : counts.corrections;
  ++count;
}

// A change that a round may make.
struct Choice {
  size_t pair = 0;
  TestedChange tested;
  double gain = 0;  // with the price of its bits
};

// A scene that a round may end with, and its predicted score.
struct Plan {
  Scene scene;
  std::vector<Choice> choices;
  Score score;
};

ChangePrices PricesAt(const KeptScore& measured) {
  const auto count = static_cast<double>(measured.pairs.size());
  const double slope = measured.score.pose > 0 ? PoseTermSlope(measured.score.pose) : 0;
  return {100 / count, slope / count, ScorePerByte(measured.score.original_bytes) / 8};
}

// One round, up to the scene that would follow.
class Round {
 public:
  // `scene` needs no decoder. All arguments must outlive it.
  Round(const Scene& scene, const KeptScore& measured, std::vector<PolishedPair>& pairs, const Polishing& options)
      : scene_(scene),
        measured_(measured),
        pairs_(pairs),
        options_(options),
        prices_(PricesAt(measured)),
        proposer_(scene, pairs, prices_),
        section_bytes_(EncodeLatentsSection(scene).size()) {}

  // Adds what the nets read to what is known of each pair. After the time limit pairs get no more candidates.
  Status Test(const PairTester& tester, const std::string& name, bool first, const ResumeFolder& folder,
              Progress& progress) {
    std::vector<std::vector<TestedChange>> found(pairs_.size());
    bool announce = first;
    EntryWork work{.stage = name, .count = pairs_.size()};
    work.name = [&](size_t i) { return name + "-pair-" + std::to_string(i); };
    work.make = [&](size_t i) -> Result<Bytes> {
      const Stopwatch watch;
      std::vector<TestedChange> changes;
      if (options_.seconds_left() > 0) {
        const size_t batch = PairTester::BatchOf(i, pairs_.size());
        for (const Change& change : proposer_.Propose(i, (options_.candidates + batch - 1) / batch * batch)) {
          changes.push_back({change, pairs_[i].now, {}, pairs_[i].version});
        }
      }
      KIT_TRY(tester.Test(scene_, i, changes));
      if (announce) Announce(watch.seconds(), folder);
      announce = false;
      return PackTested(changes);
    };
    work.take = [&](size_t i, ByteReader& entry) -> Status {
      KIT_ASSIGN(found[i], UnpackTested(entry, i, scene_));
      return Ok();
    };
    KIT_TRY(MakeEntries(work, folder, progress));
    for (size_t i = 0; i < pairs_.size(); ++i) {
      for (TestedChange& tested : found[i]) {
        tested.before = pairs_[i].now;
        tested.version = pairs_[i].version;
        Count(tested.change.kind, tried_);
        pairs_[i].tested.push_back(tested);
      }
    }
    return Ok();
  }

  const ChangeCounts& tried() const { return tried_; }

  // The plan of the least predicted score; nothing when none is lower than the present one.
  std::optional<Plan> Choose() const {
    std::optional<Plan> best;
    double least = measured_.score.total();
    // The first correction makes an entry for each pair, and so does the first mode: a few alone may not pay.
    for (const bool corrections : {true, false}) {
      for (const bool modes : {true, false}) {
        const std::vector<Choice> choices = BestOfEachPair(corrections, modes);
        for (size_t count = choices.size(); count > 0; count /= 2) {
          Plan plan = PlanOf(std::span(choices).first(count));
          if (!(plan.score.total() < least)) continue;
          least = plan.score.total();
          best = std::move(plan);
        }
      }
    }
    return best;
  }

 private:
  void Announce(double seconds_of_a_pair, const ResumeFolder& folder) const {
    LogEstimate(options_.name + ": at most about",
                seconds_of_a_pair * PairsOfAProcess(pairs_.size(), folder) * options_.rounds, options_.seconds_left());
  }

  // Of each pair the best change that lowers the score by itself, best pairs first.
  std::vector<Choice> BestOfEachPair(bool corrections, bool modes) const {
    std::vector<Choice> choices;
    for (size_t i = 0; i < pairs_.size(); ++i) {
      Choice best{i, {}, 0};
      for (const TestedChange& tested : pairs_[i].tested) {
        const ChangeKind kind = tested.change.kind;
        if (tested.version != pairs_[i].version) continue;
        if ((kind == ChangeKind::kCorrection && !corrections) || (kind == ChangeKind::kMode && !modes)) continue;
        const double gain =
            prices_.Gain(tested.before, tested.after) - prices_.bit * proposer_.GuessBits(tested.change, i);
        if (gain > best.gain) best = {i, tested, gain};
      }
      if (best.gain > 0) choices.push_back(best);
    }
    std::ranges::stable_sort(choices, std::greater(), &Choice::gain);
    return choices;
  }

  Plan PlanOf(std::span<const Choice> choices) const {
    Plan plan{scene_, {choices.begin(), choices.end()}, measured_.score};
    std::vector<PairDistortion> distortions = measured_.pairs;
    for (const Choice& choice : choices) {
      MakeChange(choice.tested.change, choice.pair, plan.scene);
      distortions[choice.pair] = choice.tested.after;
    }
    DropEmptyColumns(plan.scene);
    const MeanDistortion means = ExactMeans(distortions);
    plan.score.seg = means.seg;
    plan.score.pose = means.pose;
    plan.score.archive_bytes += EncodeLatentsSection(plan.scene).size() - section_bytes_;
    return plan;
  }

  const Scene& scene_;
  const KeptScore& measured_;
  std::vector<PolishedPair>& pairs_;
  const Polishing& options_;
  ChangePrices prices_;
  ChangeProposer proposer_;
  size_t section_bytes_ = 0;
  ChangeCounts tried_;
};

std::string RoundText(const PolishRound& round, double gain) {
  const auto counts = [](const ChangeCounts& c) {
    return std::to_string(c.codes) + " codes, " + std::to_string(c.corrections) + " corrections, " +
           std::to_string(c.modes) + " modes";
  };
  char scores[120];
  std::snprintf(scores, sizeof(scores), "predicted %.8f, measured %.8f, gain %.8f", round.predicted, round.measured,
                gain);
  return "tried " + counts(round.tried) + "; made " + counts(round.made) + "; paid " +
         std::to_string(round.paid_bytes) + " bytes; " + scores + (round.kept ? "" : ", undone");
}

// Moves the scene, and what is known of it, to a round's plan.
void Follow(const Plan& plan, const KeptScore& measured, std::vector<PolishedPair>& pairs, Scene& scene) {
  scene.latents = plan.scene.latents;
  scene.selector = plan.scene.selector;
  for (const Choice& choice : plan.choices) ++pairs[choice.pair].version;
  for (size_t i = 0; i < pairs.size(); ++i) pairs[i].now = measured.pairs[i];
}

}  // namespace

Result<PolishedScene> Polish(const Scene& scene, std::span<const Observation> targets, Nets& nets,
                             const Polishing& options, const ResumeFolder& folder, int threads, Progress& progress) {
  KIT_CHECK(targets.size() == scene.latents.num_pairs);
  PolishedScene result{scene, {}};
  DropEmptyColumns(result.scene);
  KIT_ASSIGN(KeptScore measured, MeasureKept(options.name + "-0.measured", result.scene, options.measure, folder));
  std::vector<PolishedPair> pairs;
  for (const PairDistortion& pair : measured.pairs) pairs.push_back({pair, 0, {}});
  KIT_ASSIGN(const std::unique_ptr<PairTester> tester, PairTester::Create(result.scene, targets, nets, threads));
  for (uint32_t r = 1; r <= options.rounds; ++r) {
    const std::string name = options.name + "-" + std::to_string(r);
    Scene without_decoder = result.scene;
    without_decoder.tensors.clear();
    Round round(without_decoder, measured, pairs, options);
    KIT_TRY(round.Test(*tester, name, r == 1, folder, progress));
    PolishRound report;
    report.tried = round.tried();
    report.predicted = report.measured = measured.score.total();
    if (report.tried.codes + report.tried.corrections + report.tried.modes == 0) break;
    const std::optional<Plan> plan = round.Choose();
    double gain = 0;
    if (plan.has_value()) {
      Scene planned = result.scene;
      planned.latents = plan->scene.latents;
      planned.selector = plan->scene.selector;
      KIT_ASSIGN(KeptScore after, MeasureKept(name + ".measured", planned, options.measure, folder));
      for (const Choice& choice : plan->choices) Count(choice.tested.change.kind, report.made);
      report.paid_bytes =
          static_cast<int64_t>(after.score.archive_bytes) - static_cast<int64_t>(measured.score.archive_bytes);
      report.predicted = plan->score.total();
      report.measured = after.score.total();
      gain = measured.score.total() - report.measured;
      report.kept = gain > 0;
      if (report.kept) {
        Follow(*plan, after, pairs, result.scene);
        measured = std::move(after);
      }
    }
    result.rounds.push_back(report);
    Log(LogLevel::kInfo, options.name + ": round " + std::to_string(r) + ": " + RoundText(report, gain));
    if (std::abs(report.predicted - report.measured) > kTolerance * std::max(1.0, report.measured)) {
      Log(LogLevel::kWarning, options.name + ": round " + std::to_string(r) +
                                  " was predicted otherwise than it was measured: the nets read single pairs "
                                  "otherwise than whole batches here");
    }
    if (plan.has_value() && !report.kept) break;
  }
  return result;
}

}  // namespace kitsink::hnerv
