// Trains the decoder and the latents against the nets, phase by phase.

#include "codecs/hnerv/train_decoder.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "codecs/entries.h"
#include "codecs/hnerv/decoder_section.h"
#include "codecs/hnerv/decoder_torch.h"
#include "codecs/hnerv/frames.h"
#include "codecs/hnerv/quantise.h"
#include "codecs/hnerv/training_phases.h"
#include "kitsink/contest.h"
#include "nets/nets_torch.h"
#include "train/random.h"
#include "train/straight_through.h"
#include "train/train.h"

namespace kitsink::hnerv {
namespace {

using torch::Tensor;
using Tensors = std::vector<Tensor>;

constexpr double kLatentRate = 10, kStepRate = 5;  // over the decoder's

// The matrices that mix channels; not the stem, the heads and the biases.
bool IsMatrix(const DecoderTensor& tensor) {
  return !tensor.name.ends_with(".bias") && !tensor.name.starts_with("stem") && !tensor.name.starts_with("rgb");
}

Tensor Leaf(const Tensor& value) { return value.detach().clone().requires_grad_(true); }

// One row for each pair, near 0 as published.
Tensors StartLatents(const Latents& latents, uint64_t seed, torch::Device device) {
  SeededRandom random(seed ^ 0x6c6174656e74U);
  Tensors rows;
  for (uint32_t pair = 0; pair < latents.num_pairs; ++pair) {
    std::vector<float> values;
    if (!latents.codes.empty()) {
      values = DequantizeLatent(latents, pair);
    } else {
      // A sum of uniform draws, of deviation 0.1.
      for (uint32_t i = 0; i < latents.dims; ++i)
        values.push_back(0.1F * (random.Signed() + random.Signed() + random.Signed()));
    }
    rows.push_back(torch::tensor(values).to(device));
  }
  return rows;
}

class DecoderTrainer {
 public:
  // The arguments must outlive the trainer.
  DecoderTrainer(const Scene& scene, const TrainingTargets& targets, Nets::Modules& modules,
                 const DecoderTraining& training, int64_t num_processes)
      : start_(scene),
        targets_(targets),
        modules_(modules),
        training_(training),
        device_(TorchDevice(modules.device)),
        micro_batches_(device_.is_cuda() ? std::min(training.batch, num_processes) : training.batch),
        specs_(DecoderTensors(scene.shape)),
        pose_errors_(torch::full({static_cast<int64_t>(targets.pairs.size())}, -1.0, torch::kDouble)) {
    const bool random = scene.tensors.empty();
    for (const Tensor& value :
         random ? StartValues(scene.shape, training.seed, device_) : ValuesOf(scene.shape, scene.tensors, device_)) {
      values_.push_back(Leaf(value));
      const Tensor step = random ? FirstStep(value) : torch::tensor(scene.tensors[steps_.size()].scale);
      steps_.push_back(Leaf(step.to(device_).log()));
    }
    for (const Tensor& row : StartLatents(scene.latents, training.seed, device_)) latents_.push_back(Leaf(row));
    // A decoder that was brought has left the first phases behind it.
    for (const Phase& phase : PhasesOf(training.recipe)) {
      if (random || phase.quantised) phases_.push_back(phase);
    }
  }

  // The mean over the phases.
  double SecondsOfAStep() {
    double seconds = 0, shares = 0;
    for (const Phase& phase : phases_) {
      PairOrder order(latents_.size(), static_cast<size_t>(training_.batch), training_.seed);
      const auto step = [&] {
        for (int64_t micro = 0; micro < micro_batches_; ++micro) Loss(phase, 0, 1, micro, order).backward();
      };
      if (shares == 0) step();  // LibTorch prepares its kernels
      const Stopwatch watch;
      step();
      seconds += phase.share * watch.seconds();
      shares += phase.share;
    }
    noted_.clear();
    return seconds / shares;
  }

