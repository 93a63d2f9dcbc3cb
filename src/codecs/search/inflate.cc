// Inflates with codec search: renders pairs, then searches for frames in which the nets see the archive's targets.

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "codecs/search/engine.h"
#include "codecs/search/options.h"
#include "codecs/search/render.h"
#include "codecs/search/scene.h"
#include "codecs/search/search_threads.h"

namespace kitsink::search {
namespace {

Json DescribeOptions(const InflateOptions& options, int threads) {
  const SearchOptions& search = options.search;
  const char* const grids[] = {"auto", "model", "camera"};
  return {{"prepass_steps", search.prepass_steps},
          {"steps", search.steps},
          {"repair_steps", search.repair_steps},
          {"batch", options.batch_size},
          {"grid", grids[static_cast<int>(search.grid)]},
          {"learning_rate", search.learning_rate},
          {"margin", search.margin},
          {"seg_weight", search.seg_weight},
          {"pose_weight", search.pose_weight},
          {"threads", threads}};
}

// Scales the plan's three stages down to `steps` in total.
SearchOptions ShrinkTo(const SearchOptions& plan, uint32_t steps) {
  if (steps >= plan.total_steps()) return plan;
  SearchOptions shrunk = plan;
  const double share = static_cast<double>(steps) / plan.total_steps();
  shrunk.prepass_steps = static_cast<uint32_t>(std::lround(plan.prepass_steps * share));
  shrunk.repair_steps = static_cast<uint32_t>(std::lround(plan.repair_steps * share));
  shrunk.steps = steps - std::min(steps, shrunk.prepass_steps + shrunk.repair_steps);
  return shrunk;
}

// Adds the curve of a pair to `sums`. Past the pair's last step, its curve keeps its last value.
void AddCurve(const std::vector<PairDistortion>& curve, std::vector<MeanDistortion>& sums) {
  sums.resize(std::max(sums.size(), curve.size()), sums.empty() ? MeanDistortion() : sums.back());
  for (size_t step = 0; step < sums.size(); ++step) {
    const PairDistortion& at = curve[std::min(step, curve.size() - 1)];
    sums[step].seg += double{at.seg};
    sums[step].pose += double{at.pose};
  }
}

class SearchSource final : public PairSource {
 public:
  // REQUIRES: CheckSearchable(scene).
  static Result<std::unique_ptr<PairSource>> Create(Scene scene, const EngineContext& context) {
    auto source = std::unique_ptr<SearchSource>(new SearchSource(std::move(scene), context));
    const int threads = ConfigureTorch(context.threads);
    KIT_ASSIGN(const Device device, ParseDevice(context.device));
    KIT_ASSIGN(source->nets_, Nets::Load(context.nets_folder, device));
    source->manifest_ = DescribeNets(source->nets_->info(), device);
    source->manifest_["options"] = DescribeOptions(source->options_, threads);
    KIT_ASSIGN(source->renderer_, Renderer::Create(source->scene_, device));
    const SearchThreads share = ShareThreads(device, threads);
    source->at_once_ = share.at_once;
    ConfigureTorch(share.each);
    return std::unique_ptr<PairSource>(std::move(source));
  }

  uint64_t num_pairs() const override { return scene_.mask.count; }
  size_t group_size() const override { return options_.batch_size; }
  uint32_t planned_steps() const override { return options_.search.total_steps(); }
  int calls_at_once() const override { return at_once_; }
  Json manifest() const override { return manifest_; }

  Result<InflatedPairs> Inflate(uint64_t first, size_t count, const PairBudget& budget) override {
    KIT_ASSIGN(std::vector<FramePair> rendered, renderer_->Render(first, count));
    SearchOptions search = ShrinkTo(options_.search, budget.steps);
    search.stop = budget.stop;
    const Stopwatch watch;
    KIT_ASSIGN(std::vector<SearchedPair> searched,
               SearchFrames(std::move(rendered), TargetsOf(first, count), *nets_, search));
    InflatedPairs pairs;
    pairs.step_seconds = watch.seconds();
    pairs.steps_run = searched[0].steps_run;
    for (SearchedPair& pair : searched) {
      pairs.frames.push_back(std::move(pair.frames));
      pairs.before.push_back(pair.before);
      pairs.after.push_back(pair.after);
      AddCurve(pair.curve, pairs.curve);
    }
    return pairs;
  }

 private:
  SearchSource(Scene scene, const EngineContext& context)
      : scene_(std::move(scene)), options_(OptionsOf<InflateOptions>(context)), poses_(DequantizeTrack(scene_.pose)) {}

  std::vector<PairTarget> TargetsOf(uint64_t first, size_t count) const {
    std::vector<PairTarget> targets(count);
    for (size_t i = 0; i < count; ++i) {
      targets[i].class_map = scene_.mask.map(first + i);
      std::copy_n(poses_.begin() + static_cast<std::ptrdiff_t>(kPoseValues * (first + i)), kPoseValues,
                  targets[i].pose.begin());
      targets[i].codes = CodesOf(scene_.selectors, first + i);
    }
    return targets;
  }

  Scene scene_;
  InflateOptions options_;
  std::vector<float> poses_;
  std::unique_ptr<Nets> nets_;
  std::unique_ptr<Renderer> renderer_;
  Json manifest_;
  int at_once_ = 1;
};

}  // namespace

Result<std::unique_ptr<PairSource>> Open(const Member& member, const EngineContext& context) {
  KIT_ASSIGN(Scene scene, DecodeScene(member, context));
  KIT_TRY(CheckSearchable(scene));
  return SearchSource::Create(std::move(scene), context);
}

}  // namespace kitsink::search