  Result<Scene> Train(int64_t steps, const ResumeFolder& folder, Progress& progress) {
    double shares = 0;
    for (const Phase& phase : phases_) shares += phase.share;
    int64_t done = 0;
    double share = 0;
    for (size_t i = 0; i < phases_.size(); ++i) {
      share += phases_[i].share / shares;
      const bool last = i + 1 == phases_.size();
      const int64_t end = last ? steps : std::min(static_cast<int64_t>(share * static_cast<double>(steps)), steps - 1);
      const std::string name = "train-" + std::to_string(i + 1);
      KIT_ASSIGN(const Checkpoint checkpoint, CheckpointOf(folder, name + ".checkpoint"));
      if (end > done) KIT_TRY(Run(phases_[i], end - done, last, checkpoint, progress));
      done = end;
    }
    return SceneOf(values_, steps_, latents_);
  }

 private:
  bool improved() const { return training_.recipe == Recipe::kImproved; }

  Status Run(const Phase& phase, int64_t steps, bool last, const Checkpoint& checkpoint, Progress& progress) {
    if (phase.quantised && !stepped_ && start_.tensors.empty()) {
      const torch::NoGradGuard no_grad;
      for (size_t i = 0; i < values_.size(); ++i) steps_[i].copy_(FirstStep(values_[i]).log());
    }
    stepped_ = stepped_ || phase.quantised;
    TrainOptions options;
    options.stage = "train: " + std::string(phase.name);
    options.steps = steps;
    options.micro_batches = micro_batches_;
    options.schedule.peak = RateFor(phase.rate, training_.steps);
    options.schedule.floor = RateFor(phase.last_rate, training_.steps) / options.schedule.peak;
    options.optimiser = phase.muon ? OptimiserKind::kMuon : OptimiserKind::kAdamW;
    options.muon_rate = 20;
    options.clip_norm = 1;
    options.ema_decay = 0.999;
    if (last) {
      // Measuring takes about a third of a step for each pair.
      const auto pairs = static_cast<int64_t>(latents_.size());
      options.evaluate_every = std::max({int64_t{1}, steps / 5, 2 * pairs / training_.batch});
      options.evaluate_from = steps * 2 / 5;
    }
    PairOrder order(latents_.size(), static_cast<size_t>(training_.batch),
                    training_.seed ^ static_cast<uint64_t>(steps));
    TrainHooks hooks;
    hooks.loss = [&](int64_t step, int64_t micro) { return Loss(phase, step, steps, micro, order); };
    hooks.notes = [this] { return std::exchange(noted_, {}); };
    hooks.learn = [&](int64_t step, const std::vector<double>& errors) {
      const std::vector<int64_t>& pairs = order.BatchOf(step);
      for (size_t i = 0; i < errors.size(); ++i) pose_errors_[pairs[i]] = errors[i];
    };
    if (last) {
      hooks.evaluate = [&](const Tensors& candidate) -> Result<double> {
        const Split parts = SplitUp(candidate);
        KIT_ASSIGN(const double score, training_.measure(SceneOf(parts.values, parts.steps, parts.latents)));
        Log(LogLevel::kInfo, "train: score " + std::to_string(score));
        return score;
      };
    }
    KIT_ASSIGN(const TrainResult trained, kitsink::Train(Groups(), options, hooks, checkpoint, progress));
    const torch::NoGradGuard no_grad;
    const Split parts = SplitUp(trained.best);
    for (size_t i = 0; i < values_.size(); ++i) values_[i].copy_(parts.values[i]);
    for (size_t i = 0; i < steps_.size(); ++i) steps_[i].copy_(parts.steps[i]);
    for (size_t i = 0; i < latents_.size(); ++i) latents_[i].copy_(parts.latents[i]);
    return Ok();
  }

  // Matrices, other tensors, steps, latents.
  Trainable Groups() const {
    Trainable trainable{{{{}, 0, true}, {}, {steps_, 0, false, kStepRate}, {latents_, 0, false, kLatentRate}},
                        {pose_errors_}};
    for (size_t i = 0; i < specs_.size(); ++i)
      trainable.groups[IsMatrix(specs_[i]) ? 0 : 1].tensors.push_back(values_[i]);
    return trainable;
  }

  struct Split {
    Tensors values, steps, latents;
  };
  // Tensors in the order of Groups().
  Split SplitUp(std::span<const Tensor> all) const {
    Split parts;
    parts.values.resize(specs_.size());
    size_t next = 0;
    for (const bool matrices : {true, false}) {
      for (size_t i = 0; i < specs_.size(); ++i) {
        if (IsMatrix(specs_[i]) == matrices) parts.values[i] = all[next++];
      }
    }
    const auto rest = all.subspan(next);
    parts.steps.assign(rest.begin(), rest.begin() + static_cast<ptrdiff_t>(steps_.size()));
    parts.latents.assign(rest.begin() + static_cast<ptrdiff_t>(steps_.size()), rest.end());
    return parts;
  }

  // The mean loss of a micro-batch, with gradients.
  Tensor Loss(const Phase& phase, int64_t step, int64_t steps, int64_t micro, PairOrder& order) {
    const std::vector<int64_t>& batch = order.BatchOf(step);
    const std::span<const int64_t> pairs = PartOfBatch(batch, micro, micro_batches_);
    const Tensor pictures =
        RenderPictures(start_.shape, phase.quantised ? QuantisedValues() : values_, LatentsOf(pairs, phase.quantised));
    if (phase.pictures) return (torch::avg_pool2d(pictures, 2) - HintsOf(pairs)).abs().mean() / 255;
    const Tensor read = AsRead(pictures);
    const Tensor f0 = read.slice(1, 0, 3), f1 = read.slice(1, 3, 6);
    const double v = static_cast<double>(step) / static_cast<double>(steps);
    const double tau = phase.first_tau * std::pow(phase.last_tau / phase.first_tau, v);
    Tensor loss = 100 * SegLoss(phase.seg, tau, SegLogits(modules_, f1), ClassesOf(pairs));
    loss = loss + PoseLoss(PoseOutputs(modules_, f0, f1), pairs);
    return phase.price > 0 ? loss + phase.price * training_.score_per_byte / 8 * Bits(phase, step) : loss;
  }

  Tensors QuantisedValues() const {
    Tensors values;
    for (size_t i = 0; i < values_.size(); ++i) {
      // The published recipe leaves biases as they are.
      const bool free = !improved() && specs_[i].name.ends_with(".bias");
      values.push_back(free ? values_[i]
                            : Quantised(values_[i], improved() ? steps_[i].exp() : LargestStep(values_[i])));
    }
    return values;
  }

  Tensor LatentsOf(std::span<const int64_t> pairs, bool quantised) const {
    Tensors rows;
    for (const int64_t pair : pairs) rows.push_back(latents_[static_cast<size_t>(pair)]);
    const Tensor real = torch::stack(rows);
    if (!quantised || !improved()) return real;
    const Latents stored = StoreLatents(torch::stack(latents_));
    for (size_t i = 0; i < pairs.size(); ++i) {
      rows[i] = torch::tensor(DequantizeLatent(stored, static_cast<uint64_t>(pairs[i]))).to(device_);
    }
    return StraightThrough(real, torch::stack(rows));
  }

  // What the nets read. The published training rounds after the nets' resize, which no frame does.
  Tensor AsRead(const Tensor& pictures) const {
    if (improved() || start_.chain == FrameChain::kPreimage) return ReadPictures(start_, pictures);
    const FrameSize size = start_.frame_size;
    const Tensor frames = torch::upsample_bicubic2d(pictures, {size.height, size.width}, /*align_corners=*/false);
    return RoundSte(ResizeToModelGrid(frames));
  }

  Tensor PoseLoss(const Tensor& outputs, std::span<const int64_t> pairs) {
    Tensors rows;
    for (const int64_t pair : pairs) {
      const auto& pose = targets_.pairs[static_cast<size_t>(pair)].pose;
      rows.push_back(torch::tensor(std::vector<float>(pose.begin(), pose.end())));
    }
    const Tensor poses = torch::stack(rows).to(device_);
    if (!improved()) return BatchPoseTerm(outputs, poses);
    // The slope of the score's term at the mean error of the whole clip, as it was when each pair was last seen.
    const Tensor errors = (outputs - poses).square().mean(1);
    const Tensor now = errors.detach().to(torch::kCPU, torch::kDouble);
    Tensor last = pose_errors_.clone();
    for (size_t i = 0; i < pairs.size(); ++i) {
      last[pairs[i]] = now[static_cast<int64_t>(i)];
      noted_.push_back(now[static_cast<int64_t>(i)].item<double>());
    }
    const double mean = last.masked_select(last.ge(0)).mean().item<double>();
    // Of larger errors the root counts: a few pairs that are far off would drown the others' gradients.
    const double knee = 3 * std::max(mean, 1e-7);
    return PoseTermSlope(knee / 3) * (2 * knee * ((1 + errors / knee).sqrt() - 1)).mean();
  }

  // Of all tensors' codes.
  Tensor Bits(const Phase& phase, int64_t step) const {
    Tensor bits = torch::zeros({}, torch::dtype(torch::kFloat32).device(device_));
    for (size_t i = 0; i < values_.size(); ++i) {
      if (improved()) {
        bits = bits + LaplaceBits(values_[i], steps_[i].exp());
      } else if (!specs_[i].name.ends_with(".bias")) {
        const uint64_t seed = training_.seed ^ (static_cast<uint64_t>(step) << 8 | i);
        bits = bits + static_cast<double>(values_[i].numel()) * SoftEntropy(values_[i], phase.sigma, seed);
      }
    }
    return bits;
  }

  // [N, 6, 192, 256]
  Tensor HintsOf(std::span<const int64_t> pairs) const {
    const auto height = static_cast<int64_t>(kHintSize.height), width = static_cast<int64_t>(kHintSize.width);
    Tensors rows;
    for (const int64_t pair : pairs) {
      const auto bytes = targets_.pictures.subspan(static_cast<size_t>(pair) * 2 * kHintSize.size_bytes());
      rows.push_back(torch::from_blob(const_cast<uint8_t*>(bytes.data()), {2, height, width, 3}, torch::kUInt8));
    }
    const Tensor pictures = torch::stack(rows).to(device_, torch::kFloat32).permute({0, 1, 4, 2, 3});
    return pictures.reshape({-1, 6, height, width});
  }

  Tensor ClassesOf(std::span<const int64_t> pairs) const {
    Tensors maps;
    for (const int64_t pair : pairs) {
      const std::vector<uint8_t>& ids = targets_.pairs[static_cast<size_t>(pair)].class_map;
      maps.push_back(
          torch::from_blob(const_cast<uint8_t*>(ids.data()), {kModelGrid.height, kModelGrid.width}, torch::kUInt8));
    }
    return torch::stack(maps).to(device_, torch::kInt64);
  }

  Scene SceneOf(std::span<const Tensor> values, std::span<const Tensor> steps, const Tensors& latents) const {
    Scene scene = start_;
    scene.tensors.clear();
    for (size_t i = 0; i < values.size(); ++i) {
      const double step = (improved() ? steps[i].exp() : LargestStep(values[i])).template item<double>();
      scene.tensors.push_back(StoreTensor(values[i], step, improved()));
    }
    scene.latents = StoreLatents(torch::stack(latents));
    scene.selector.clear();
    return scene;
  }

  const Scene& start_;
  const TrainingTargets& targets_;
  Nets::Modules& modules_;
  const DecoderTraining& training_;
  torch::Device device_;
  int64_t micro_batches_;
  std::vector<DecoderTensor> specs_;
  std::vector<Phase> phases_;
  Tensors values_;             // in the order of specs_
  Tensors steps_;              // logarithms of the quantiser's, of each tensor
  Tensors latents_;            // a row for each pair, which the optimiser passes over where a step does not use it
  Tensor pose_errors_;         // of each pair when it was last seen, below 0 before
  std::vector<double> noted_;  // of the last micro-batch, for pose_errors_
  bool stepped_ = false;
};

}  // namespace

Result<Scene> TrainDecoder(const Scene& scene, const TrainingTargets& targets, Nets& nets,
                           const DecoderTraining& training, const ResumeFolder& folder, Progress& progress) {
  return Guarded("train", [&]() -> Result<Scene> {
    KIT_ASSIGN(Nets::Modules* const modules, nets.FoldedModules());
    DecoderTraining planned = training;
    planned.batch = std::min(planned.batch, static_cast<int64_t>(targets.pairs.size()));
    const auto processes = static_cast<int64_t>(folder.crew().shard().count);
    DecoderTrainer trainer(scene, targets, *modules, planned, processes);
    if (training.plan) {
      KIT_ASSIGN(planned.steps, training.plan(trainer.SecondsOfAStep()));
    }
    return trainer.Train(planned.steps, folder, progress);
  });
}

}  // namespace kitsink::hnerv
